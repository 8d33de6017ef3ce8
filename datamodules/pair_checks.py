"""Problems in the files of pairs, found before training starts."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from datamodules.data_errors import DataError, bullet_list
from datamodules.dataset import mixed_sizes_message
from datamodules.image_facts import ImageFacts
from datamodules.image_files import read_gt, read_header, read_image, without_pillow_warnings
from datamodules.labels import ClassMapping, values_of
from datamodules.sources import FolderPairs, PairSource
from resume.system.output import plural

Progress = Callable[[int, int], None]
_SHOWN = 20  # files of one kind of problem in a message


class Care(IntEnum):
    """How closely a pair is looked at."""

    HEADERS = 0  # header and end of both files; a file that lacks its end is decoded
    GT = 1  # and the ground truth is decoded
    BOTH = 2  # both files are decoded


def care_for(unseen: npt.NDArray[np.bool_], *, is_new_run: bool, every_gt: bool) -> npt.NDArray[np.int8]:
    """Return the care for each pair of a source.

    Pairs that were added to a run are few, so that both of their files are decoded; the first epoch of a new run
    decodes all images soon.

    Args:
        unseen: Whether the run has not used a pair yet.
        is_new_run: Whether it has used none.
        every_gt: Whether to decode the ground truth of all pairs.
    """
    care = np.where(unseen, Care.GT if is_new_run else Care.BOTH, Care.GT if every_gt else Care.HEADERS)
    care[:1] = Care.BOTH
    return care.astype(np.int8)


class Inspection(NamedTuple):
    """Facts about one pair of files; sizes are (height, width)."""

    unreadable: list[str] = []  # noqa: RUF012 (never appended to)
    image_size: tuple[int, ...] = ()
    gt_size: tuple[int, ...] = ()
    values: Sequence[int] = ()
    treatments: Sequence[str] = ()


class PairProblems:
    """All problems that were found, by kind, to be raised as one error."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []
        self.sizes: list[str] = []
        self.values: list[str] = []
        self.batches: list[str] = []

    def raise_if_any(self, mapping: ClassMapping) -> None:
        """Raise one DataError with the first files of each kind and the number of files of that kind."""
        parts = []
        if self.unreadable:
            count = len(self.unreadable)
            parts.append(plural("{count} file cannot be used:", "{count} files cannot be used:", count))
            parts.append(bullet_list(self.unreadable, _SHOWN))
        if self.sizes:
            parts.append(
                plural(
                    "{count} pair differs in size; an image and its ground truth must have the same size:",
                    "{count} pairs differ in size; an image and its ground truth must have the same size:",
                    len(self.sizes),
                )
            )
            parts.append(bullet_list(self.sizes, _SHOWN))
        if self.values:
            parts.append(
                plural(
                    "{count} ground truth file holds values that belong to no class:",
                    "{count} ground truth files hold values that belong to no class:",
                    len(self.values),
                )
            )
            parts += [bullet_list(self.values, _SHOWN), mapping.advice()]
        parts += self.batches
        if parts:
            raise DataError("\n".join(parts))


def check_samples(source: PairSource, count: int, mapping: ClassMapping) -> ImageFacts:
    """See that the first drawing of the sample set fits the classes; all are of one size.

    Raises:
        DataError: A value belongs to no class.
    """
    raw = source.load(0)
    mapping.target(raw.labels, raw.gt_name)
    return ImageFacts(Counter({tuple(raw.image.shape[1:]): count}), Counter())


def check_pairs(
    sources: Sequence[FolderPairs],
    one_size: Sequence[bool],
    mapping: ClassMapping,
    care: Sequence[npt.NDArray[np.int8]],
    progress: Progress | None = None,
) -> ImageFacts:
    """Look at every file: its header and its end, and the pixels of those that need it.

    Args:
        sources: The pairs for training and for validation.
        one_size: For each source, whether all its images must have the same size.
        mapping: The values that the ground truth may hold.
        care: For each source, the care for each of its pairs.
        progress: Called after each pair with the number of pairs done and the number of all pairs.

    Returns:
        What the images are like.

    Raises:
        DataError: There are problems; the message contains all of them.
    """
    problems, facts = PairProblems(), ImageFacts(Counter(), Counter())
    done, total = 0, sum(len(source) for source in sources)
    for source, needs_one_size, levels in zip(sources, one_size, care, strict=True):
        sizes = set()
        for index, inspection in enumerate(_inspect_all(source, levels)):
            _add_problems(inspection, index, source, mapping, problems)
            sizes.add(inspection.image_size)
            facts.add(inspection.image_size, inspection.treatments)
            done += 1
            if progress is not None:
                progress(done, total)
        sizes.discard(())
        if needs_one_size and len(sizes) > 1:
            problems.batches.append(mixed_sizes_message(sizes))
    problems.raise_if_any(mapping)
    return facts


def _add_problems(
    inspection: Inspection, index: int, source: FolderPairs, mapping: ClassMapping, problems: PairProblems
) -> None:
    if inspection.unreadable:
        problems.unreadable += inspection.unreadable
    elif inspection.image_size != inspection.gt_size:
        problems.sizes.append(source.size_problem(index, inspection.image_size, inspection.gt_size))
    elif not mapping.fits(inspection.values):
        problems.values.append(mapping.problem(source.gt_file(index), inspection.values))


def _inspect_all(source: FolderPairs, care: npt.NDArray[np.int8]) -> Iterator[Inspection]:
    def inspect(index: int) -> Inspection:
        return _inspect(source.image_file(index), source.gt_file(index), care[index])

    # Threads are enough: other threads run while Pillow decodes a file or waits for a network drive.
    with without_pillow_warnings(), ThreadPoolExecutor(min(16, 2 * (os.cpu_count() or 1))) as pool:
        yield from pool.map(inspect, range(len(source)))


def _inspect(image: str, gt: str, care: int) -> Inspection:
    image_size: tuple[int, ...] = ()
    gt_size: tuple[int, ...] = ()
    values: Sequence[int] = ()
    treatments: Sequence[str] = ()
    unreadable = []
    try:
        image_size, looks_whole, treatments = read_header(image)
        if care >= Care.BOTH or not looks_whole:
            image_size = tuple(read_image(image).shape[1:])
    except DataError as error:
        unreadable.append(str(error))
    try:
        gt_size, looks_whole, _ = read_header(gt)
        if care >= Care.GT or not looks_whole:
            labels = read_gt(gt)
            gt_size, values = labels.shape, values_of(labels)
    except DataError as error:
        unreadable.append(str(error))
    return Inspection(unreadable, image_size, gt_size, values, treatments)
