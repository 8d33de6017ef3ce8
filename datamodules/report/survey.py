"""All pairs of a run looked at, whatever is wrong with them: what --check_data reports on."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from datamodules.data_errors import DataError
from datamodules.gt.labels import ClassMapping
from datamodules.gt.stats import GtStats, statistics
from datamodules.loading.sources import FolderPairs, PairSource, SamplePairs
from datamodules.reading.image_files import check_statistics
from datamodules.reading.image_stats import image_statistics
from datamodules.reading.raster_form import FileHeader, Raster
from datamodules.report.class_counts import ClassCounts, class_counts, counted
from datamodules.run_pairs import RunPairs
from datamodules.scanning import PairScan, Scan


class Side(NamedTuple):
    """The pairs for training, or those for validation.

    Attributes:
        source: The pairs.
        seen: What was seen of each.
        counts: The classes in each; None where they cannot be counted, and where their meaning is not known.
    """

    source: FolderPairs | SamplePairs
    seen: Sequence[PairScan]
    counts: Sequence[ClassCounts | None]

    def name(self, index: int) -> str:
        """What a pair is called."""
        return self.source.name(index)

    def gt_name(self, index: int) -> str:
        """What its ground truth is called."""
        return self.source.name(index) if isinstance(self.source, SamplePairs) else self.source.pairs.gts[index][0]


class Survey(NamedTuple):
    """What was seen of all pairs.

    Attributes:
        training: The pairs for training; all, if they cannot be divided.
        validation: Those for validation.
        left_out: The number of those that are on no side.
        mapping: The class of each code; None where their meaning is not known.
    """

    training: Side
    validation: Side
    left_out: int
    mapping: ClassMapping | None

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.training, self.validation


def check_images(sources: Sequence[FolderPairs], scan: Scan, *, has_form: bool) -> None:
    """Note the images that do not fit the form of the data set, or are not finite where no form could be found."""
    for source in sources:
        for index in range(len(source)):
            seen = scan.of(source, index)
            if seen is None or seen.pixels is None or seen.image is None:
                continue
            try:
                form = source.how.form if has_form else None
                check_statistics(seen.pixels, seen.image.bits, form, source.image_file(index))
            except DataError as error:
                scan.add_problem(source, index, str(error))


def survey(pairs: RunPairs, mapping: ClassMapping | None, on_problem: Callable[[DataError], None]) -> Survey:
    """Collect what was seen of the pairs.

    Args:
        pairs: The pairs; those of folders were looked at.
        mapping: The class of each code; None where their meaning is not known.
        on_problem: Called if the pairs cannot be divided.
    """
    try:
        parts = pairs.partition
    except DataError as error:
        on_problem(error)
        source = pairs.sources[0]
        none = source.of(source.pairs.take(np.zeros(0, np.int64)))
        return Survey(_side(source, pairs.scan, mapping), _side(none, pairs.scan, mapping), 0, mapping)
    training, validation = (_side(source, pairs.scan, mapping) for source in (parts.training, parts.validation))
    return Survey(training, validation, parts.left_out, mapping)


def _side(source: PairSource, scan: Scan, mapping: ClassMapping | None) -> Side:
    if isinstance(source, SamplePairs):
        drawn = [source.on_each_other(index) for index in range(len(source))]
        seen = [_seen(Raster(image.pixels), Raster(gt)) for image, gt in drawn]
        return Side(source, seen, [None if mapping is None else _counts_of(one.stats, mapping) for one in seen])
    assert isinstance(source, FolderPairs)
    looked = [scan.of(source, index) or PairScan() for index in range(len(source))]
    return Side(source, looked, list(_counts(source, looked, mapping)))


def _counts(
    source: FolderPairs, seen: Sequence[PairScan], mapping: ClassMapping | None
) -> Iterator[ClassCounts | None]:
    for index, one in enumerate(seen):
        if mapping is None or one.stats is None:
            yield None
        else:
            yield class_counts(source, index, one.stats, mapping)


def _counts_of(stats: GtStats | None, mapping: ClassMapping) -> ClassCounts:
    assert stats is not None
    return counted(dict(stats.counts), mapping)


def _seen(image: Raster, gt: Raster) -> PairScan:
    """A drawing, as if it were read from files."""
    return PairScan(_header(image), _header(gt), statistics(gt), (), image_statistics(image))


def _header(drawn: Raster) -> FileHeader:
    height, width = drawn.pixels.shape[:2]
    channels = 1 if drawn.pixels.ndim == 2 else drawn.pixels.shape[2]
    return FileHeader((height, width), None, 1, channels, 8, False, False, False, True, drawn.pixels.nbytes)
