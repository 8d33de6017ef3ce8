"""Problems in the files of pairs, found before training starts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from datamodules.data_errors import DataError, bullet_list, unusable_files
from datamodules.gt.codes import CLASS_READINGS
from datamodules.gt.labels import ClassMapping
from datamodules.gt.tables import codes_in
from datamodules.image_facts import ImageFacts, treatments_of
from datamodules.loading.dataset import mixed_sizes_message
from datamodules.loading.sources import FolderPairs, PairSource, exif_advice
from datamodules.loading.unreadable import Failure, Skipped
from datamodules.reading.orientations import cause_of_sizes, turn_of_gt, upright
from datamodules.reading.threads import in_threads
from datamodules.scanning import PairScan, Progress, Scan, scan_pair
from resume.system.output import one_line, plural, text

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


class PairProblems:
    """All problems that were found, by kind, to be raised as one error."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []
        self.sizes: list[str] = []
        self.turns: list[str] = []
        self.values: list[str] = []
        self.batches: list[str] = []

    def raise_if_any(self, mapping: ClassMapping) -> None:
        """Raise one DataError with the first files of each kind and the number of files of that kind."""
        parts = []
        if self.unreadable:
            parts.append(unusable_files(self.unreadable))
        if self.sizes:
            parts.append(
                plural(
                    "{count} pair differs in size; an image and its ground truth must have the same size:",
                    "{count} pairs differ in size; an image and its ground truth must have the same size:",
                    len(self.sizes),
                )
            )
            parts.append(bullet_list(self.sizes, _SHOWN))
        if self.turns:
            parts.append(
                plural(
                    "{count} ground truth file may or may not be turned:",
                    "{count} ground truth files may or may not be turned:",
                    len(self.turns),
                )
            )
            parts += [bullet_list(self.turns, _SHOWN), exif_advice()]
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


class Check(NamedTuple):
    """What pairs are checked against.

    Attributes:
        mapping: The codes that the ground truth may hold.
        scan: What was seen of the pairs already.
        skipped: For each source, the pairs that the run does without.
        most_skipped: How many pairs that cannot be read the run may do without.
    """

    mapping: ClassMapping
    scan: Scan
    skipped: Sequence[Skipped]
    most_skipped: int


def check_pairs(
    sources: Sequence[FolderPairs],
    one_size: Sequence[bool],
    care: Sequence[npt.NDArray[np.int8]],
    check: Check,
    progress: Progress | None = None,
) -> ImageFacts:
    """Look at every file: its header and its end, and the pixels of those that need it.

    Args:
        sources: The pairs for training and for validation.
        one_size: For each source, whether all its images must have the same size.
        care: For each source, the care for each of its pairs.
        check: What they are checked against.
        progress: Called after each pair with the number of pairs done and the number of all pairs.

    Returns:
        What the images are like.

    Raises:
        DataError: There are problems; the message contains all of them.
    """
    problems, facts = PairProblems(), ImageFacts(Counter(), Counter())
    done, total = 0, sum(len(source) for source in sources)
    failures: list[list[Failure]] = []
    for source, needs_one_size, levels, skipped in zip(sources, one_size, care, check.skipped, strict=True):
        sizes = set()
        failures.append([])
        for index, seen in enumerate(_look_at_all(source, levels, check.scan)):
            done += 1
            if progress is not None:
                progress(done, total)
            if index in skipped.indices:
                continue
            if seen.problems or seen.image is None:
                failures[-1].append(Failure(index, "\n".join(seen.problems)))
                continue
            _add_problems(seen, index, source, check.mapping, problems)
            size = upright(seen.image.size, seen.image.orientation)
            sizes.add(size)
            facts.add(size, treatments_of(seen.image, source.how.form.channels))
        if needs_one_size and len(sizes) > 1:
            problems.batches.append(mixed_sizes_message(sizes))
    _add_unreadable(failures, check, problems)
    problems.raise_if_any(check.mapping)
    return facts


def _add_unreadable(failures: Sequence[Sequence[Failure]], check: Check, problems: PairProblems) -> None:
    """Do without the pairs that cannot be read, if the run may; else they are problems."""
    if sum(map(len, failures)) <= check.most_skipped:
        for skipped, some in zip(check.skipped, failures, strict=True):
            skipped.add(some)
        return
    problems.unreadable += [line for some in failures for failure in some for line in failure.message.splitlines()]


def _add_problems(
    seen: PairScan, index: int, source: FolderPairs, mapping: ClassMapping, problems: PairProblems
) -> None:
    assert seen.image is not None
    assert seen.gt is not None
    turn = turn_of_gt(seen.image, seen.gt)
    if turn.is_ambiguous and source.how.exif_gt == "fit":
        problems.turns.append(source.ambiguous_problem(index))
    elif not turn.fits:
        sizes = upright(seen.image.size, seen.image.orientation), upright(seen.gt.size, turn.orientation)
        problems.sizes.append(source.size_problem(index, *sizes, cause_of_sizes(seen.image, seen.gt)))
    elif seen.stats is not None and source.how.gt_reading in CLASS_READINGS:
        values = codes_in(seen.stats, source.how.gt_reading)
        if values is None:
            message = text("{path} holds {count} different values, or none that can be read as {reading}")
            problems.values.append(
                message.format(
                    path=one_line(source.gt_file(index)), count=seen.stats.distinct, reading=source.how.gt_reading
                )
            )
        elif not mapping.fits(list(values)):
            problems.values.append(mapping.problem(source.gt_file(index), list(values)))


def _look_at_all(source: FolderPairs, care: npt.NDArray[np.int8], scan: Scan) -> Iterator[PairScan]:
    def look(index: int) -> PairScan:
        seen = scan.of(source, index) or scan_pair(source, index, decodes_gt=care[index] >= Care.GT)
        if seen.image is None or care[index] < Care.BOTH:
            return seen
        try:
            source.image(index)
        except DataError as error:
            return seen._replace(problems=(*seen.problems, str(error)))
        return seen

    return in_threads(look, range(len(source)))
