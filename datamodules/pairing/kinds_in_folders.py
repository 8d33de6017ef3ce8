"""Images and ground truth that the folders tell apart: `images` beside `masks`, also in each of several folders."""

from datamodules.pairing.affixes import says_gt
from datamodules.pairing.name_patterns import FOLDERS, Rule
from datamodules.pairing.packed_names import PackedNames
from datamodules.pairing.pairing_rules import Names, find_rules

_MOST_KINDS = 50  # folders; a set with more has a folder for each image


def below_first_folders(files: PackedNames) -> dict[str, PackedNames]:
    """The files below each of a few folders, with their names there; nothing if a file is in none of them."""
    firsts = {name.partition("/")[0] if "/" in name else "" for name in files}
    if "" in firsts or len(firsts) > _MOST_KINDS:
        return {}
    return {
        first: PackedNames(name[len(first) + 1 :] for name in files if name.startswith(f"{first}/"))
        for first in sorted(firsts)
    }


def folders_of_both(files: PackedNames) -> tuple[str, list[str]] | None:
    """Find the folder of the images and that of their ground truth, which is called like it: `gt`, `masks`.

    There may be several of the latter, if the files of one have the same stems as the images.
    """
    below = below_first_folders(files)
    images, gts = ([first for first in below if says_gt(first) == is_gt] for is_gt in (False, True))
    if len(images) != 1 or not gts:
        return None
    names = Names(below[images[0]])
    is_plain = len(gts) == 1 or any(names.has_same_stems(Names(below[gt])) for gt in gts)
    return (images[0], gts) if is_plain else None


def kinds_below(images: Names, gts: PackedNames) -> list[str]:
    """The folders of which each holds ground truth that some rule pairs with the images."""
    return [first for first, files in below_first_folders(gts).items() if find_rules(images, Names(files)).found]


def rule_of_inner_folders(files: PackedNames) -> Rule | None:
    """Find the rule of two folders that are in each of several ones: `train/images`, `train/masks`, `val/images`."""
    lasts = {_folders(name)[1] for name in files}
    if len(lasts) != 2 or {says_gt(last) for last in lasts} != {False, True}:
        return None
    if not all("/" in _folders(name)[0] for name in files):
        return None
    image, gt = sorted(lasts, key=says_gt)
    sides = (PackedNames(_without(name) for name in files if _folders(name)[1] == last) for last in (image, gt))
    found = find_rules(*map(Names, sides)).found
    if not found or found[0].place:
        return None
    return Rule(*(one.pattern(f"{FOLDERS}/{last}/") for one, last in ((found[0].image, image), (found[0].gt, gt))))


def _folders(name: str) -> tuple[str, str]:
    """The folder in which a file is, and before it those above with a slash behind them."""
    above, slash, last = name.rpartition("/")[0].rpartition("/")
    return above + slash, last


def _without(name: str) -> str:
    """A name without the folder in which the file is."""
    return _folders(name)[0] + name.rpartition("/")[2]
