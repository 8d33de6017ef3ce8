"""Files of several pages: the slices of a stack, each with the same page of the ground truth."""

from array import array
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from datamodules.data_errors import DataError, bullet_list
from datamodules.loading.sources import FolderPairs
from datamodules.pairing.packed_names import PackedNames, Pairs
from datamodules.reading.rasters import page_count
from datamodules.reading.threads import in_threads
from resume.system.output import one_line, plural, text

_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8", ".gif", ".webp", ".png", ".apng")  # other formats hold one picture
_BEHIND_STEM = "#"
KnownPages = Callable[[FolderPairs, int], tuple[int | None, int | None]]


def with_pages(source: FolderPairs, known: KnownPages, on_problem: Callable[[DataError], None]) -> FolderPairs:
    """Take each page of a file as a picture of its own.

    Files that cannot be read count as one page; the checks name them.

    Args:
        source: The pairs.
        known: The number of pages of an image and of its ground truth, if their files were looked at already.
        on_problem: Called with the error; if it does not raise it, the pairs that differ are left out.

    Raises:
        DataError: The number of pages of an image and of its ground truth differ; the message names all such pairs.
    """
    images, gts = _pages(source, known)
    different = np.flatnonzero(images != gts)
    if len(different):
        problem = plural(
            "{count} image has another number of pages than its ground truth:",
            "{count} images have another number of pages than their ground truth:",
            len(different),
        )
        line = text("{image}: {pages}, {gt}: {gt_pages}")
        lines = [
            line.format(
                image=one_line(source.image_file(index)), pages=images[index],
                gt=one_line(source.gt_file(index)), gt_pages=gts[index],
            )
            for index in different.tolist()
        ]  # fmt: skip
        advice = text("Each page is used with the same page of the ground truth, so both need the same number.")
        on_problem(DataError(f"{problem}\n{bullet_list(lines)}\n{advice}"))
        same = np.flatnonzero(images == gts)
        source, images = source.of(source.pairs.take(same)), images[same]
    return source if bool((images == 1).all()) else source.of(_expanded(source.pairs, images))


def _pages(source: FolderPairs, known: KnownPages) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The number of pages of each image, and of each ground truth."""
    found = np.ones((len(source), 2), np.int64)
    places = array("q", _places(source))
    counts = in_threads(lambda place: _count(source, known, *divmod(place, 2)), places)
    for place, pages in zip(places, counts, strict=True):
        found.flat[place] = pages
    return found[:, 0], found[:, 1]


def _places(source: FolderPairs) -> Iterator[int]:
    """The files that may have several pages: twice the index of an image, and the number behind it for its gt."""
    for index, (image, gts) in enumerate(zip(source.pairs.images, source.pairs.gts, strict=True)):
        if image.lower().endswith(_SUFFIXES):
            yield 2 * index
        if len(gts) == 1 and gts[0].lower().endswith(_SUFFIXES):
            yield 2 * index + 1


def _count(source: FolderPairs, known: KnownPages, index: int, is_gt: int) -> int:
    if (pages := known(source, index)[is_gt]) is not None:
        return pages
    try:
        return page_count(source.gt_file(index) if is_gt else source.image_file(index), source.how.most_bytes)
    except DataError:
        return 1


def _expanded(pairs: Pairs, counts: npt.NDArray[np.int64]) -> Pairs:
    """The pairs with one for each page, the pages of a file one after the other."""
    repeated = pairs.take(np.repeat(np.arange(len(pairs)), counts))
    pages = np.concatenate([np.arange(count) for count in counts])
    has_several = np.repeat(counts > 1, counts)
    stems = PackedNames(
        f"{stem}{_BEHIND_STEM}{page + 1:04}" if several else stem
        for stem, page, several in zip(repeated.stems, pages.tolist(), has_several.tolist(), strict=True)
    )
    return Pairs(stems, repeated.images, repeated.gts, pages.astype(np.int32))


def stems_of_files(pairs: Pairs) -> Sequence[str]:
    """The stem of each pair, without the page."""
    stems = list(pairs.stems)
    if pairs.pages is None:
        return stems
    return [stem.rpartition(_BEHIND_STEM)[0] or stem for stem in stems]
