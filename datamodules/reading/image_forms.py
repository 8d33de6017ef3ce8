"""The form that all images of a data set share: how many channels they have, and what the values of deep ones mean."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from datamodules.data_errors import DataError
from datamodules.reading.image_files import ImageForm, is_deep
from datamodules.reading.pillow_files import without_pillow_warnings
from datamodules.reading.raster_form import FileHeader
from datamodules.reading.rasters import read_header, read_raster
from datamodules.reading.threads import in_threads
from resume.system.output import one_line, plural, text

Page = tuple[str, int]
Progress = Callable[[int, int], None]

LOOKED_AT = 500  # files; what they show holds for the rest, and a later value outside of the range is an error
DEPTHS = (1, 8, 10, 12, 14, 16, 24, 32)  # bits that cameras and formats have
DIMMEST = 1 / 16  # of the range of 0 to 1 or 0 to 255: if no pixel is brighter, the numbers have another scale
WHOLE_SHARE = 0.5  # of the numbers: from here on, fractions come from resizing values of 8 bits
LARGEST = 1e30  # beyond, a number marks pixels without a measurement


class Values(NamedTuple):
    """The values of one or more files.

    Attributes:
        lowest: The smallest.
        highest: The largest.
        whole: How many of those that are not 0 are whole numbers. An empty background says nothing of the others.
        pixels: How many are not 0.
    """

    lowest: float
    highest: float
    whole: int
    pixels: int

    def joined(self, other: "Values") -> "Values":
        return Values(
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
            self.whole + other.whole,
            self.pixels + other.pixels,
        )


class FoundForm(NamedTuple):
    """The form of a data set, and what it was found from.

    Attributes:
        form: The form.
        looked_at: How many files were looked at.
        of: How many there are.
        channels: How many files have each number of channels.
        deep: How many of the files that were looked at have more than 8 bits.
        lowest: The smallest value in those; 0 if there are none.
        highest: The largest.
    """

    form: ImageForm
    looked_at: int
    of: int
    channels: dict[int, int]
    deep: int
    lowest: float
    highest: float


def find_form(
    pages: Sequence[Page],
    of: int,
    headers: Mapping[Page, FileHeader],
    progress: Progress | None = None,
    limit: int | None = None,
) -> FoundForm:
    """Find the form of a data set from some of its pictures, of which LOOKED_AT are enough.

    A file that cannot be read is passed over: the checks name all of these.

    Args:
        pages: File and number of the page of each of these.
        of: How many pictures there are.
        headers: The headers that are known already.
        progress: Called with the number of pictures done and of all that are looked at.
        limit: As in `rasters.read_header`.

    Raises:
        DataError: The numbers of channels do not fit together, a value is not finite, or no file can be read.
    """
    errors: list[DataError] = []

    def header(page: Page) -> FileHeader | None:
        if page in headers:
            return headers[page]
        try:
            return read_header(page[0], limit)
        except DataError as error:
            errors.append(error)
            return None

    found_headers = zip(pages, in_threads(header, pages), strict=True)
    known = {page: found for page, found in found_headers if found is not None}
    if not known:
        raise errors[0] if errors else DataError(text("There is no image."))
    deep = [page for page, found in known.items() if found.bits > 8 or found.is_float]
    channels = _channels(known)
    values = _values_of_all(in_threads(lambda page: _values(page, limit), deep), len(deep), progress)
    with without_pillow_warnings():
        shallow = [page for page, found in known.items() if found.bits == 8 and not found.has_palette]
        top = _top_of_8_bits(shallow, limit)
    value_range = (0.0, 255.0) if values is None else range_of(values)
    counts = Counter(found.channels for found in known.values())
    lowest, highest = (0.0, 0.0) if values is None else (values.lowest, values.highest)
    form = ImageForm(channels, value_range, top)
    return FoundForm(form, len(known), of, dict(sorted(counts.items())), len(deep), lowest, highest)


def _channels(known: dict[Page, FileHeader]) -> int:
    """The number of channels: 1, 3 (also if some images are grey and some in colour), or what all have."""
    examples = {found.channels: page[0] for page, found in known.items()}
    if len(examples) == 1:
        return next(iter(examples))
    if examples.keys() == {1, 3}:
        return 3
    shown = ", ".join(
        text("{count} ({example})").format(count=count, example=one_line(examples[count])) for count in sorted(examples)
    )
    raise DataError(
        text("The images differ in their number of channels: {shown}. Keep those of one kind in the folder.").format(
            shown=shown
        )
    )


def _values_of_all(found: Iterator[Values | None], count: int, progress: Progress | None) -> Values | None:
    joined = None
    for done, values in enumerate(found, start=1):
        if values is not None:
            joined = values if joined is None else joined.joined(values)
        if progress is not None:
            progress(done, count)
    return joined


def _values(page: Page, limit: int | None) -> Values | None:
    path, number = page
    try:
        raster = read_raster(path, number, limit)
    except DataError:
        return None
    if not is_deep(raster):
        return None
    pixels = raster.pixels
    lowest, highest = float(pixels.min()), float(pixels.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        message = text("{path} cannot be read as an image: it holds values that are not finite numbers")
        raise DataError(message.format(path=one_line(path)))
    if max(-lowest, highest) > LARGEST:
        message = text(
            "{path} holds the value {value}, which no measurement has; it probably marks pixels without one. "
            "Fill these with a plain number."
        )
        value = lowest if -lowest > highest else highest
        raise DataError(message.format(path=one_line(path), value=f"{value:.6g}"))
    found = int(np.count_nonzero(pixels))
    whole = found if pixels.dtype.kind in "ui" else int(np.count_nonzero((pixels == np.rint(pixels)) & (pixels != 0)))
    return Values(lowest, highest, whole, found)


def _top_of_8_bits(pages: Sequence[Page], limit: int | None) -> int:
    """1 if files of 8 bits hold nothing but 0 and 1. The first one that holds more answers for all."""
    highest = 0
    for path, number in pages:
        try:
            raster = read_raster(path, number, limit)
        except DataError:
            continue
        highest = max(highest, int(raster.pixels.max()))
        if highest > 1:
            break
    return 1 if highest == 1 else 255


def range_of(values: Values) -> tuple[float, float]:
    """Return the values that become 0 and 1, so that no set is nearly black, and later values have room."""
    if values.whole == values.pixels and max(-values.lowest, values.highest) < 2 ** DEPTHS[-1]:
        return _range_of_whole(values.lowest, values.highest)
    if values.lowest >= 0 and DIMMEST <= values.highest <= 1:
        return 0.0, 1.0
    is_mostly_whole = values.whole >= WHOLE_SHARE * values.pixels
    if values.lowest >= 0 and is_mostly_whole and 255 * DIMMEST <= values.highest <= 255:
        return 0.0, 255.0
    end = 2.0 ** np.frexp(max(-values.lowest, values.highest))[1]
    return (-end if values.lowest < 0 else 0.0), end


def _range_of_whole(lowest: float, highest: float) -> tuple[float, float]:
    if lowest >= 0:
        bits = next(bits for bits in DEPTHS if highest <= 2**bits - 1)
        return 0.0, 2.0**bits - 1
    bits = next(bits for bits in DEPTHS[1:] if -lowest <= 2**bits and highest <= 2**bits - 1)
    return -(2.0**bits), 2.0**bits - 1


def form_line(found: FoundForm) -> str:
    """Say what was found, from what, and the flags that set something else."""
    form, grey, colour = found.form, found.channels.get(1, 0), found.channels.get(3, 0)
    if form.channels == 1:
        kind = text("grey")
    elif form.channels == 3 and grey:
        kind = text("colour ({colour} in colour, {grey} grey)").format(colour=colour, grey=grey)
    elif form.channels == 3:
        kind = text("colour")
    else:
        kind = text("{count} channels").format(count=form.channels)
    line = text("Images: {kind}, from {looked_at} (--data.channels)").format(
        kind=kind, looked_at=plural("{count} file", "{count} files", found.looked_at)
    )
    if found.deep:
        lowest, highest = form.value_range
        line += text(
            "; {count} with more than 8 bits hold {lowest} to {highest}, so {start} becomes 0 and {end} becomes 1 "
            "(--data.image_range)"
        ).format(
            count=found.deep,
            lowest=f"{found.lowest:.6g}",
            highest=f"{found.highest:.6g}",
            start=f"{lowest:.9g}",
            end=f"{highest:.9g}",
        )
    if form.top_of_8_bits == 1:
        line += text("; those of 8 bits hold only 0 and 1, so 1 becomes 1 and not 1/255")
    return line
