"""The rule by which the names of images and of their ground truth belong together, found from the names alone."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from datamodules.folders import composed
from datamodules.name_patterns import NUMBERS, STEM

_TOKENS = re.compile(r"[^\W\d_]+|\d+|[\W_]")
_SEPARATORS = "_-. "
_JPEG = (".jpg", ".jpeg")  # which changes values, so that it is a photograph beside anything else
_COUNTED = 300  # names in which heads and tails are counted
_FEW = 3
_TRIED = 60  # images on which each rule is tried
_TRIED_FIRST = 12  # and those of which it must pair one; in one folder, a share of them are images
_MOST_TOKENS = 8  # of a name at either end that can be a head or a tail
_MOST_AFFIXES = 40  # heads, and tails, on each side
_MOST_BOTH = 200  # heads with tails; those with one of the two come first
# Share of the names that must have a head or a tail; of six variants of the ground truth, each has 0.17.
_COMMON = 0.12
# Share of the images of the best rule that a variant must pair too, since a few of its files may be missing.
_AS_MANY = 0.9


class Rule(NamedTuple):
    """Two patterns: files with the same key are an image and its ground truth."""

    image_pattern: str
    gt_pattern: str


SAME_STEM = Rule(f"{STEM}.*", f"{STEM}.*")


class Affixes(NamedTuple):
    """What stands before and behind the part of a name that an image and its ground truth share."""

    head: str
    tail: str

    def key(self, base: str) -> str | None:
        """The shared part of a name; None if the name does not fit. `img` and `x_img` share nothing and `x_`."""
        end = len(base) - len(self.tail)
        fits = end >= len(self.head) and base.startswith(self.head) and base.endswith(self.tail)
        return base[len(self.head) : end] if fits else None

    def pattern(self, place: str = "", field: str = STEM) -> str:
        """The pattern of the names with these."""
        return f"{place}{self.head}{field}{self.tail}.*"


class Found(NamedTuple):
    """A rule that pairs some of the images that were tried.

    Attributes:
        image: What the names of the images have beside the shared part.
        gt: The same for the ground truth.
        place: `**/` where the folders of the two are not the same, else nothing.
        partners: The ground truth of each image that was tried; None where there is none.
    """

    image: Affixes
    gt: Affixes
    place: str
    partners: tuple[str | None, ...]

    @property
    def paired(self) -> int:
        """How many of the images it pairs."""
        return sum(partner is not None for partner in self.partners)

    @property
    def rule(self) -> Rule:
        """Its patterns."""
        return Rule(self.image.pattern(self.place), self.gt.pattern(self.place))


class Names:
    """The files of one side by their stems.

    Args:
        files: Paths below a folder, sorted.
    """

    def __init__(self, files: Iterable[str]) -> None:
        self._sorted = [composed(name.rpartition(".")[0]) for name in files]
        self.stems = set(self._sorted)

    def sample(self, count: int) -> list[tuple[str, str]]:
        """Folder, with a slash behind it, and name of some stems: drawn, since kinds of files may take turns."""
        total = len(self._sorted)
        drawn = np.random.default_rng(0).choice(total, min(count, total), replace=False)
        return [_split(self._sorted[index]) for index in drawn]

    def bases(self) -> dict[str, str]:
        """The stem of each name that is in one folder alone."""
        counts = Counter(_split(stem)[1] for stem in self._sorted)
        return {base: stem for stem in self._sorted if counts[base := _split(stem)[1]] == 1}


def _split(stem: str) -> tuple[str, str]:
    folder, slash, base = stem.rpartition("/")
    return folder + slash, base


class Rules(NamedTuple):
    """What was found in the names.

    Attributes:
        found: The best rule, the simplest of those that pair the same files, and behind it those that pair about the
            same images with other files.
        other: A rule that pairs images that the best one does not pair.
    """

    found: list[Found]
    other: Found | None = None


def find_rules(images: Names, gts: Names) -> Rules:
    """Find the rules that pair most of the images.

    Args:
        images: The names of the images.
        gts: Those of the ground truth; the same object where both are in one folder.
    """
    found = _rules(images, gts, "")
    if not found or None in found[0].partners:
        elsewhere = _rules(images, gts, "**/")
        if elsewhere and (not found or elsewhere[0].paired > found[0].paired):
            found = elsewhere
    if images is gts:
        found = [one for one in found if _gt_is_called_so(one)]
    if not found:
        return Rules([])
    best = found[0]
    variants = [one for one in found if one.image == best.image and one.paired >= _AS_MANY * best.paired]
    return Rules(variants, next((one for one in found if _pairs_more(one, best)), None))


def _pairs_more(one: Found, best: Found) -> bool:
    """Whether a rule pairs an image that the best one does not pair."""
    return any(gt and not of_best for gt, of_best in zip(one.partners, best.partners, strict=True))


def _rules(images: Names, gts: Names, place: str) -> list[Found]:
    """The rules that pair something, those that pair most first; each pairs other files than those before it."""
    stem_of = gts.bases() if place else gts.stems
    tried, one_folder = images.sample(_TRIED), images is gts
    image_side, gt_side = _affixes(images, needs_most=not one_folder), _affixes(gts, needs_most=False)
    found: dict[tuple[str | None, ...], Found] = {}
    for image, gt in sorted(product(image_side, gt_side), key=_complexity):
        if one_folder and image == gt:
            continue
        keys = [(folder, image.key(base)) for folder, base in tried]
        first = _partners(keys[:_TRIED_FIRST], gt, stem_of, place)
        if not any(first) and len(tried) > _TRIED_FIRST:
            continue
        partners = (*first, *_partners(keys[_TRIED_FIRST:], gt, stem_of, place))
        if any(partners) and partners not in found and not _says_little(keys):
            found[partners] = Found(image, gt, place, partners)
    return sorted(found.values(), key=lambda one: -one.paired)  # stable: simple ones stay first


def _complexity(affixes: tuple[Affixes, Affixes]) -> tuple[int, int]:
    image, gt = affixes
    return len(image.head + image.tail + gt.head + gt.tail), len(image.head + image.tail)


def _partners(
    keys: Sequence[tuple[str, str | None]], gt: Affixes, stem_of: Mapping[str, str] | set[str], place: str
) -> tuple[str | None, ...]:
    wanted = [None if key is None else f"{'' if place else folder}{gt.head}{key}{gt.tail}" for folder, key in keys]
    if isinstance(stem_of, set):
        return tuple(stem if stem in stem_of else None for stem in wanted)
    return tuple(None if base is None else stem_of.get(base) for base in wanted)


def _says_little(keys: Sequence[tuple[str, str | None]]) -> bool:
    """Whether the shared parts are all empty, or all begin or end with a separator that belongs to the rest: `21_`."""
    found = [key for _, key in keys if key is not None]
    if not all(found):
        return not any(found)
    return any(all(key[end] in _SEPARATORS for key in found) for end in (0, -1))


def _affixes(names: Names, *, needs_most: bool) -> list[Affixes]:
    """Heads and tails that many of the names have, none among them; with `needs_most`, that most names have."""
    heads: Counter[str] = Counter()
    tails: Counter[str] = Counter()
    bases = [base for _, base in names.sample(_COUNTED)]
    for base in bases:
        tokens = _TOKENS.findall(base)
        most = min(_MOST_TOKENS, len(tokens))
        heads.update("".join(tokens[:count]) for count in range(most + 1))
        tails.update("".join(tokens[len(tokens) - count :]) for count in range(most + 1))
    least = (_AS_MANY / 2 if needs_most else _COMMON) * len(bases)
    if len(bases) > _FEW:
        least = max(least, 2)  # what one name has alone is no rule
    both = [Affixes(head, tail) for head, tail in product(_common(heads, least), _common(tails, least))]
    return sorted(both, key=lambda one: (bool(one.head and one.tail), len(one.head + one.tail)))[:_MOST_BOTH]


def _common(counts: Mapping[str, int], least: float) -> list[str]:
    common = [affix for affix, count in counts.items() if count >= least]
    return sorted(common, key=lambda affix: (-counts[affix], len(affix)))[:_MOST_AFFIXES]


def rule_of_numbers(images: Names, gts: Names) -> Rule | None:
    """Find the rule for numbers that are padded differently, if it pairs every file with one of the other side."""
    for image, gt in sorted(
        product(_affixes(images, needs_most=True), _affixes(gts, needs_most=True)), key=_complexity
    ):
        keys = _number_keys(images, image)
        if keys and keys == _number_keys(gts, gt):
            return Rule(image.pattern(field=NUMBERS), gt.pattern(field=NUMBERS))
    return None


def rule_of_suffixes(files: Iterable[str]) -> Rule | None:
    """Find the rule of one folder in which each photograph is a JPEG, and its ground truth has the same stem."""
    stems: dict[str, set[str]] = {}
    for name in files:
        stem, dot, suffix = name.rpartition(".")
        stems.setdefault(dot + suffix, set()).add(stem)
    if len(stems) != 2:
        return None
    (gt, of_gt), (image, of_image) = sorted(stems.items(), key=lambda item: item[0].lower() in _JPEG)
    has_both = of_gt == of_image and image.lower() in _JPEG and gt.lower() not in _JPEG
    return Rule(f"{STEM}{image}", f"{STEM}{gt}") if has_both else None


def _number_keys(names: Names, affixes: Affixes) -> set[str]:
    """The shared parts of all names, their numbers unpadded; none unless each is a number of its own."""
    found: set[str] = set()
    for folder, base in map(_split, names.stems):
        key = affixes.key(base)
        if not key or not key.isdecimal():
            return set()
        found.add(folder + (key.lstrip("0") or "0"))
    return found if len(found) == len(names.stems) else set()


def _gt_is_called_so(one: Found) -> bool:
    """In one folder, whether the ground truth has a word for it in its name, or an addition to the image's name."""
    image, gt = ("".join(affixes) for affixes in (one.image, one.gt))
    return _says_gt(gt) > _says_gt(image) or (not image and bool(gt))


# Words that people give to ground truth in file names; `clean` and `noisy` are both images.
_GT_WORDS = re.compile(
    r"gt|groundtruth|truth|mask|masks|label|labels|lbl|seg|segm|segmentation|annot|annotation|annotations|manual|target"
    r"|labelids|trainids|instanceids|matte|alpha|ho|observer|标注|掩码|真值|标签",
    re.IGNORECASE,
)


def _says_gt(affix: str) -> bool:
    """Whether a word of a head or a tail says that the file is ground truth."""
    return any(_GT_WORDS.fullmatch(token) for token in _TOKENS.findall(affix))
