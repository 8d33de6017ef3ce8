"""Pairs of an image and its ground truth, found by name; no pixel is decoded here."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datamodules.data_errors import DataError
from datamodules.pairing.folders import check_folders, images_below, no_images_problem
from datamodules.pairing.gt_variants import first_of_labels
from datamodules.pairing.joining import Flags, Joined, Side, join, keys_of
from datamodules.pairing.kinds_in_folders import folders_of_both, kinds_below, names_below, rule_of_inner_folders
from datamodules.pairing.name_patterns import SAME_STEM, NamePattern, Rule
from datamodules.pairing.packed_names import Indices, PackedNames, Pair, Pairs
from datamodules.pairing.pair_table import pairs_of_table
from datamodules.pairing.pairing_problems import (
    double_problem,
    kinds_problem,
    one_folder_problem,
    single_problem,
    two_rules_problem,
)
from datamodules.pairing.pairing_rules import Names, Rules, find_rules
from datamodules.pairing.special_rules import rule_of_numbers, rule_of_own_folders, rule_of_suffixes
from resume.system.output import text


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
        variants: The rules of other ground truth for the same images.
        image_variants: The patterns of other images with the same ground truth.
        is_guess: Whether only numbers are the same, which were padded differently.
        left_out: How many images, and how many files of ground truth, have no partner.
        unfit: How many do not fit the patterns that were set; they are not used.
    """

    pairs: Pairs
    rule: Rule | None
    variants: tuple[Rule, ...] = ()
    image_variants: tuple[str, ...] = ()
    is_guess: bool = False
    left_out: tuple[int, int] = (0, 0)
    unfit: tuple[int, int] = (0, 0)


class _Folders(NamedTuple):
    """Both folders and their files; where they are one folder, `gts` is `images`."""

    image_path: str
    gt_path: str
    images: PackedNames
    gts: PackedNames

    @property
    def are_one(self) -> bool:
        return self.images is self.gts


_NO_PAIRS = Pairs.of(())


def pair_folders(image_path: str, gt_path: str, settings: PairSettings) -> Pairing:
    """Pair the images below one folder with the ground truth below another, or below the same.

    The stem of a pair is what their names share; upper and lower case differ. Each folder is scanned once. Where the
    pattern of the ground truth ends with `/*`, all files of a folder are the ground truth of one image.

    Raises:
        DataError: A folder is missing, unreadable or without images, no rule or two rules pair the files, two files of
            a side have the same stem, or a file has no partner.
    """
    check_folders(image_path, gt_path)
    if settings.table is not None:
        rows = pairs_of_table(settings.table, image_path, gt_path)
        return Pairing(Pairs.of(sorted(Pair(*row) for row in rows)), None)
    folders = _scan(image_path, gt_path)
    if settings.is_open:
        return _by_rule(folders, _found(folders), settings)
    default = SAME_STEM._replace(image_pattern=settings.image_pattern or SAME_STEM.image_pattern)
    rule = default._replace(gt_pattern=settings.gt_pattern or SAME_STEM.gt_pattern)
    if folders.are_one and len(set(rule)) == 1:
        raise DataError(one_folder_problem(image_path, folders.images))
    return _by_rule(folders, Pairing(_NO_PAIRS, rule), settings)


def pair_validation(
    image_path: str | None, gt_path: str | None, settings: PairSettings, training: Pairing
) -> Pairing | None:
    """Pair the folders for validation, if there are such, by the rule of those for training.

    Where a table pairs the latter, they have a rule of their own.

    Raises:
        DataError: The rule does not pair them.
    """
    if image_path is None or gt_path is None:
        return None
    check_folders(image_path, gt_path)
    if training.rule is None:
        return pair_folders(image_path, gt_path, PairSettings(allow_unpaired=settings.allow_unpaired))
    try:
        return pair_folders(image_path, gt_path, settings._replace(**training.rule._asdict()))
    except DataError as error:
        message = text("The folders for validation follow the rule of those for training, {rule}:")
        raise DataError(f"{message.format(rule=' – '.join(training.rule))}\n{error}") from error


def _scan(image_path: str, gt_path: str) -> _Folders:
    image_folder, gt_folder = Path(image_path), Path(gt_path)
    if image_folder.samefile(gt_folder):
        images = gts = images_below(image_path)
    else:
        images = images_below(image_path, without=gt_path if _is_below(gt_folder, image_folder) else None)
        gts = images_below(gt_path, without=image_path if _is_below(image_folder, gt_folder) else None)
    empty = dict.fromkeys(path for path, files in ((image_path, images), (gt_path, gts)) if not len(files))
    if empty:
        raise DataError(no_images_problem(list(empty)))
    return _Folders(image_path, gt_path, images, gts)


def _is_below(folder: Path, outer: Path) -> bool:
    return any(parent.samefile(outer) for parent in folder.resolve().parents)


def _found(folders: _Folders) -> Pairing:
    """The rule that the names follow; where there is none, the same stem, whose failure names the files."""
    images, gts = _names(folders)
    if not folders.are_one and images.has_same_stems(gts):
        return Pairing(_NO_PAIRS, SAME_STEM)
    if folders.are_one:
        if both := folders_of_both(folders.images):
            return _found_in_two(folders, *both)
        rule = rule_of_suffixes(folders.images) or rule_of_own_folders(folders.images, folders.gts)
        if rule := rule or rule_of_inner_folders(folders.images):
            return Pairing(_NO_PAIRS, rule)
        return _found_by_affixes(folders, find_rules(images, gts))
    rules = find_rules(images, gts)
    if not (rules.found and rules.found[0].pairs_all):
        if rule := rule_of_own_folders(folders.images, folders.gts):
            return Pairing(_NO_PAIRS, rule)
        if rule := rule_of_numbers(images, gts):
            return Pairing(_NO_PAIRS, rule, is_guess=True)
    if not rules.found and len(kinds := kinds_below(images, folders.gts)) > 1:
        raise DataError(kinds_problem(folders.gt_path, folders.image_path, kinds))
    return _found_by_affixes(folders, rules)


def _found_by_affixes(folders: _Folders, rules: Rules) -> Pairing:
    if not rules.found:
        if folders.are_one:
            raise DataError(one_folder_problem(folders.image_path, folders.images))
        return Pairing(_NO_PAIRS, SAME_STEM)
    if rules.other is not None:
        raise DataError(_two_rules(folders, rules))
    chosen = rules.found[0].rule
    if len(rules.found) > 1:
        examples = [str(Path(folders.gt_path, _example(folders, one.rule)[1])) for one in rules.found]
        chosen = rules.found[first_of_labels(examples)].rule
    return Pairing(_NO_PAIRS, chosen, *_unused(rules, chosen))


def _found_in_two(folders: _Folders, images: str, gts: Sequence[str]) -> Pairing:
    """The rule for one folder with others in it, of images and of ground truth."""
    if len(gts) > 1:
        raise DataError(kinds_problem(folders.image_path, str(Path(folders.image_path, images)), gts))
    places = [f"{images}/", f"{gts[0]}/"]
    names = (names_below(one, folders.images) for one in (images, gts[0]))
    found = _found(_Folders(str(Path(folders.image_path, images)), str(Path(folders.gt_path, gts[0])), *names))
    assert found.rule is not None
    below = [Rule(*map(str.__add__, places, rule)) for rule in (found.rule, *found.variants)]
    image_variants = tuple(places[0] + pattern for pattern in found.image_variants)
    return found._replace(rule=below[0], variants=tuple(below[1:]), image_variants=image_variants)


def _names(folders: _Folders) -> tuple[Names, Names]:
    images = Names(folders.images)
    return images, images if folders.are_one else Names(folders.gts)


def _unused(rules: Rules, rule: Rule) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    """The rules of other ground truth of the images of a rule, and the patterns of other images of its ground truth."""
    gts = [one.rule for one in (*rules.found, *rules.unused) if one.rule != rule]
    return tuple(gts), tuple(one.rule.image_pattern for one in rules.beside)


def _by_rule(folders: _Folders, found: Pairing, settings: PairSettings) -> Pairing:
    """The pairs of a rule.

    Raises:
        DataError: Two files have the same key, or a file has no partner.
    """
    rule = found.rule
    assert rule is not None
    joined = _joined(folders, found)
    single_images, single_gts = _singles(folders, joined, found, settings)
    if len(single_images) + len(single_gts) and not settings.is_open:
        # Variants are looked for only here: in most runs whose patterns are kept, no file is left.
        rules = find_rules(*_names(folders))
        variants, image_variants = _unused(rules, rule)
        found = found._replace(variants=variants, image_variants=image_variants)
        joined = _joined(folders, found)
        single_images, single_gts = _singles(folders, joined, found, settings)
    paths = folders.image_path, folders.gt_path
    if joined.double_images or joined.double_gts:
        raise DataError(double_problem(paths, (folders.images, folders.gts), joined))
    if len(single_images) + len(single_gts) and not (settings.allow_unpaired and len(joined.pairs)):
        names = folders.images.take(single_images), folders.gts.take(single_gts)
        raise DataError(single_problem(paths, names, rule, len(joined.pairs)))
    unfit = len(joined.unfit_images), 0 if folders.are_one else len(joined.unfit_gts)
    return found._replace(
        pairs=joined.pairs,
        left_out=(len(single_images), len(single_gts)),
        unfit=(0, 0) if settings.is_open else unfit,
    )


def _joined(folders: _Folders, found: Pairing) -> Joined:
    assert found.rule is not None
    gts = Side(folders.gts, NamePattern(found.rule.gt_pattern, "data.gt_pattern"))
    images = Side(folders.images, NamePattern(found.rule.image_pattern, "data.image_pattern"))
    used = np.ones(len(folders.images), bool)
    for pattern in found.image_variants:
        used &= ~images.has_keys_of(keys_of(folders.images, NamePattern(pattern, "data.image_pattern")))
    if folders.are_one:  # a file that is the ground truth of an image is no image
        used &= ~(images.has_keys_of(gts.hashes) | _is_variant(folders.images, found.variants, folders.images))
    return join(images.only(used), gts)


def _is_variant(names: PackedNames, rules: tuple[Rule, ...], images: PackedNames) -> Flags:
    """Which of the files are the ground truth of an image by one of the rules."""
    fits = np.zeros(len(names), bool)
    for rule in rules:
        side = Side(images, NamePattern(rule.image_pattern, "data.image_pattern"))
        fits |= side.has_keys_of(keys_of(names, NamePattern(rule.gt_pattern, "data.gt_pattern")))
    return fits


def _singles(folders: _Folders, joined: Joined, found: Pairing, settings: PairSettings) -> tuple[Indices, Indices]:
    """The images without ground truth, and the ground truth without an image."""
    images, gts = joined.single_images, joined.single_gts
    if settings.is_open or not len(joined.pairs):  # else patterns that were set say which files are meant
        images = np.sort(np.concatenate([images, joined.unfit_images]))
        gts = np.sort(np.concatenate([gts, joined.unfit_gts]))
    if folders.are_one:
        return images, gts[:0]
    if found.variants and len(gts):
        gts = gts[~_is_variant(folders.gts.take(gts), found.variants, folders.images)]
    return images, gts


def _example(folders: _Folders, rule: Rule) -> tuple[str, str]:
    """The image and the ground truth of the first pair of a rule."""
    images = Side(folders.images, NamePattern(rule.image_pattern, ""))
    gts = Side(folders.gts, NamePattern(rule.gt_pattern, ""))
    index = int(np.argmax(images.has_keys_of(gts.hashes)))
    start, _ = images.places.ranges(gts.hashes[index : index + 1])
    return images.names[int(images.indices[images.places.order[start[0]]])], gts.names[index]


def _two_rules(folders: _Folders, rules: Rules) -> str:
    assert rules.other is not None
    examples = [(rule, _example(folders, rule)) for rule in (rules.found[0].rule, rules.other.rule)]
    return two_rules_problem(list(dict.fromkeys([folders.image_path, folders.gt_path])), examples)
