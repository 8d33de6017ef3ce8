"""The contact sheet of --check_data: some pairs, each as the image and as the image under its ground truth."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from datamodules.report.overlays import IGNORED_GREY, Classes, Colours, colour_of, fitted, overlay, resized_classes
from datamodules.report.overlays import resized_image as resized
from datamodules.report.picture_text import drawable, shortened, wrapped

PAIRS = 12
MARGIN = 24
GAP = 4  # between the two pictures of a pair
_FEW = 4  # so many pairs, or fewer, are drawn larger
_TITLE, _TEXT, _SMALL = 22, 15, 13  # sizes of the font
_INK, _PALE, _PAPER = (20, 20, 20), (110, 110, 110), (255, 255, 255)
_LINE = 1.35  # height of a line, in sizes of its font
_SWATCH = 18

Box = tuple[int, int]


class Shown(NamedTuple):
    """One pair.

    Attributes:
        image: The image as it is to be seen.
        classes: Class ids of the same height and width.
        name: What is written below.
        note: A second line below that, paler.
    """

    image: Colours
    classes: Classes
    name: str
    note: str


class Entry(NamedTuple):
    """A class in the legend.

    Attributes:
        class_id: Of the class; None for pixels that are not counted.
        label: What it is called.
    """

    class_id: int | None
    label: str


class Sheet(NamedTuple):
    """What is drawn.

    Attributes:
        title: The first line.
        lines: Those below it.
        pairs: The pairs, PAIRS at most.
        legend: The classes.
        ignored: The number of pixels that are not counted; None: there are none.
    """

    title: str
    lines: Sequence[str]
    pairs: Sequence[Shown]
    legend: Sequence[Entry]
    ignored: int | None


def draw_sheet(sheet: Sheet) -> Image.Image:
    """Draw the sheet: 1,330 pixels wide, as high as its pairs need."""
    side, columns = (312, 2) if len(sheet.pairs) <= _FEW else (206, 3)
    width = MARGIN + columns * (2 * side + GAP + MARGIN)
    rows = [sheet.pairs[first : first + columns] for first in range(0, len(sheet.pairs), columns)]
    heights = [max(fitted(pair.image.shape[:2], side)[0] for pair in row) for row in rows]
    caption = _height(_TEXT) + _height(_SMALL) + MARGIN // 2
    head = [(sheet.title, _TITLE), *((line, _TEXT) for line in sheet.lines)]
    head = [(line, size) for said, size in head for line in wrapped(said, size, width - 2 * MARGIN)]
    legend = _legend_places(sheet.legend, width)
    legend_top = MARGIN + sum(_height(size) for _, size in head) + MARGIN // 2
    top = legend_top + (legend[-1][1] + _height(_SWATCH) if legend else 0) + MARGIN // 2
    canvas = Image.new("RGB", (width, top + sum(height + caption for height in heights) + MARGIN // 2), _PAPER)
    draw = ImageDraw.Draw(canvas)
    y = MARGIN
    for line, size in head:
        _write(draw, (MARGIN, y), line, size, _INK if size == _TITLE else _PALE)
        y += _height(size)
    for entry, place in zip(sheet.legend, legend, strict=True):
        _draw_entry(draw, entry, (place[0], legend_top + place[1]))
    for row, height in zip(rows, heights, strict=True):
        for column, pair in enumerate(row):
            _draw_pair(canvas, pair, (MARGIN + column * (2 * side + GAP + MARGIN), top), side, sheet)
        top += height + caption
    return canvas


def _draw_pair(canvas: Image.Image, pair: Shown, place: Box, side: int, sheet: Sheet) -> None:
    size = fitted(pair.image.shape[:2], side)
    image, classes = resized(pair.image, size), resized_classes(pair.classes, size)
    ids = [entry.class_id for entry in sheet.legend if entry.class_id is not None]
    drawn = overlay(image, classes, ids, sheet.ignored)
    x, y = place
    canvas.paste(Image.fromarray(image), (x, y))
    canvas.paste(Image.fromarray(drawn), (x + size[1] + GAP, y))
    draw, width = ImageDraw.Draw(canvas), 2 * side + GAP
    for said, font_size, colour in ((pair.name, _TEXT, _INK), (pair.note, _SMALL, _PALE)):
        shown, font = shortened(said, font_size, width)
        draw.text((x, y + size[0] + 3), shown, fill=colour, font=font)
        y += _height(font_size)


def _legend_places(legend: Sequence[Entry], width: int) -> list[Box]:
    """The upper left corner of each entry, in lines of `width` pixels from 0."""
    places: list[Box] = []
    x, y = MARGIN, 0
    for entry in legend:
        shown, font = drawable(entry.label, _TEXT)
        needed = _SWATCH + 8 + int(font.getlength(shown)) + MARGIN
        if x > MARGIN and x + needed > width:
            x, y = MARGIN, y + _height(_SWATCH)
        places.append((x, y))
        x += needed
    return places


def _draw_entry(draw: ImageDraw.ImageDraw, entry: Entry, place: Box) -> None:
    x, y = place
    box = (x, y, x + _SWATCH, y + _SWATCH)
    colour = None if entry.class_id is None else colour_of(entry.class_id)
    if entry.class_id is None:
        draw.rectangle(box, outline=IGNORED_GREY)
        for start, end in _hatches(box):
            draw.line((start, end), fill=IGNORED_GREY)
    elif colour is None:
        draw.rectangle(box, outline=(200, 200, 200))
    else:
        draw.rectangle(box, outline=colour, fill=colour)
    _write(draw, (x + _SWATCH + 8, y), entry.label, _TEXT, _INK)


def _hatches(box: tuple[int, int, int, int]) -> Iterator[tuple[Box, Box]]:
    left, top, right, bottom = box
    for step in range(5, 2 * _SWATCH, 6):
        yield (
            (max(left, left + step - _SWATCH), min(bottom, top + step)),
            (
                min(right, left + step),
                max(top, top + step - _SWATCH),
            ),
        )


def _write(draw: ImageDraw.ImageDraw, place: Box, said: str, size: int, colour: tuple[int, int, int]) -> None:
    shown, font = drawable(said, size)
    draw.text(place, shown, fill=colour, font=font)


def _height(size: int) -> int:
    return round(size * _LINE)
