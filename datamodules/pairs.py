"""Pairs of an image and its ground truth, found by name; no pixel is decoded here."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datamodules.data_errors import DataError, bullet_list
from datamodules.folders import SUFFIXES, check_folders, images_below
from datamodules.gt_variants import first_of_labels
from datamodules.name_patterns import NamePattern
from datamodules.pair_table import pairs_of_table
from datamodules.pairing_rules import SAME_STEM, Names, Rule, Rules, find_rules, rule_of_numbers, rule_of_suffixes
from resume.system.output import plural, text


class Pair(NamedTuple):
    """One image and its ground truth, each relative to its own folder, with `/` between the parts."""

    stem: str
    image: str
    gt: str


class PackedNames:
    """Many file names in one block of memory.

    A list of a million names would take seconds to reach each worker process.
    """

    def __init__(self, names: Iterable[str]) -> None:
        encoded = [os.fsencode(name) for name in names]
        self._block = b"".join(encoded)
        self._ends = np.cumsum([len(name) for name in encoded], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> str:
        start = self._ends[index - 1] if index > 0 else 0
        return os.fsdecode(self._block[start : self._ends[index]])


class PairSettings(NamedTuple):
    """How images and ground truth are paired.

    Attributes:
        image_pattern: What the name of an image is like; None: found.
        gt_pattern: What the name of its ground truth is like; None: found, or `{stem}.*` if `image_pattern` is set.
        table: A file with the two paths of each pair, in place of patterns.
        allow_unpaired: Whether files without a partner are left out.
    """

    image_pattern: str | None = None
    gt_pattern: str | None = None
    table: str | None = None
    allow_unpaired: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the rule is still to be found."""
        return self.image_pattern is None and self.gt_pattern is None and self.table is None


class Pairing(NamedTuple):
    """The pairs of two folders.

    Attributes:
        pairs: Sorted by stem, so that their order does not depend on the file system.
        rule: What pairs them; None for a table.
        variants: The patterns of other ground truth for the same images.
        is_guess: Whether only numbers are the same, which were padded differently.
        left_out: How many images, and how many files of ground truth, have no partner.
        unfit: How many do not fit the patterns that were set; they are not used.
    """

    pairs: list[Pair]
    rule: Rule | None
    variants: tuple[str, ...] = ()
    is_guess: bool = False
    left_out: tuple[int, int] = (0, 0)
    unfit: tuple[int, int] = (0, 0)


class _Folders(NamedTuple):
    """Both folders and their files; where they are one folder, `gts` is `images`."""

    image_path: str
    gt_path: str
    images: list[str]
    gts: list[str]

    @property
    def are_one(self) -> bool:
        return self.images is self.gts


def pair_folders(image_path: str, gt_path: str, settings: PairSettings) -> Pairing:
    """Pair the images below one folder with the ground truth below another, or below the same.

    The stem of a pair is what their names share; upper and lower case differ. Each folder is scanned once.

    Raises:
        DataError: A folder is missing, unreadable or without images, no rule or two rules pair the files, two files of
            a side have the same stem, or a file has no partner.
    """
    check_folders(image_path, gt_path)
    if settings.table is not None:
        rows = pairs_of_table(settings.table, image_path, gt_path)
        return Pairing(sorted(Pair(*row) for row in rows), None)
    folders = _scan(image_path, gt_path)
    if settings.image_pattern is not None or settings.gt_pattern is not None:
        default = SAME_STEM._replace(image_pattern=settings.image_pattern or SAME_STEM.image_pattern)
        rule = default._replace(gt_pattern=settings.gt_pattern or SAME_STEM.gt_pattern)
        return _by_rule(folders, Pairing([], rule, _variants(folders, rule)), settings)
    return _by_rule(folders, _found(folders), settings)


def _scan(image_path: str, gt_path: str) -> _Folders:
    image_folder, gt_folder = Path(image_path), Path(gt_path)
    if image_folder.samefile(gt_folder):
        images = gts = images_below(image_path)
    else:
        images = images_below(image_path, without=gt_path if _is_below(gt_folder, image_folder) else None)
        gts = images_below(gt_path, without=image_path if _is_below(image_folder, gt_folder) else None)
    empty = dict.fromkeys(path for path, files in ((image_path, images), (gt_path, gts)) if not files)
    if empty:
        message = text("No images in {folders} (suffixes: {suffixes}; sub-folders included).")
        raise DataError(message.format(folders=", ".join(empty), suffixes=" ".join(sorted(SUFFIXES))))
    return _Folders(image_path, gt_path, images, gts)


def _is_below(folder: Path, outer: Path) -> bool:
    return any(parent.samefile(outer) for parent in folder.resolve().parents)


def _found(folders: _Folders) -> Pairing:
    """The rule that the names follow; where there is none, the same stem, whose failure names the files."""
    images, gts = _names(folders)
    if not folders.are_one and images.stems == gts.stems:
        return Pairing([], SAME_STEM)
    if folders.are_one and (by_suffix := rule_of_suffixes(folders.images)) is not None:
        return Pairing([], by_suffix)
    rules = find_rules(images, gts)
    if not rules.found or None in rules.found[0].partners:
        numbers = None if folders.are_one else rule_of_numbers(images, gts)
        if numbers is not None:
            return Pairing([], numbers, is_guess=True)
    if not rules.found:
        if folders.are_one:
            raise DataError(_one_folder_problem(folders))
        return Pairing([], SAME_STEM)
    if rules.other is not None:
        raise DataError(_two_rules_problem(folders, rules))
    patterns = [one.rule.gt_pattern for one in rules.found]
    examples = [str(Path(folders.gt_path, _example(folders, one.rule))) for one in rules.found]
    chosen = first_of_labels(examples) if len(examples) > 1 else 0
    return Pairing([], rules.found[chosen].rule, tuple(patterns[:chosen] + patterns[chosen + 1 :]))


def _names(folders: _Folders) -> tuple[Names, Names]:
    images = Names(folders.images)
    return images, images if folders.are_one else Names(folders.gts)


def _variants(folders: _Folders, rule: Rule) -> tuple[str, ...]:
    """Other ground truth of the same images, which lacks no image, and is none in the folder of the images."""
    images, gts = _names(folders)
    if not folders.are_one and images.stems == gts.stems:
        return ()
    found = (one.rule for one in find_rules(images, gts).found)
    return tuple(one.gt_pattern for one in found if one.image_pattern == rule.image_pattern and one != rule)


def _by_rule(folders: _Folders, found: Pairing, settings: PairSettings) -> Pairing:
    """The pairs of a rule.

    Raises:
        DataError: Two files have the same key, or a file has no partner.
    """
    rule = found.rule
    assert rule is not None
    gt_pattern = NamePattern(rule.gt_pattern, "data.gt_pattern")
    gts, other_gts = _by_key(folders.gt_path, folders.gts, gt_pattern, skips_double=folders.are_one)
    image_pattern = NamePattern(rule.image_pattern, "data.image_pattern")
    variants = [NamePattern(pattern, "data.gt_pattern") for pattern in found.variants]
    candidates = folders.images
    if folders.are_one:  # a file that is the ground truth of an image is no image
        stems = {key for name in folders.images if (key := image_pattern.key(name)) is not None}
        of_gt = {name for one in (gt_pattern, *variants) for name in folders.images if one.key(name) in stems}
        candidates = [name for name in folders.images if name not in of_gt]
    images, other_images = _by_key(folders.image_path, candidates, image_pattern)
    pairs = [Pair(stem, images[stem], gts[stem]) for stem in sorted(images.keys() & gts.keys())]
    unfit = (0, 0)
    if pairs and not settings.is_open:  # patterns that were set say which files are meant
        unfit = len(other_images), 0 if folders.are_one else len(other_gts)
        other_images, other_gts = [], []
    single_images = [*other_images, *(images[stem] for stem in images.keys() - gts.keys())]
    single_gts = [] if folders.are_one else [*other_gts, *(gts[stem] for stem in gts.keys() - images.keys())]
    single_gts = [name for name in single_gts if not any(one.key(name) in images for one in variants)]
    if (single_images or single_gts) and not (settings.allow_unpaired and pairs):
        raise DataError(_single_problem(folders, rule, sorted(single_images), sorted(single_gts), len(pairs)))
    return found._replace(pairs=pairs, left_out=(len(single_images), len(single_gts)), unfit=unfit)


def _by_key(
    folder: str, files: Iterable[str], pattern: NamePattern, *, skips_double: bool = False
) -> tuple[dict[str, str], list[str]]:
    """The files by their keys, and those that do not fit the pattern."""
    found: dict[str, str] = {}
    others: list[str] = []
    double: list[str] = []
    for name in files:
        key = pattern.key(name)
        if key is None:
            others.append(name)
        elif key in found:
            double.append(text("{first} and {second}").format(first=found[key], second=name))
        else:
            found[key] = name
    if double and not skips_double:
        problem = plural(
            "{count} name occurs twice, so the file to use is unclear:",
            "{count} names occur twice, so the files to use are unclear:",
            len(double),
        )
        advice = text("Keep one file of each name.")
        raise DataError(f"{folder}: {problem}\n{bullet_list(sorted(double))}\n{advice}")
    return found, others


def _example(folders: _Folders, rule: Rule) -> str:
    """The ground truth of the first pair of a rule."""
    image_pattern, gt_pattern = (NamePattern(pattern, "") for pattern in rule)
    keys = {image_pattern.key(name) for name in folders.images}
    return next(name for name in folders.gts if gt_pattern.key(name) in keys)


def _single_problem(
    folders: _Folders, rule: Rule, single_images: list[str], single_gts: list[str], complete: int
) -> str:
    lines = []
    if single_images:
        problem = plural(
            "{count} image without ground truth:", "{count} images without ground truth:", len(single_images)
        )
        lines.append(f"{folders.image_path}: {problem}\n{bullet_list(single_images)}")
    if single_gts:
        problem = plural(
            "{count} ground truth file without an image:",
            "{count} ground truth files without an image:",
            len(single_gts),
        )
        lines.append(f"{folders.gt_path}: {problem}\n{bullet_list(single_gts)}")
    lines.append(plural("{count} pair is complete.", "{count} pairs are complete.", complete))
    lines.append(
        text(
            "They were paired by the rule {image_pattern} with {gt_pattern}; upper and lower case differ. For another "
            'rule: --data.image_pattern and --data.gt_pattern, such as "{{stem}}.*" and "{{stem}}_mask.*". To leave '
            "these files out: --data.allow_unpaired true"
        ).format(image_pattern=rule.image_pattern, gt_pattern=rule.gt_pattern)
    )
    return "\n".join(lines)


def _two_rules_problem(folders: _Folders, rules: Rules) -> str:
    assert rules.other is not None
    lines = [text("The names in {folders} follow two rules, each for other images:").format(folders=_both(folders))]
    for rule in (rules.found[0].rule, rules.other.rule):
        image_pattern, gt_pattern = (NamePattern(pattern, "") for pattern in rule)
        image_of = {image_pattern.key(name): name for name in folders.images}
        gt = _example(folders, rule)
        line = text('{image} with {gt}: --data.image_pattern "{image_pattern}" --data.gt_pattern "{gt_pattern}"')
        image = image_of[gt_pattern.key(gt)]
        lines.append(
            "  - " + line.format(image=image, gt=gt, image_pattern=rule.image_pattern, gt_pattern=rule.gt_pattern)
        )
    lines.append(
        text("Use one of them, rename the files of the other, or name all pairs in a table: --data.pairs FILE")
    )
    return "\n".join(lines)


def _one_folder_problem(folders: _Folders) -> str:
    return text(
        "{folder} is the folder of both the images and the ground truth, and their names do not say which is which: "
        '{examples}. Say it with --data.image_pattern and --data.gt_pattern, such as "{{stem}}.*" and '
        '"{{stem}}_mask.*".'
    ).format(folder=folders.image_path, examples=", ".join(folders.images[:4]))


def _both(folders: _Folders) -> str:
    return folders.image_path if folders.are_one else f"{folders.image_path}, {folders.gt_path}"
