"""Each pair of a run looked at once: what its files say of themselves, and the values of its ground truth."""

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset

from datamodules.data_errors import DataError
from datamodules.gt.codes import codes
from datamodules.gt.scan import MOST_FILES, MOST_STRUCTURES, GtFile, cache_text, sampled
from datamodules.gt.stats import GtStats, statistics
from datamodules.gt.structure import GtStructure, structure
from datamodules.loading.look_workers import in_workers
from datamodules.loading.sources import FolderPairs
from datamodules.reading.image_stats import ImageStats, image_statistics
from datamodules.reading.raster_form import FileHeader
from datamodules.reading.rasters import read_header
from datamodules.reading.threads import in_threads

WORTH_WORKERS = 2_000  # pairs: to start the processes takes as long as to decode some hundreds
Progress = Callable[[int, int], None]


class PairScan(NamedTuple):
    """What was seen of one pair.

    Attributes:
        image: What the image says of itself; None: it cannot be read.
        gt: The same of its ground truth, of the first file if there are several.
        stats: What the ground truth holds; None: it cannot be read.
        problems: A line for each file that cannot be used.
        pixels: What the image holds; None: it was not decoded.
    """

    image: FileHeader | None = None
    gt: FileHeader | None = None
    stats: GtStats | None = None
    problems: tuple[str, ...] = ()
    pixels: ImageStats | None = None


class Scan:
    """What was seen of the pairs of a run so far.

    Attributes:
        known: What an earlier start has seen of ground truth files.
    """

    def __init__(self) -> None:
        self.known: Mapping[GtFile, GtStats] = {}
        self._seen: dict[tuple[str, int], PairScan] = {}
        self._files: dict[tuple[str, int], GtFile] = {}
        self._found: dict[GtFile, GtStats] = {}
        self._chosen: list[tuple[FolderPairs, int]] = []

    def of(self, source: FolderPairs, index: int) -> PairScan | None:
        """What was seen of a pair; None: nothing yet."""
        return self._seen.get(source.key(index))

    def look(self, sources: Sequence[FolderPairs], progress: Progress | None = None) -> list[PairScan]:
        """Look at the pairs of all sources, or at a sample of them (`sampled`), decoding their ground truth.

        Returns:
            For each pair that was looked at, in their order.
        """
        self._chosen = chosen_pairs(sources)
        self._look(self._chosen, progress, decodes_images=False)
        keys = [source.key(index) for source, index in self._chosen]
        for key in keys:
            stats = self._seen[key].stats
            if key in self._files and stats is not None:
                self._found[self._files[key]] = stats
        return [self._seen[key] for key in keys]

    def look_at_everything(
        self, sources: Sequence[FolderPairs], progress: Progress | None = None, workers: int = 0
    ) -> None:
        """Look at all pairs of all sources, decoding their images too; `look` then decodes nothing.

        Args:
            sources: The pairs.
            progress: Called after each pair.
            workers: So many processes look, where pairs are many; 0: threads of this process.
        """
        pairs = [(source, index) for source in sources for index in range(len(source))]
        self._look(pairs, progress, decodes_images=True, workers=workers)

    def pages(self, source: FolderPairs, index: int) -> tuple[int | None, int | None]:
        """The number of pages of an image and of its ground truth, as far as their files were looked at."""
        seen = self.of(source, index)
        if seen is None:
            return None, None
        return (None if seen.image is None else seen.image.pages), (None if seen.gt is None else seen.gt.pages)

    def add_problem(self, source: FolderPairs, index: int, problem: str) -> None:
        """Note that a file of a pair that was looked at cannot be used."""
        seen = self._seen[source.key(index)]
        self._seen[source.key(index)] = seen._replace(problems=(*seen.problems, problem))

    @property
    def has_looked(self) -> bool:
        """Whether the files of this start were looked at."""
        return bool(self._found)

    def text(self) -> str:
        """What the next start of the program needs not look at again."""
        return cache_text(self._found)

    def structures(self, reading: str, ignored: frozenset[int]) -> list[GtStructure]:
        """Find the connected pieces in the ground truth of at most MOST_STRUCTURES of the pairs that `look` looked at.

        Args:
            reading: As in `gt_codes.codes`.
            ignored: Codes that are left out.
        """
        readable = [(source, index) for source, index in self._chosen if self._seen[source.key(index)].stats]
        names = (source.name(index) for source, index in readable)

        def look(place: int) -> GtStructure:
            source, index = readable[place]
            return structure(codes(source.gt_raster(index), reading, None), ignored)

        return list(in_threads(look, sampled(names, len(readable), MOST_STRUCTURES)))

    @property
    def is_lossy(self) -> bool:
        """Whether ground truth that was looked at is JPEG, or of another compression that changes values."""
        headers = (self._seen[source.key(index)].gt for source, index in self._chosen)
        return any(header is not None and header.is_lossy for header in headers)

    def _look(
        self,
        pairs: Sequence[tuple[FolderPairs, int]],
        progress: Progress | None,
        *,
        decodes_images: bool,
        workers: int = 0,
    ) -> None:
        new = [(source, index) for source, index in pairs if source.key(index) not in self._seen]
        looks = _Looks(new, self.known, decodes_images=decodes_images)
        in_processes = workers > 0 and len(new) >= WORTH_WORKERS
        found = in_workers(looks, workers) if in_processes else in_threads(looks.__getitem__, range(len(looks)))
        for done, ((source, index), (file, seen)) in enumerate(zip(new, found, strict=True), start=1):
            key = source.key(index)
            self._seen[key] = seen
            if file is not None:
                self._files[key] = file
            if progress is not None:
                progress(done, len(new))


class _Looks(Dataset[tuple[GtFile | None, PairScan]]):
    """A look at each of some pairs, by index, in whatever thread or process."""

    def __init__(
        self, pairs: Sequence[tuple[FolderPairs, int]], known: Mapping[GtFile, GtStats], *, decodes_images: bool
    ) -> None:
        self._pairs = pairs
        self._known = known
        self._decodes_images = decodes_images

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> tuple[GtFile | None, PairScan]:
        source, place = self._pairs[index]
        file = _file(source, place)
        known = None if file is None else self._known.get(file)
        return file, scan_pair(source, place, known=known, decodes_image=self._decodes_images)


def chosen_pairs(sources: Sequence[FolderPairs], most: int = MOST_FILES) -> list[tuple[FolderPairs, int]]:
    """The pairs of all sources with their indices, or `most` of them, which their names below their folders fix."""
    ends = np.cumsum([len(source) for source in sources])
    chosen = np.array(sampled(chain.from_iterable(map(FolderPairs.names, sources)), int(ends[-1]), most), np.int64)
    places = np.searchsorted(ends, chosen, side="right")
    indices = chosen - np.concatenate([[0], ends])[places]
    return [(sources[place], index) for place, index in zip(places.tolist(), indices.tolist(), strict=True)]


def _file(source: FolderPairs, index: int) -> GtFile | None:
    """What tells the ground truth of a pair from a changed one; None where a file of it is gone."""
    names = source.gt_files(index)
    try:
        found = [os.stat(name) for name in names]  # noqa: PTH116 (a Path takes ten times as long)
    except OSError:
        return None
    _, page = source.key(index)
    name = "\n".join([*names, str(page)])
    return GtFile(name, sum(one.st_size for one in found), max(one.st_mtime_ns for one in found))


def scan_pair(
    source: FolderPairs,
    index: int,
    *,
    decodes_gt: bool = True,
    known: GtStats | None = None,
    decodes_image: bool = False,
) -> PairScan:
    """Look at one pair: at the headers and the ends of its files, and at the pixels of the ground truth.

    Args:
        source: The pairs.
        index: Of the pair.
        decodes_gt: Whether to decode the ground truth also if its file looks whole.
        known: What its ground truth holds, if that is known.
        decodes_image: Whether to look at the pixels of the image too.
    """
    image = gt = stats = pixels = None
    problems = []
    try:
        if decodes_image:
            image, raster = source.image_picture(index)
            pixels = image_statistics(raster)
        else:
            header = read_header(source.image_file(index), source.how.most_bytes)
            if not header.looks_whole:  # only decoding shows whether it is damaged
                source.image_picture(index)
            image = header
    except DataError as error:
        problems.append(str(error))
    try:
        if known is not None or not decodes_gt:
            headers = [read_header(file, source.how.most_bytes) for file in source.gt_files(index)]
            gt, stats = headers[0], known
            decodes_gt = not all(header.looks_whole for header in headers)
        if decodes_gt:
            gt, raster = source.gt_picture(index)
            stats = statistics(raster)
    except DataError as error:
        stats = None
        problems.append(str(error))
    return PairScan(image, gt, stats, tuple(problems), pixels)
