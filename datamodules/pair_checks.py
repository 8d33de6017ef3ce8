"""What is wrong with the files, found out before training starts."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from datamodules.data_errors import DataError, listed
from datamodules.dataset import different_sizes
from datamodules.image_files import read_gt, read_image, read_size, without_pillow_warnings
from datamodules.labels import ClassMapping, values_of
from datamodules.sources import FolderPairs

Progress = Callable[[int, int], None]


class Found(NamedTuple):
    """What one pair of files turned out to be; sizes are (height, width)."""

    unreadable: list[str] = []  # noqa: RUF012 (never appended to)
    image_size: tuple[int, ...] = ()
    gt_size: tuple[int, ...] = ()
    values: Sequence[int] = ()


class Problems:
    """Collects what is wrong, kind by kind, and raises it once."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []
        self.sizes: list[str] = []
        self.values: list[str] = []
        self.batches: list[str] = []

    def raise_if_any(self, mapping: ClassMapping) -> None:
        """Raises one DataError that names the first ten files of each kind, and how many there are."""
        parts = [
            f"{len(files)} {what}:\n{listed(files)}"
            for files, what in (
                (self.unreadable, "files cannot be used"),
                (self.sizes, "pairs differ in size; an image and its ground truth must have the same"),
                (self.values, "ground truth files hold values that stand for no class"),
            )
            if files
        ]
        parts += [mapping.cure()] if self.values else []
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
    """Opens every file's header, decodes the first pair of each source, and the ground truth.

    Args:
        sources: The pairs for training and for validation.
        one_size: For each source, whether all its images must be of one size.
        mapping: Which values the ground truth may hold.
        every_gt: Whether to decode all ground truth or only the first of each source.
        progress: Called after each pair with the number of pairs done and of all pairs.

    Raises:
        DataError: With all problems.
    """
    problems = Problems()
    done, total = 0, sum(len(source) for source in sources)
    for source, same in zip(sources, one_size, strict=True):
        sizes = set()
        for index, found in enumerate(_inspect_all(source, every_gt)):
            _judge(found, index, source, mapping, problems)
            sizes.add(found.image_size)
            done += 1
            if progress is not None:
                progress(done, total)
        sizes.discard(())
        if same and len(sizes) > 1:
            problems.batches.append(different_sizes(sizes))
    problems.raise_if_any(mapping)


def _judge(found: Found, index: int, source: FolderPairs, mapping: ClassMapping, problems: Problems) -> None:
    if found.unreadable:
        problems.unreadable += found.unreadable
    elif found.image_size != found.gt_size:
        problems.sizes.append(source.size_problem(index, found.image_size, found.gt_size))
    elif not mapping.fits(found.values):
        problems.values.append(mapping.misfit(source.gt_file(index), found.values))


def _inspect_all(source: FolderPairs, every_gt: bool) -> Iterator[Found]:
    def inspect(index: int) -> Found:
        return _inspect(source, index, every_gt)

    # Pillow lets other threads run while it decodes, and a network drive while it waits.
    with without_pillow_warnings(), ThreadPoolExecutor(min(16, 2 * (os.cpu_count() or 1))) as pool:
        yield from pool.map(inspect, range(len(source)))


def _inspect(source: FolderPairs, index: int, every_gt: bool) -> Found:
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
    return Found(unreadable, image_size, gt_size, values)
