"""The pairs for training and for validation: from the settings of the split, and from what a resumed run has used."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from datamodules.data_errors import DataError, bullet_list, short_list
from datamodules.pairs import Pair
from datamodules.settings import parse_fold
from datamodules.sides import (
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
from datamodules.sources import FolderPairs, PairSource, SamplePairs
from datamodules.split import by_fold, by_share, groups_by_share, groups_of
from datamodules.split_lists import sides_of_lists
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
        left_out: The number of pairs that no list names.
        stayed: The stems that the split would put on the other side than the run did.
    """

    training: PairSource
    validation: PairSource
    sides: Sides
    trained: str
    validated: str
    unseen: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]
    left_out: int = 0
    stayed: Sequence[str] = ()


def divide_samples(count: int, settings: SplitSettings, known: Sides | None) -> Partition:
    """Divide the built-in sample set, which is drawn from the seed of the split.

    Raises:
        DataError: The pairs cannot be divided like this.
    """
    stems = [f"sample {index}" for index in range(count)]
    named = name_pairs(stems, [(settings.seed, index) for index in range(count)])
    sides, stayed = _divide(stems, named, settings, known, image_path=None)
    training, validation = (np.flatnonzero(sides == side).tolist() for side in (TRAINING, VALIDATION))
    unseen = ~(known or no_sides()).has_unchanged(named)
    return Partition(
        SamplePairs(settings.seed, training),
        SamplePairs(settings.seed, validation),
        (known or no_sides()).continued(named, sides),
        fingerprint(named.stems[training]),
        fingerprint(named.contents[validation]),
        (unseen[training], unseen[validation]),
        count - len(training) - len(validation),
        stayed,
    )


def divide_folder(
    image_path: str, gt_path: str, pairs: Sequence[Pair], settings: SplitSettings, known: Sides | None
) -> Partition:
    """Divide the pairs of two folders.

    Args:
        image_path: The folder of the images.
        gt_path: The folder of the ground truth.
        pairs: Their pairs.
        settings: The rule for pairs that the run has not used yet.
        known: What a resumed run has used.

    Raises:
        DataError: The pairs cannot be divided like this.
    """
    stems = [pair.stem for pair in pairs]
    named = _name_files(image_path, gt_path, pairs)
    sides, stayed = _divide(stems, named, settings, known, image_path)
    training, validation = (np.flatnonzero(sides == side).tolist() for side in (TRAINING, VALIDATION))
    unseen = ~(known or no_sides()).has_unchanged(named)
    return Partition(
        FolderPairs(image_path, gt_path, [pairs[index] for index in training]),
        FolderPairs(image_path, gt_path, [pairs[index] for index in validation]),
        (known or no_sides()).continued(named, sides),
        fingerprint(named.stems[training]),
        fingerprint(named.contents[validation]),
        (unseen[training], unseen[validation]),
        len(pairs) - len(training) - len(validation),
        stayed,
    )


def two_folders(
    paths: tuple[str, str],
    pairs: Sequence[Pair],
    val_paths: tuple[str, str],
    val_pairs: Sequence[Pair],
    group: str | None,
    known: Sides | None,
    validated_before: str | None,
) -> Partition:
    """Train on the pairs of two folders, and validate with those of two others.

    Args:
        paths: The folders of images and ground truth for training.
        pairs: Their pairs.
        val_paths: The folders for validation.
        val_pairs: Their pairs.
        group: A regular expression for the group in a stem: no group may be on both sides.
        known: What a resumed run has used.
        validated_before: The fingerprint of the pairs with which it has validated.

    Raises:
        DataError: A group is on both sides.
    """
    if group is not None:
        groups, val_groups = (groups_of([pair.stem for pair in some], group) for some in (pairs, val_pairs))
        shared = sorted(set(groups) & set(val_groups))
        if shared:
            problem = plural(
                "{count} group is in training and in validation:",
                "{count} groups are in training and in validation:",
                len(shared),
            )
            raise DataError(f"--data.group {group}: {problem}\n{bullet_list(shared)}")
    named = _name_files(*paths, pairs)
    sides = np.full(len(pairs), TRAINING, dtype=np.int8)
    used = known or no_sides()
    validated = fingerprint(_name_files(*val_paths, val_pairs).contents)
    return Partition(
        FolderPairs(*paths, pairs),
        FolderPairs(*val_paths, val_pairs),
        used.continued(named, sides),
        fingerprint(named.stems),
        validated,
        (~used.has_unchanged(named), np.full(len(val_pairs), validated != validated_before)),
    )


def data_line(parts: Partition, fold: str | None) -> str:
    """Return one line with the number of pairs on each side and their source.

    Args:
        parts: The pairs.
        fold: The fold for validation; None if there are no folds.
    """
    train = plural("{count} pair for training", "{count} pairs for training", len(parts.training))
    val = text("{count} for validation").format(count=len(parts.validation))
    if fold is not None:
        val = text("{val} (fold {fold})").format(val=val, fold=fold)
    if parts.left_out:
        val = text("{val}, {count} left out (in no list)").format(val=val, count=parts.left_out)
    source, val_source = parts.training.describe(), parts.validation.describe()
    if source == val_source:
        return text("{train}, {val}, {source}").format(train=train, val=val, source=source)
    return text("{train}, {source}; {val}, {val_source}").format(
        train=train, source=source, val=val, val_source=val_source
    )


def _divide(
    stems: Sequence[str], named: Named, settings: SplitSettings, known: Sides | None, image_path: str | None
) -> tuple[SidesArray, list[str]]:
    """Return the side of each pair, and the stems that the rule alone would put on the other side."""
    groups = None if settings.group is None else groups_of(stems, settings.group)
    ruled = _ruled(stems, groups, settings, image_path)
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
    stems: Sequence[str], groups: Sequence[str] | None, settings: SplitSettings, image_path: str | None
) -> SidesArray:
    if settings.lists is not None:
        sides = sides_of_lists(stems, settings.lists, image_path)
        if groups is not None:
            _refuse_divided_groups(groups, sides)
        return sides
    if settings.fold is not None:
        number, count = parse_fold(settings.fold)
        validated = by_fold(groups or stems, number, count, settings.seed)
    elif groups is not None:
        validated = groups_by_share(groups, settings.val_fraction, settings.seed)
    else:
        validated = by_share(stems, settings.val_fraction, settings.seed)
    return np.where(validated, VALIDATION, TRAINING).astype(np.int8)


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


def _name_files(image_path: str, gt_path: str, pairs: Sequence[Pair]) -> Named:
    sizes = [(_size(image_path, pair.image), _size(gt_path, pair.gt)) for pair in pairs]
    return name_pairs([pair.stem for pair in pairs], sizes)


def _size(folder: str, name: str) -> int:
    try:
        return os.stat(os.path.join(folder, name)).st_size  # noqa: PTH116, PTH118 (a Path takes ten times as long)
    except OSError:  # a broken link, which the check of the files reports
        return -1
