"""Problems in the files of pairs, found before training starts."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from datamodules.data_errors import DataError, bullet_list
from datamodules.dataset import mixed_sizes_message
from datamodules.image_files import read_gt, read_image, read_size, without_pillow_warnings
from datamodules.labels import ClassMapping, values_of
from datamodules.sources import FolderPairs
from resume.system.output import plural

Progress = Callable[[int, int], None]


class Inspection(NamedTuple):
    """Facts about one pair of files; sizes are (height, width)."""

    unreadable: list[str] = []  # noqa: RUF012 (never appended to)
    image_size: tuple[int, ...] = ()
    gt_size: tuple[int, ...] = ()
    values: Sequence[int] = ()


class PairProblems:
    """All problems that were found, by kind, to be raised as one error."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []
        self.sizes: list[str] = []
        self.values: list[str] = []
        self.batches: list[str] = []

    def raise_if_any(self, mapping: ClassMapping) -> None:
        """Raise one DataError with the first ten files of each kind and the number of files of that kind."""
        parts = []
        if self.unreadable:
            count = len(self.unreadable)
            parts.append(plural("{count} file cannot be used:", "{count} files cannot be used:", count))
            parts.append(bullet_list(self.unreadable))
        if self.sizes:
            parts.append(
                plural(
                    "{count} pair differs in size; an image and its ground truth must have the same size:",
                    "{count} pairs differ in size; an image and its ground truth must have the same size:",
                    len(self.sizes),
                )
            )
            parts.append(bullet_list(self.sizes))
        if self.values:
            parts.append(
                plural(
                    "{count} ground truth file holds values that belong to no class:",
                    "{count} ground truth files hold values that belong to no class:",
                    len(self.values),
                )
            )
            parts += [bullet_list(self.values), mapping.advice()]
        parts += self.batches
        if parts:
            raise DataError("\n".join(parts))


def check_pairs(
    sources: Sequence[FolderPairs],
    one_size: Sequence[bool],
    mapping: ClassMapping,
    every_gt: bool,
    progress: Progress | None = None,
) -> None:
    """Open the header of every file, and decode the first pair of each source and the ground truth.

    Args:
        sources: The pairs for training and for validation.
        one_size: For each source, whether all its images must have the same size.
        mapping: The values that the ground truth may hold.
        every_gt: Whether to decode the ground truth of all pairs, or only of the first pair of each source.
        progress: Called after each pair with the number of pairs done and the number of all pairs.

    Raises:
        DataError: There are problems; the message contains all of them.
    """
    problems = PairProblems()
    done, total = 0, sum(len(source) for source in sources)
    for source, needs_one_size in zip(sources, one_size, strict=True):
        sizes = set()
        for index, inspection in enumerate(_inspect_all(source, every_gt)):
            _add_problems(inspection, index, source, mapping, problems)
            sizes.add(inspection.image_size)
            done += 1
            if progress is not None:
                progress(done, total)
        sizes.discard(())
        if needs_one_size and len(sizes) > 1:
            problems.batches.append(mixed_sizes_message(sizes))
    problems.raise_if_any(mapping)


def _add_problems(
    inspection: Inspection, index: int, source: FolderPairs, mapping: ClassMapping, problems: PairProblems
) -> None:
    if inspection.unreadable:
        problems.unreadable += inspection.unreadable
    elif inspection.image_size != inspection.gt_size:
        problems.sizes.append(source.size_problem(index, inspection.image_size, inspection.gt_size))
    elif not mapping.fits(inspection.values):
        problems.values.append(mapping.problem(source.gt_file(index), inspection.values))


def _inspect_all(source: FolderPairs, every_gt: bool) -> Iterator[Inspection]:
    def inspect(index: int) -> Inspection:
        return _inspect(source, index, every_gt)

    # Threads are enough: other threads run while Pillow decodes a file or waits for a network drive.
    with without_pillow_warnings(), ThreadPoolExecutor(min(16, 2 * (os.cpu_count() or 1))) as pool:
        yield from pool.map(inspect, range(len(source)))


def _inspect(source: FolderPairs, index: int, every_gt: bool) -> Inspection:
    image_size: tuple[int, ...] = ()
    gt_size: tuple[int, ...] = ()
    values: Sequence[int] = ()
    unreadable = []
    try:
        image_size = read_size(source.image_file(index))
        if index == 0:
            image_size = tuple(read_image(source.image_file(index)).shape[1:])
    except DataError as error:
        unreadable.append(str(error))
    try:
        if every_gt or index == 0:
            labels = read_gt(source.gt_file(index))
            gt_size, values = labels.shape, values_of(labels)
        else:
            gt_size = read_size(source.gt_file(index))
    except DataError as error:
        unreadable.append(str(error))
    return Inspection(unreadable, image_size, gt_size, values)
