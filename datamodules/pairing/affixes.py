"""What file names can have beside the part that an image and its ground truth share: heads and tails."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from datamodules.pairing.name_patterns import ANY_SUFFIX, STEM

_TOKENS = re.compile(r"[^\W\d_]+|\d+|[\W_]")
_FEW = 3
_MOST_TOKENS = 8  # of a name at either end that can be a head or a tail
_MOST_AFFIXES = 40  # heads, and tails, on each side
_MOST_BOTH = 200  # heads with tails; those with one of the two come first
# Share of the names that must have a head or a tail. Of six variants of the ground truth, each has 0.17, and less where
# some images lack it: soft exudates are in 26 of 241 files of IDRiD.
_COMMON = 0.08
_MOST_NAMES = 0.45  # the share for images, of which there may be two kinds
_NEARLY_ALL = 0.9  # the share that must have a word without anything that divides it from the rest
_SHORTEST_WORD = 2  # letters of such a word: `cat` and `rat` share nothing
# Words that people give to ground truth in file names; `clean` and `noisy` are both images.
_GT_WORDS = re.compile(
    r"gts?|gtfine|gtcoarse|groundtruths?|truth|masks?|labels?|lbls?|seg|segm|segs|segmentations?|segmaps?|anno?|annos|annots?"
    r"|annotations?|annotated|manual|targets?|labelids|trainids|labeltrainids|instanceids|instances?|mattes?|alphas?"
    r"|ho|observer|fg|foreground|trimaps?|contours?|boundary|boundaries|标注|掩码|真值|标签|分割",
    re.IGNORECASE,
)


class Affixes(NamedTuple):
    """What stands before and behind the part of a name that an image and its ground truth share."""

    head: str
    tail: str

    def key(self, base: str) -> str | None:
        """The shared part of a name; None if the name does not fit. `img` and `x_img` share nothing and `x_`."""
        end = len(base) - len(self.tail)
        fits = end >= len(self.head) and base.startswith(self.head) and base.endswith(self.tail)
        return base[len(self.head) : end] if fits else None

    def name(self, key: str) -> str:
        """The name with this shared part."""
        return f"{self.head}{key}{self.tail}"

    def pattern(self, place: str = "", field: str = STEM) -> str:
        """The pattern of the names with these."""
        return f"{place}{self.name(field)}{ANY_SUFFIX}"

    def adds_to(self, other: "Affixes") -> bool:
        """Whether a name with these is one with the other ones and an addition: `a_superpixels` to `a`."""
        return self != other and self.head.endswith(other.head) and self.tail.startswith(other.tail)


def find_affixes(images: Sequence[str], gts: Sequence[str], *, one_folder: bool) -> tuple[list[Affixes], list[Affixes]]:
    """Heads and tails that many names have, none among them, the short ones first.

    Args:
        images: Some names of images, without folder and suffix.
        gts: Some of the ground truth.
        one_folder: Whether both are those of one folder, of which a share are images.

    Returns:
        Those of the images, and those of the ground truth.
    """
    image_head, gt_head = ("", "") if one_folder else _glued(images, gts)
    image_tail, gt_tail = ("", "") if one_folder else _glued(_reversed(images), _reversed(gts))
    least = _COMMON if one_folder else _MOST_NAMES
    return (
        _common_affixes(images, least, image_head, image_tail[::-1]),
        _common_affixes(gts, _COMMON, gt_head, gt_tail[::-1]),
    )


def _reversed(bases: Iterable[str]) -> list[str]:
    return [base[::-1] for base in bases]


def _common_affixes(bases: Sequence[str], share: float, head: str, tail: str) -> list[Affixes]:
    heads: Counter[str] = Counter()
    tails: Counter[str] = Counter()
    for base in bases:
        tokens = _TOKENS.findall(base)
        most = min(_MOST_TOKENS, len(tokens))
        heads.update("".join(tokens[:count]) for count in range(most + 1))
        tails.update("".join(tokens[len(tokens) - count :]) for count in range(most + 1))
    least = share * len(bases)
    if len(bases) > _FEW:
        least = max(least, 2)  # what one name has alone is no rule
    some_heads = dict.fromkeys([*_common(heads, least), head])
    some_tails = dict.fromkeys([*_common(tails, least), tail])
    both = [Affixes(head, tail) for head, tail in product(some_heads, some_tails)]
    return sorted(both, key=lambda one: (bool(one.head and one.tail), len(one.head + one.tail)))[:_MOST_BOTH]


def _common(counts: Mapping[str, int], least: float) -> list[str]:
    common = [affix for affix, count in counts.items() if count >= least]
    return sorted(common, key=lambda affix: (-counts[affix], len(affix)))[:_MOST_AFFIXES]


def _glued(images: Sequence[str], gts: Sequence[str]) -> tuple[str, str]:
    """The words with which the names of each side begin, also where letters follow: `img`, `lbl` of `imgA`, `lblA`."""
    starts = _common_start(images), _common_start(gts)
    same = len(_shared_start(*_reversed(starts)))  # `cell` of `cell1` and `maskcell1` belongs to the shared part
    image, gt = (start[: len(start) - same] for start in starts)
    return (image, gt) if all(len(word) >= _SHORTEST_WORD for word in (image, gt) if word) else ("", "")


def _common_start(bases: Sequence[str]) -> str:
    """The longest beginning that nearly all names have, without digits at its end."""
    found = ""
    if len(bases) < _FEW - 1:
        return found
    for length in range(1, max(map(len, bases)) + 1):
        start, count = Counter(base[:length] for base in bases).most_common(1)[0]
        if count < _NEARLY_ALL * len(bases) or len(start) < length:
            break
        found = start
    return found.rstrip("0123456789")


def _shared_start(first: str, second: str) -> str:
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return first[:count]


def says_gt(affix: str) -> bool:
    """Whether a word of a head, of a tail or of a folder's name says that the file is ground truth."""
    return any(_GT_WORDS.fullmatch(token) for token in _TOKENS.findall(affix))
