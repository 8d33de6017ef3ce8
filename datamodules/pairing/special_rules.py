"""Rules that are no words at the ends of names: numbers, suffixes, and a folder of its own for each image."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from datamodules.pairing.affixes import Affixes, find_affixes, says_gt
from datamodules.pairing.name_patterns import ALL_FILES, ANY_SUFFIX, NUMBERS, STEM, Rule, unpadded
from datamodules.pairing.packed_names import Indices, PackedNames, hashes_of
from datamodules.pairing.pairing_rules import AS_MANY, Names, find_rules

_JPEG = (".jpg", ".jpeg")  # which changes values, so that it is a photograph beside anything else
_COUNTED = 300  # names in which heads and tails are counted


def rule_of_numbers(images: Names, gts: Names) -> Rule | None:
    """Find the rule for numbers that are padded differently, if it pairs every file with one of the other side."""
    if len(images.files) != len(gts.files):
        return None
    some = ([base for _, base in names.sample(_COUNTED)] for names in (images, gts))
    found = [
        [(one, numbers) for one in affixes if (numbers := _numbers(names, one)) is not None]
        for names, affixes in zip((images, gts), find_affixes(*some, one_folder=False), strict=True)
    ]
    for image, numbers in found[0]:
        for gt, of_gt in found[1]:
            if np.array_equal(numbers, of_gt):
                return Rule(image.pattern(field=NUMBERS), gt.pattern(field=NUMBERS))
    return None


def _numbers(names: Names, affixes: Affixes) -> Indices | None:
    """The hashes of the shared parts, their numbers unpadded, sorted; None unless each name has a number of its own."""
    keys = [(folder, affixes.key(base)) for folder, base in names.sample(_COUNTED)]
    if not all(key and key.isdecimal() for _, key in keys):
        return None
    split = (names.split(index) for index in range(len(names.files)))
    keys = [(folder, affixes.key(base)) for folder, base in split]
    if not all(key and key.isdecimal() for _, key in keys):
        return None
    found = np.unique(hashes_of((unpadded(f"{folder}{key}") for folder, key in keys), len(keys)))
    return found if len(found) == len(keys) else None


def rule_of_suffixes(files: Iterable[str]) -> Rule | None:
    """Find the rule of one folder in which each photograph is a JPEG, and its ground truth has the same stem."""
    stems: dict[str, set[str]] = {}
    for name in files:
        stem, dot, suffix = name.rpartition(".")
        stems.setdefault(dot + suffix, set()).add(stem)
        if len(stems) > 2:
            return None
    if len(stems) != 2:
        return None
    (gt, of_gt), (image, of_image) = sorted(stems.items(), key=lambda item: item[0].lower() in _JPEG)
    has_both = of_gt == of_image and image.lower() in _JPEG and gt.lower() not in _JPEG
    return Rule(f"{STEM}{image}", f"{STEM}{gt}") if has_both else None


class _Form(NamedTuple):
    """Names for the files of one side, and the end of the pattern that says so."""

    names: list[str]
    end: str


def rule_of_own_folders(images: PackedNames, gts: PackedNames) -> Rule | None:
    """Find the rule of ground truth in a folder of its own for each image: `id/images/a.png` with `id/masks/*.png`.

    Args:
        images: The files of the images.
        gts: Those of the ground truth; the same object where both are in one folder.
    """
    if not any("/" in gts[index] for index in range(0, len(gts), max(len(gts) // 100, 1))):
        return None
    some_images, some_gts = _divided(images) if images is gts else (list(images), list(gts))
    gt_forms = [form for form in _folder_forms(some_gts) if len(form.names) < len(some_gts) or images is gts]
    image_forms = [form for form in _folder_forms(some_images) if len(form.names) == len(some_images)]
    if images is not gts:
        image_forms.append(_Form(some_images, ANY_SUFFIX))
    for image in image_forms:
        for gt in gt_forms:
            found = find_rules(*(Names(PackedNames(sorted(form.names))) for form in (image, gt))).found
            if found and found[0].paired >= AS_MANY * len(found[0].partners):
                patterns = (pattern.removesuffix(ANY_SUFFIX) for pattern in found[0].rule)
                return Rule(*(pattern + form.end for pattern, form in zip(patterns, (image, gt), strict=True)))
    return None


def _divided(files: PackedNames) -> tuple[list[str], list[str]]:
    """The images and the ground truth of one folder: the names of the folders of the latter say so."""
    gts = [name for name in files if says_gt(_folders(name)[-1])]
    images = [name for name in files if not says_gt(_folders(name)[-1])]
    return images, gts


def _folders(name: str) -> list[str]:
    return ["", *name.split("/")[:-1]]


def _folder_forms(files: list[str]) -> Iterator[_Form]:
    """The folder of each file as its name, and the folder around that where the inner one is always called the same."""
    folders = [_folders(name)[1:] for name in files]
    if not folders or not all(folders):
        return
    last = {parts[-1] for parts in folders}
    if len(last) == 1 and all(len(parts) > 1 for parts in folders):
        names = dict.fromkeys("/".join(parts[:-1]) + "." for parts in folders)
        yield _Form(list(names), f"/{last.pop()}{ALL_FILES}")
    else:
        yield _Form(list(dict.fromkeys("/".join(parts) + "." for parts in folders)), ALL_FILES)
