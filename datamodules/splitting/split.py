"""The rules that divide pairs into training and validation: by share, by fold, and whole groups at a time.

Every rule is a function of the names and a seed. Each result has one entry for each name: whether it is for validation.
"""

import heapq
import re
from collections import Counter
from collections.abc import Sequence

from datamodules.data_errors import DataError, bullet_list
from datamodules.seeding import mix
from resume.system.output import plural, text

# A hash gives sets that are smaller than this a share that is too far from the one that was asked for.
FEW = 20


def by_share(stems: Sequence[str], val_fraction: float, seed: int) -> list[bool]:
    """Assign each stem by itself, so that a new file never moves another one to the other side.

    A stem is for validation if its hash with the seed, scaled to [0, 1), is below `val_fraction`. At least one stem is
    on each side. Of fewer than `FEW` stems, at least half are for training.

    Args:
        stems: The names of the pairs.
        val_fraction: The approximate share of validation; between 0 and 1.
        seed: The seed of the split.

    Raises:
        DataError: There are fewer than two stems.
    """
    if len(stems) < 2:
        raise DataError(
            text(
                "Too few pairs to split into training and validation: found {count}, expected at least 2. Add pairs, "
                "or set a separate validation set with --data.val_image_path and --data.val_gt_path."
            ).format(count=len(stems))
        )
    places = [_place(seed, stem) for stem in stems]
    order = sorted(range(len(stems)), key=places.__getitem__)
    most = len(stems) // 2 if len(stems) < FEW else len(stems) - 1
    validated = set(order[: min(max(sum(place < val_fraction for place in places), 1), most)])
    return [index in validated for index in range(len(stems))]


def groups_by_share(groups: Sequence[str], val_fraction: float, seed: int) -> list[bool]:
    """Assign whole groups, so that the share holds approximately for the pairs.

    In the order of their hashes, each group that brings validation nearer to the share is taken. At least one group is
    on each side, and at least half of the pairs are for training unless `val_fraction` is larger and there are many
    groups.

    Args:
        groups: The group of each pair.
        val_fraction: The approximate share of validation; between 0 and 1.
        seed: The seed of the split.

    Raises:
        DataError: There are fewer than two groups.
    """
    sizes = Counter(groups)
    if len(sizes) < 2:
        raise _too_few_groups(sizes, 2)
    wanted = val_fraction * len(groups)
    most = len(groups) // 2 if len(sizes) < FEW else max(len(groups) // 2, round(wanted))
    validated, count = set(), 0
    for group in sorted(sizes, key=lambda name: _place(seed, name)):
        if count + sizes[group] <= most and sizes[group] < 2 * (wanted - count):
            validated.add(group)
            count += sizes[group]
    if not validated:
        validated.add(min(sizes, key=lambda name: (sizes[name], _place(seed, name))))
    return [group in validated for group in groups]


def slices_in_a_row(count: int, val_fraction: float, fold: tuple[int, int] | None) -> list[bool]:
    """Validate with slices of one stack that lie side by side: a slice resembles its neighbours.

    Args:
        count: The number of slices, at least 2.
        val_fraction: The approximate share of validation, at the end of the stack; between 0 and 1.
        fold: K and N: the K-th of N parts instead; None: there are no folds.

    Raises:
        DataError: There are fewer slices than folds.
    """
    if fold is None:
        validated = min(max(round(val_fraction * count), 1), count - 1)
        return [index >= count - validated for index in range(count)]
    number, parts = fold
    if parts > count:
        raise _too_few_groups(Counter(map(str, range(count))), parts)
    return [(number - 1) * count // parts <= index < number * count // parts for index in range(count)]


def by_fold(groups: Sequence[str], number: int, count: int, seed: int) -> list[bool]:
    """Validate with one of `count` folds of about equal size; each group is in exactly one fold.

    Pairs without groups are in the fold of their hash, so that a new file never moves another one, unless they are too
    few for equal folds. Groups, and few pairs, are dealt out: the largest one first, each to the smallest fold.

    Args:
        groups: The group of each pair; its stem, if there are no groups.
        number: The fold for validation, from 1.
        count: The number of folds.
        seed: The seed of the split.

    Raises:
        DataError: There are fewer groups than folds.
    """
    sizes = Counter(groups)
    if len(sizes) < count:
        raise _too_few_groups(sizes, count)
    if len(sizes) == len(groups) >= FEW * count:
        return [int(_place(seed, group) * count) == number - 1 for group in groups]
    folds = [(0, fold) for fold in range(count)]  # a heap: the fold with the fewest pairs is the first
    validated = set()
    for group in sorted(sizes, key=lambda name: (-sizes[name], _place(seed, name))):
        pairs, fold = folds[0]
        heapq.heapreplace(folds, (pairs + sizes[group], fold))
        if fold == number - 1:
            validated.add(group)
    return [group in validated for group in groups]


def groups_of(stems: Sequence[str], pattern: str) -> list[str]:
    """Return the group of each stem: what the pattern's first pair of parentheses matches, or all that it matches.

    Raises:
        DataError: The pattern is not a regular expression, or does not match some stems.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        message = text("--data.group {pattern} is not a regular expression: {reason}.")
        raise DataError(message.format(pattern=pattern, reason=error)) from error
    found = [compiled.search(stem) for stem in stems]
    groups = [None if match is None else match[1 if compiled.groups else 0] for match in found]
    without = [stem for stem, group in zip(stems, groups, strict=True) if not group]
    if without:
        problem = text("--data.group {pattern} does not match every name.").format(pattern=pattern)
        count = plural("{count} name without a group:", "{count} names without a group:", len(without))
        advice = text(
            "It is searched for in the path inside the folder without the suffix; the first pair of parentheses, or "
            "all that matches, is the group. Change the pattern so that it fits all names."
        )
        raise DataError(f"{problem} {count}\n{bullet_list(without)}\n{advice}")
    return [group for group in groups if group]


def _place(seed: int, name: str) -> float:
    return mix(seed, "split", name) / 2**63


def _too_few_groups(sizes: Counter[str], needed: int) -> DataError:
    if max(sizes.values(), default=1) == 1:
        message = text("--data.fold needs at least one pair for each fold: found {count}, expected at least {needed}.")
    else:
        message = text("--data.group gives too few groups: found {count} ({names}), expected at least {needed}.")
    return DataError(message.format(count=len(sizes), needed=needed, names=", ".join(sorted(sizes)[:10])))
