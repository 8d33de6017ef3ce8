"""The rule by which the names of images and of their ground truth belong together, found from the names alone."""

from collections.abc import Sequence
from functools import cached_property
from itertools import product
from math import ceil
from typing import NamedTuple

import numpy as np

from datamodules.pairing.affixes import Affixes, find_affixes, says_gt
from datamodules.pairing.folders import composed
from datamodules.pairing.joining import keys_of
from datamodules.pairing.name_patterns import SAME_STEM, NamePattern, Rule
from datamodules.pairing.packed_names import PackedNames, Places, hashes_of

_COUNTED = 300  # names in which heads and tails are counted
_TRIED = 60  # images on which each rule is tried, if all can have ground truth; else as many more as can have none
_MOST_TRIED = 300
_TRIED_FIRST = 12  # and those of which it must pair one; in one folder, a share of them are images
_MOST_TRIED_FIRST = 100
# Share of the images of the best rule that a variant must pair too, since a few of its files may be missing.
AS_MANY = 0.9
_SEPARATORS = "_-. "
_NONE = -1

Keys = Sequence[tuple[str, str | None]]


class Found(NamedTuple):
    """A rule that pairs some of the images that were tried.

    Attributes:
        image: What the names of the images have beside the shared part.
        gt: The same for the ground truth.
        place: `**/` where the folders of the two are not the same, else nothing.
        partners: The place of the ground truth of each image that was tried; -1 where there is none.
    """

    image: Affixes
    gt: Affixes
    place: str
    partners: tuple[int, ...]

    @property
    def paired(self) -> int:
        """How many of the images it pairs."""
        return sum(partner != _NONE for partner in self.partners)

    @property
    def pairs_all(self) -> bool:
        """Whether it pairs all that were tried."""
        return _NONE not in self.partners

    @property
    def rule(self) -> Rule:
        """Its patterns."""
        return Rule(self.image.pattern(self.place), self.gt.pattern(self.place))


class Names:
    """The files of one side by their stems.

    Args:
        files: Paths below a folder, sorted.
    """

    def __init__(self, files: PackedNames) -> None:
        self.files = files

    @cached_property
    def stems(self) -> Places:
        """Where each stem is; the folders are a part of it."""
        return Places(keys_of(self.files, NamePattern(SAME_STEM.gt_pattern, "")))

    @cached_property
    def bases(self) -> Places:
        """Where each stem is without its folders."""
        return Places(hashes_of((_split(_stem(name))[1] for name in self.files), len(self.files)))

    def sample(self, count: int) -> list[tuple[str, str]]:
        """Folder, with a slash behind it, and name of some stems: drawn, since kinds of files may take turns."""
        total = len(self.files)
        drawn = np.random.default_rng(0).choice(total, min(count, total), replace=False)
        return [_split(_stem(self.files[index])) for index in drawn.tolist()]

    def split(self, index: int) -> tuple[str, str]:
        """Folder and name of one stem."""
        return _split(_stem(self.files[index]))

    def has_same_stems(self, other: "Names") -> bool:
        """Whether both sides have the same stems; a few say at once that they have not."""
        keys = self.sample(_TRIED)
        return _NONE not in other.places("", keys, Affixes("", "")) and self.stems.has_same_texts(other.stems)

    def places(self, place: str, keys: Keys, affixes: Affixes) -> list[int]:
        """Where the files are that have these shared parts, in the same folder or, with a place, in any one; or -1."""
        if place:
            bases = [None if key is None else affixes.name(key) for _, key in keys]
            return self.bases.first(bases, only_single=True)
        return self.stems.first([None if key is None else folder + affixes.name(key) for folder, key in keys])


def _stem(name: str) -> str:
    return composed(name.rpartition(".")[0])


def _split(stem: str) -> tuple[str, str]:
    folder, slash, base = stem.rpartition("/")
    return folder + slash, base


class Rules(NamedTuple):
    """What was found in the names.

    Attributes:
        found: The best rule, the simplest of those that pair the same files, and behind it those that pair about the
            same images with other files.
        unused: Further rules that pair a part of the same images with other files.
        beside: Rules that pair further files of the same images with the same ground truth.
        other: A rule that pairs images that the best one does not pair.
    """

    found: list[Found]
    unused: list[Found] = []  # noqa: RUF012 (never appended to)
    beside: list[Found] = []  # noqa: RUF012
    other: Found | None = None


def find_rules(images: Names, gts: Names) -> Rules:
    """Find the rules that pair most of the images.

    Args:
        images: The names of the images.
        gts: Those of the ground truth; the same object where both are in one folder.
    """
    found = _rules(images, gts, "")
    if not found or not found[0].pairs_all:
        elsewhere = _rules(images, gts, "**/")
        if elsewhere and (not found or elsewhere[0].paired > found[0].paired):
            found = elsewhere
    called_so = [one for one in found if _gt_is_called_so(one)] if images is gts else found
    if not called_so:
        return Rules([])
    best = called_so[0]
    best = next((one for one in called_so if _is_addition(best, one, images)), best)
    of_same = [one for one in found if one is best or _is_of_same_images(one, best, images, gts)]
    variants = [one for one in called_so if one in of_same and one.paired >= AS_MANY * best.paired]
    variants.sort(key=lambda one: one is not best)
    unused = [one for one in of_same if one not in variants]
    of_gt = {one.gt for one in of_same}
    beside = [one for one in found if one.image not in of_gt and _is_addition(one, best, images)]
    others = (one for one in called_so if one not in beside and _pairs_others(one, best, images, gts))
    return Rules(variants, unused, beside, next(others, None))


def _more_pairs(one: Found, best: Found) -> list[int]:
    """The ground truth of images that the best rule does not pair."""
    both = zip(one.partners, best.partners, strict=True)
    return [gt for gt, of_best in both if gt != _NONE and of_best == _NONE]


def _is_of_same_images(one: Found, best: Found, images: Names, gts: Names) -> bool:
    """Whether a rule pairs images of the best one alone, and with other files."""
    if _more_pairs(one, best) or (one.image != best.image and one.paired < AS_MANY * best.paired):
        return False
    partners = [gt for gt in one.partners if gt != _NONE]
    return len(_without_image(partners, best, images, gts)) >= AS_MANY * len(partners)


def _pairs_others(one: Found, best: Found, images: Names, gts: Names) -> bool:
    """Whether a rule pairs an image that the best one does not pair, with ground truth that has no image by that.

    `a_centers` with `a_label` is no such pair beside `a_rgb` with `a_fg`: it belongs to the image `a_rgb`.
    """
    partners = _more_pairs(one, best)
    if one.image != best.image:
        partners = _without_image(partners, best._replace(gt=one.gt), images, gts)
    return bool(_without_image(partners, best, images, gts))


def _without_image(partners: list[int], rule: Found, images: Names, gts: Names) -> list[int]:
    """The part of some ground truth that has no image by a rule."""
    if not partners:
        return []  # as in most folders, where the stems of the images need not be known
    names = [gts.split(index) for index in partners]
    keys = [(folder, rule.gt.key(base)) for folder, base in names]
    there = images.places(rule.place, keys, rule.image)
    return [partner for partner, image in zip(partners, there, strict=True) if image == _NONE]


def _is_addition(one: Found, best: Found, images: Names) -> bool:
    """Whether the images of a rule are further files of the images of another: `a_superpixels.png` of `a.jpg`."""
    if not one.image.adds_to(best.image) or one.gt != best.gt or one.place != best.place:
        return False
    keys = [(folder, one.image.key(base)) for folder, base in images.sample(_MOST_TRIED)]
    keys = [(folder, key) for folder, key in keys if key is not None]
    there = [index != _NONE for index in images.places(best.place, keys, best.image)]
    return sum(there) >= AS_MANY * len(there)


def _rules(images: Names, gts: Names, place: str) -> list[Found]:
    """The rules that pair something, those that pair most first; each pairs other files than those before it."""
    one_folder = images is gts
    # Where few of the images have ground truth, so many are tried that some have it.
    rarity = max(1.0, len(images.files) / len(gts.files))
    tried = images.sample(min(ceil(_TRIED * rarity), _MOST_TRIED))
    first = min(ceil(_TRIED_FIRST * rarity), _MOST_TRIED_FIRST)
    some = ([base for _, base in names.sample(_COUNTED)] for names in (images, gts))
    image_side, gt_side = find_affixes(*some, one_folder=one_folder)
    keys_of_image = {image: [(folder, image.key(base)) for folder, base in tried] for image in image_side}
    found: dict[tuple[int, ...], Found] = {}
    for image, gt in sorted(product(image_side, gt_side), key=_complexity):
        if one_folder and image == gt:
            continue
        keys = keys_of_image[image]
        partners = gts.places(place, keys[:first], gt)
        if set(partners) == {_NONE} and len(tried) > first:
            continue
        partners += gts.places(place, keys[first:], gt)
        if set(partners) != {_NONE} and tuple(partners) not in found and not _says_little(keys):
            found[tuple(partners)] = Found(image, gt, place, tuple(partners))
    return sorted(found.values(), key=lambda one: -one.paired)  # stable: simple ones stay first


def _complexity(affixes: tuple[Affixes, Affixes]) -> tuple[int, int]:
    image, gt = affixes
    return len(image.head + image.tail + gt.head + gt.tail), len(image.head + image.tail)


def _says_little(keys: Keys) -> bool:
    """Whether the shared parts are all empty, or all begin or end with a separator that belongs to the rest: `21_`."""
    found = [key for _, key in keys if key is not None]
    if not all(found):
        return not any(found)
    return any(all(key[end] in _SEPARATORS for key in found) for end in (0, -1))


def _gt_is_called_so(one: Found) -> bool:
    """In one folder, whether the ground truth has a word for it in its name, or an addition to the image's name."""
    image, gt = ("".join(affixes) for affixes in (one.image, one.gt))
    return says_gt(gt) > says_gt(image) or (not image and bool(gt))
