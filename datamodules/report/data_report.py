"""What --check_data prints about the pairs, for people: a few aligned lines."""

import filecmp
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from math import isfinite

import numpy as np

from datamodules.data_errors import short_list
from datamodules.gt.codes import CLASS_READINGS
from datamodules.gt.decision import hex_colour, share_text
from datamodules.gt.tables import codes_in
from datamodules.loading.sources import FolderPairs
from datamodules.reading.image_stats import ImageStats
from datamodules.reading.raster_form import FileHeader
from datamodules.report.class_counts import IGNORED, UNKNOWN
from datamodules.report.class_names import class_label
from datamodules.report.near_duplicates import near_duplicates
from datamodules.report.survey import Side, Survey
from resume.system.output import one_line, plural, text

_MOST_SIZES = 10
_MOST_VALUES = 16  # of ground truth whose meaning is not known
_NAMES = 5  # examples of one kind


def report_lines(survey: Survey, class_names: Sequence[str] | None) -> Iterator[str]:
    """Say how many pairs there are, what their files hold, and what is worth a look.

    Args:
        survey: What was seen of them.
        class_names: The names of the classes, if they have names.
    """
    yield from _aligned(_facts(survey))
    yield ""
    if survey.mapping is None:
        yield from _values_table(survey)
    else:
        yield from _class_table(survey, class_names)
    yield ""
    yield from _warnings(survey, class_names)


def _facts(survey: Survey) -> Iterator[tuple[str, str]]:
    training, validation = (len(side.seen) for side in survey.sides)
    split = text("{training} for training, {validation} for validation").format(
        training=training, validation=validation
    )
    if survey.left_out:
        split = text("{split}, {count} in no list").format(split=split, count=survey.left_out)
    yield text("Pairs"), f"{training + validation + survey.left_out}: {split}"
    seen = [one for side in survey.sides for one in side.seen]
    images = [one.image for one in seen if one.image is not None]
    gts = [one.gt for one in seen if one.gt is not None]
    yield text("Image sizes"), _sizes(images)
    yield text("Images"), _kinds(images)
    yield from _values([one.pixels for one in seen if one.pixels is not None])
    yield text("Ground truth"), _kinds(gts)


def _sizes(headers: Sequence[FileHeader]) -> str:
    """The sizes as stored, the most frequent first."""
    counts = Counter(header.size for header in headers).most_common()
    shown = [f"{width} × {height} ({count})" for (height, width), count in counts[:_MOST_SIZES]]
    if len(counts) > _MOST_SIZES:
        rest = len(counts) - _MOST_SIZES
        shown.append(plural("{count} other size", "{count} other sizes", rest))
    return ", ".join(shown) or text("none")


def _kinds(headers: Sequence[FileHeader]) -> str:
    counts = Counter(map(_kind, headers)).most_common()
    return "; ".join(f"{kind} ({count})" for kind, count in counts) or text("none")


def _kind(header: FileHeader) -> str:
    if header.has_palette:
        kind = text("palette")
    elif header.channels == 1:
        kind = text("grey")
    else:
        kind = text("colour") if header.channels == 3 else text("{count} channels").format(count=header.channels)
    parts = [kind, plural("{count} bit", "{count} bits", header.bits)]
    parts += [text("float")] if header.is_float else []
    parts += [text("alpha")] if header.has_alpha else []
    parts += [text("a page of several")] if header.pages > 1 else []
    return ", ".join(parts)


def _values(images: Sequence[ImageStats]) -> Iterator[tuple[str, str]]:
    for is_deep, name in ((False, text("Values")), (True, text("Values (deep)"))):
        some = [one for one in images if one.is_deep == is_deep and isfinite(one.lowest) and isfinite(one.highest)]
        if some:
            yield name, _value_range(some)


def _value_range(images: Sequence[ImageStats]) -> str:
    lowest, highest = min(one.lowest for one in images), max(one.highest for one in images)
    values = sum(one.values for one in images)
    at_lowest = sum(one.at_lowest for one in images if one.lowest == lowest)
    at_highest = sum(one.at_highest for one in images if one.highest == highest)
    by_channels: dict[int, list[ImageStats]] = defaultdict(list)
    for one in images:
        by_channels[len(one.means)].append(one)
    most = max(by_channels.values(), key=len)
    means = np.average([one.means for one in most], axis=0, weights=[one.values for one in most])
    return text("{lowest} ({at_lowest}) to {highest} ({at_highest}), mean {means}").format(
        lowest=f"{lowest:.6g}",
        highest=f"{highest:.6g}",
        at_lowest=share_text(at_lowest, values),
        at_highest=share_text(at_highest, values),
        means=" ".join(f"{mean:.4g}" for mean in means.tolist()),
    )


def _class_table(survey: Survey, class_names: Sequence[str] | None) -> Iterator[str]:
    """The share of each class, and in how many files of each side it is."""
    assert survey.mapping is not None
    totals, files = totals_of(survey)
    present = {code for side in survey.sides for one in side.counts if one is not None for code in one.codes}
    reading = reading_of(survey)
    rows: list[tuple[str, ...]] = [(text("Class"), text("pixels"), text("training files"), text("validation files"))]
    pixels = sum(totals.values())
    ids = sorted(set(survey.mapping.class_ids.values()))
    for class_id in [*ids, *([IGNORED] if totals[IGNORED] else []), *([UNKNOWN] if totals[UNKNOWN] else [])]:
        label = class_label(class_id, survey.mapping, class_names, reading, present)
        share = share_text(totals[class_id], pixels) if totals[class_id] else "0"
        rows.append((label, share, *(str(some[class_id]) for some in files)))
    yield from _table(rows)


def totals_of(survey: Survey) -> tuple[Counter[int], list[Counter[int]]]:
    """The pixels of each class, and for each side the files in which it is."""
    totals: Counter[int] = Counter()
    files: list[Counter[int]] = [Counter(), Counter()]
    for side, some in zip(survey.sides, files, strict=True):
        for one in side.counts:
            if one is not None:
                for class_id, count in one.classes.items():
                    totals[class_id] += count
                    some[class_id] += count > 0
    return totals, files


def reading_of(survey: Survey) -> str:
    source = survey.training.source
    return source.how.gt_reading if isinstance(source, FolderPairs) else CLASS_READINGS[0]


def _values_table(survey: Survey) -> Iterator[str]:
    """The most frequent values or colours, where it is not known what they mean."""
    seen = [one.stats for side in survey.sides for one in side.seen if one.stats is not None]
    forms = {one.form for one in seen}
    reading = "colours" if "colour" in forms else "indices" if "palette" in forms else "values"
    pixels: Counter[int] = Counter()
    files: Counter[int] = Counter()
    for one in seen:
        found = codes_in(one, reading) or {}
        pixels.update(found)
        files.update(found.keys())
    total = sum(one.pixels for one in seen)
    rows = [(text("Value"), text("pixels"), text("files"))]
    for code, count in pixels.most_common(_MOST_VALUES):
        name = hex_colour(code) if reading == "colours" else str(code)
        rows.append((name, share_text(count, total), str(files[code])))
    if len(pixels) > _MOST_VALUES:
        rows.append((text("… and {count} more").format(count=len(pixels) - _MOST_VALUES), "", ""))
    yield from _table(rows)


def _warnings(survey: Survey, class_names: Sequence[str] | None) -> Iterator[str]:
    """What may be meant as it is, and may be a mistake."""
    if survey.mapping is not None:
        yield from _odd_classes(survey, class_names)
        empty = [side.gt_name(i) for side in survey.sides for i, one in enumerate(side.counts) if one and one.is_empty]
        if empty:
            count = plural("{count} file", "{count} files", len(empty))
            yield text("Ground truth without any class but the first: {count} ({names})").format(
                count=count, names=short_list(empty, _NAMES)
            )
    yield from _twins(survey)


def _odd_classes(survey: Survey, class_names: Sequence[str] | None) -> Iterator[str]:
    assert survey.mapping is not None
    _, files = totals_of(survey)
    in_training, in_validation = files
    missing, unseen, untrained = [], [], []
    for class_id in sorted(set(survey.mapping.class_ids.values())):
        label = class_label(class_id, survey.mapping, class_names, reading_of(survey), ())
        if not in_training[class_id] and not in_validation[class_id]:
            missing.append(label)
        elif not in_validation[class_id]:
            unseen.append(label)
        elif not in_training[class_id]:
            untrained.append(label)
    if missing:
        yield text("Classes that never occur: {names}").format(names=short_list(missing, _MOST_VALUES))
    if unseen and survey.validation.seen:
        yield text("Classes in training, but never in validation: {names}").format(
            names=short_list(unseen, _MOST_VALUES)
        )
    if untrained:
        yield text("Classes in validation, but never in training: {names}").format(
            names=short_list(untrained, _MOST_VALUES)
        )


def _twins(survey: Survey) -> Iterator[str]:
    """The images for validation that are trained on too, all of them."""
    training, validation = survey.sides
    found = near_duplicates([one.pixels for one in training.seen], [one.pixels for one in validation.seen])
    if not found:
        yield text("Near duplicates between training and validation: none")
        return
    yield text("Near duplicates between training and validation: {count}").format(count=len(found))
    for twin in found:
        is_exact = _are_equal(training, twin.training, validation, twin.validation)
        line = text("{validation} (validation) is the same as {training}") if is_exact else None
        line = line or text("{validation} (validation) looks like {training}")
        line = line.format(validation=validation.name(twin.validation), training=training.name(twin.training))
        more = " " + text("and {count} more").format(count=twin.others) if twin.others else ""
        yield f"  - {one_line(line)}{more}"


def _are_equal(one: Side, index: int, other: Side, other_index: int) -> bool:
    """Whether two images are the same bytes."""
    if not (isinstance(one.source, FolderPairs) and isinstance(other.source, FolderPairs)):
        return False
    if one.source.page(index) != other.source.page(other_index):
        return False
    try:
        return filecmp.cmp(one.source.image_file(index), other.source.image_file(other_index), shallow=False)
    except OSError:
        return False


def _aligned(rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    said = list(rows)
    width = max(_width(name) for name, _ in said) + 3
    for name, what in said:
        yield f"{name}:{' ' * (width - 1 - _width(name))}{what}"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """The rows with columns of one width, all but the first on the right."""
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *others in rows:
        cells = [" " * (width - _width(cell)) + cell for cell, width in zip(others, widths[1:], strict=True)]
        yield "   ".join([first + " " * (widths[0] - _width(first)), *cells]).rstrip()


def _width(said: str) -> int:
    """Columns of a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in said)
