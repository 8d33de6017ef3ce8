"""The pairs for training and for validation: from the settings of the split, and from what a resumed run has used."""

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from datamodules.data_errors import DataError, bullet_list, short_list
from datamodules.loading.pages import stems_of_files
from datamodules.loading.sources import FolderPairs, PairSource, SamplePairs
from datamodules.splitting.sides import (
    LEFT_OUT,
    TRAINING,
    VALIDATION,
    Named,
    Sides,
    SidesArray,
    fingerprint,
    name_pairs,
    no_sides,
)
from datamodules.splitting.split import by_fold, by_share, groups_by_share, groups_of, slices_in_a_row
from datamodules.splitting.split_lists import sides_of_lists
from datamodules.splitting.split_settings import parse_fold
from resume.system.output import plural, text


class SplitSettings(NamedTuple):
    """How pairs are divided, unless there are folders for validation.

    Attributes:
        val_fraction: The share of validation.
        seed: The seed of the split.
        lists: Files that name the pairs of each side.
        group: A regular expression for the group in a stem.
        fold: `K/N`: validate with fold K of N.
    """

    val_fraction: float
    seed: int
    lists: Sequence[str] | None = None
    group: str | None = None
    fold: str | None = None


class Partition(NamedTuple):
    """The pairs of both sides.

    Attributes:
        training: The pairs for training.
        validation: The pairs for validation.
        sides: The side of each pair that the run has used so far.
        trained: A fingerprint of the stems for training.
        validated: A fingerprint of the pairs for validation and their contents.
        unseen: For each pair for training, and for each for validation: whether the run has not used it yet, or its
            files have changed since.
        hashes: The hash of the stem of each pair for training, and of each for validation.
        left_out: The number of pairs that no list names.
        stayed: The stems that the split would put on the other side than the run did.
    """

    training: PairSource
    validation: PairSource
    sides: Sides
    trained: str
    validated: str
    unseen: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]
    hashes: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    left_out: int = 0
    stayed: Sequence[str] = ()


def divide(
    sources: Sequence[FolderPairs],
    sample_pairs: int,
    settings: SplitSettings,
    known: Sides | None,
    validated_before: str | None,
) -> Partition:
    """Divide the pairs of a run.

    Args:
        sources: Those for training and for validation; those of both together; or none: the built-in sample set.
        sample_pairs: The number of pairs of the sample set.
        settings: The rule for pairs that the run has not used yet.
        known: What a resumed run has used.
        validated_before: The fingerprint of the pairs with which it has validated.

    Raises:
        DataError: The pairs cannot be divided like this.
    """
    if not sources:
        return _divide_samples(sample_pairs, settings, known)
    if len(sources) == 1:
        return _divide_folder(sources[0], settings, known)
    training, validation = sources
    return _two_folders(training, validation, settings.group, known, validated_before)


def _divide_samples(count: int, settings: SplitSettings, known: Sides | None) -> Partition:
    """Divide the built-in sample set, which is drawn from the seed of the split.

    Raises:
        DataError: The pairs cannot be divided like this.
    """
    stems = [f"sample {index}" for index in range(count)]
    named = name_pairs(stems, [(settings.seed, index) for index in range(count)])
    sides, stayed = _divide(stems, named, settings, known, source=None)
    training, validation = (np.flatnonzero(sides == side).tolist() for side in (TRAINING, VALIDATION))
    unseen = ~(known or no_sides()).has_unchanged(named)
    return Partition(
        SamplePairs(settings.seed, training),
        SamplePairs(settings.seed, validation),
        (known or no_sides()).continued(named, sides),
        fingerprint(named.stems[training]),
        fingerprint(named.contents[validation]),
        (unseen[training], unseen[validation]),
        (named.stems[training], named.stems[validation]),
        count - len(training) - len(validation),
        stayed,
    )


def _divide_folder(source: FolderPairs, settings: SplitSettings, known: Sides | None) -> Partition:
    """Divide the pairs of two folders.

    Args:
        source: All pairs.
        settings: The rule for pairs that the run has not used yet.
        known: What a resumed run has used.

    Raises:
        DataError: The pairs cannot be divided like this.
    """
    named = _name_files(source)
    sides, stayed = _divide(list(source.pairs.stems), named, settings, known, source)
    training, validation = (np.flatnonzero(sides == side) for side in (TRAINING, VALIDATION))
    unseen = ~(known or no_sides()).has_unchanged(named)
    return Partition(
        source.of(source.pairs.take(training)),
        source.of(source.pairs.take(validation)),
        (known or no_sides()).continued(named, sides),
        fingerprint(named.stems[training]),
        fingerprint(named.contents[validation]),
        (unseen[training], unseen[validation]),
        (named.stems[training], named.stems[validation]),
        len(source) - len(training) - len(validation),
        stayed,
    )


def _two_folders(
    source: FolderPairs,
    val_source: FolderPairs,
    group: str | None,
    known: Sides | None,
    validated_before: str | None,
) -> Partition:
    """Train on the pairs of two folders, and validate with those of two others.

    Args:
        source: The pairs for training.
        val_source: The pairs for validation.
        group: A regular expression for the group in a stem: no group may be on both sides.
        known: What a resumed run has used.
        validated_before: The fingerprint of the pairs with which it has validated.

    Raises:
        DataError: A group is on both sides.
    """
    if group is not None:
        groups, val_groups = (groups_of(stems_of_files(some.pairs), group) for some in (source, val_source))
        shared = sorted(set(groups) & set(val_groups))
        if shared:
            problem = plural(
                "{count} group is in training and in validation:",
                "{count} groups are in training and in validation:",
                len(shared),
            )
            raise DataError(f"--data.group {group}: {problem}\n{bullet_list(shared)}")
    named = _name_files(source)
    sides = np.full(len(source), TRAINING, dtype=np.int8)
    used = known or no_sides()
    val_named = _name_files(val_source)
    validated = fingerprint(val_named.contents)
    return Partition(
        source,
        val_source,
        used.continued(named, sides),
        fingerprint(named.stems),
        validated,
        (~used.has_unchanged(named), np.full(len(val_source), validated != validated_before)),
        (named.stems, val_named.stems),
    )


def _divide(
    stems: Sequence[str], named: Named, settings: SplitSettings, known: Sides | None, source: FolderPairs | None
) -> tuple[SidesArray, list[str]]:
    """Return the side of each pair, and the stems that the rule alone would put on the other side."""
    files = stems if source is None else stems_of_files(source.pairs)
    has_pages = source is not None and source.pairs.pages is not None
    groups = groups_of(files, settings.group) if settings.group is not None else [*files] if has_pages else None
    ruled = _ruled(files, groups, settings, source)
    if known is None:
        return ruled, []
    sides = known.kept(named, ruled)
    if groups is not None:
        sides = _with_their_groups(groups, sides, known.has(named))
    for side, role in ((TRAINING, text("training")), (VALIDATION, text("validation"))):
        if side not in sides:
            message = text(
                "No pair for {role} is left: all pairs of this run for {role} are gone, and a pair that was used on "
                "one side is never used on the other. Put their files back, set a separate validation set with "
                "--data.val_image_path and --data.val_gt_path, or start a new run with --no_interactive."
            )
            raise DataError(message.format(role=role))
    return sides, [stems[index] for index in np.flatnonzero(sides != ruled).tolist()]


def _ruled(
    files: Sequence[str], groups: Sequence[str] | None, settings: SplitSettings, source: FolderPairs | None
) -> SidesArray:
    """The side of each pair by the rule alone, from the stems of the files; the pages of a file have the same one."""
    if settings.lists is not None:
        sides = _listed(files, settings.lists, source)
        if groups is not None:
            _refuse_divided_groups(groups, sides)
        return sides
    fold = None if settings.fold is None else parse_fold(settings.fold)
    if settings.group is None and len(files) > 1 and len(set(files)) == 1:  # a single stack
        validated = slices_in_a_row(len(files), settings.val_fraction, fold)
    elif fold is not None:
        validated = by_fold(groups or files, *fold, settings.seed)
    elif groups is not None:
        validated = groups_by_share(groups, settings.val_fraction, settings.seed)
    else:
        validated = by_share(files, settings.val_fraction, settings.seed)
    return np.where(validated, VALIDATION, TRAINING).astype(np.int8)


def _listed(files: Sequence[str], lists: Sequence[str], source: FolderPairs | None) -> SidesArray:
    """The side of each pair by lists of names, in which a file of several pages is there once."""
    first = {file: index for index, file in reversed([*enumerate(files)])}
    stems, image_path = list(dict.fromkeys(files)), None
    of_files: list[Iterable[str]] = []
    if source is not None:
        image_path, pairs = source.image_path, source.pairs.take(np.array([first[stem] for stem in stems]))
        of_files = [pairs.images, (gts[0] for gts in pairs.gts)]
    side_of = dict(zip(stems, sides_of_lists(stems, lists, image_path, of_files).tolist(), strict=True))
    return np.array([side_of[file] for file in files], dtype=np.int8)


def _with_their_groups(groups: Sequence[str], sides: SidesArray, is_known: npt.NDArray[np.bool_]) -> SidesArray:
    """Put new pairs of a group on the side on which the run has used the group."""
    side_of: dict[str, int] = {}
    for group, side in zip(np.array(groups)[is_known].tolist(), sides[is_known].tolist(), strict=True):
        if side != LEFT_OUT:
            side_of[group] = min(side, side_of.get(group, side))  # training, if it is on both
    moved = [side_of.get(group, side) for group, side in zip(groups, sides.tolist(), strict=True)]
    return np.where(is_known | (sides == LEFT_OUT), sides, moved).astype(np.int8)


def _refuse_divided_groups(groups: Sequence[str], sides: SidesArray) -> None:
    names = np.array(groups)
    shared = sorted(set(names[sides == TRAINING].tolist()) & set(names[sides == VALIDATION].tolist()))
    if shared:
        message = text("--data.split puts some groups of --data.group on both sides: {groups}.")
        raise DataError(message.format(groups=short_list(shared, limit=10)))


def _name_files(source: FolderPairs) -> Named:
    sizes = [
        (_size(source.image_path, image), sum(_size(source.gt_path, gt) for gt in gts))
        for image, gts in zip(source.pairs.images, source.pairs.gts, strict=True)
    ]
    return name_pairs(list(source.pairs.stems), sizes)


def _size(folder: str, name: str) -> int:
    try:
        return os.stat(os.path.join(folder, name)).st_size  # noqa: PTH116, PTH118 (a Path takes ten times as long)
    except OSError:  # a broken link, which the check of the files reports
        return -1
