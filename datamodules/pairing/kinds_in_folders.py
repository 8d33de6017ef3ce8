"""Images and ground truth that the folders tell apart: `images` beside `masks`, also in each of several folders."""

from datamodules.pairing.affixes import says_gt
from datamodules.pairing.name_patterns import FOLDERS, Rule
from datamodules.pairing.packed_names import PackedNames
from datamodules.pairing.pairing_rules import Names, find_rules

_MOST_KINDS = 50  # folders; a set with more has a folder for each image


def first_folders(files: PackedNames) -> list[str]:
    """The few folders in which all files are; none if a file is in no folder."""
    firsts = {name.partition("/")[0] if "/" in name else "" for name in files}
    return [] if "" in firsts or len(firsts) > _MOST_KINDS else sorted(firsts)


def names_below(folder: str, files: PackedNames) -> PackedNames:
    """The files below a folder, with their names there."""
    return PackedNames(name[len(folder) + 1 :] for name in files if name.startswith(f"{folder}/"))


def folders_of_both(files: PackedNames) -> tuple[str, list[str]] | None:
    """Find the folder of the images and that of their ground truth, which is called like it: `gt`, `masks`.

    There may be several of the latter, if the files of one have the same stems as the images.
    """
    firsts = first_folders(files)
    images, gts = ([first for first in firsts if says_gt(first) == is_gt] for is_gt in (False, True))
    if len(images) != 1 or not gts:
        return None
    if len(gts) > 1:
        names = Names(names_below(images[0], files))
        if not any(names.has_same_stems(Names(names_below(gt, files))) for gt in gts):
            return None
    return images[0], gts


def kinds_below(images: Names, gts: PackedNames) -> list[str]:
    """The folders of which each holds ground truth that some rule pairs with the images."""
    return [first for first in first_folders(gts) if find_rules(images, Names(names_below(first, gts))).found]


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
