"""The rules that say what the values of the ground truth mean, from what was counted in its files."""

from collections import Counter
from collections.abc import Callable, Sequence

from datamodules.data_errors import DataError
from datamodules.gt.alpha import carries_shape
from datamodules.gt.classes import classes_of, objects_in_borders, two_classes
from datamodules.gt.counts import MOST_DISTINCT
from datamodules.gt.decision import (
    GtDecision,
    GtSettings,
    choice_of_classes,
    choice_of_foreground,
    choice_of_threshold,
    doubt,
    named,
    share_text,
)
from datamodules.gt.fringes import Fringe, Verdict, fringe_of
from datamodules.gt.ignored import BORDER, has_border, ignored_of
from datamodules.gt.labels import is_colour
from datamodules.gt.objects import SINGLE, Kind, Pieces, kind_of, measure
from datamodules.gt.pictures import FEW, refuse_pictures
from datamodules.gt.stats import GtStats
from datamodules.gt.structure import GtStructure
from datamodules.gt.tables import CodeTable, table_of
from resume.system.output import plural, text

Structures = Callable[[str, frozenset[int]], Sequence[GtStructure]]
NEARLY_GREY = 0.001  # of the pixels of a JPEG of a grey picture may be colourful all the same


def decide(
    stats: Sequence[GtStats], structures: Structures, settings: GtSettings, is_lossy: bool = False
) -> GtDecision:
    """Decide what the values of a set mean.

    Args:
        stats: Of its files.
        structures: Finds the pieces in a sample of the files, for a reading and the codes to leave out; it is called at
            most once, and only where numbers may be objects.
        settings: What the user has set; it is kept.
        is_lossy: Whether files are JPEG or the like, whose values are no longer those that were saved.

    Raises:
        DataError: Nothing can be learned from the files, or two readings remain; the message names the flags.
    """
    _refuse_unusable(stats, settings.reading)
    reading = settings.reading or _implied(settings)
    if reading in ("nonzero", "alpha", "threshold"):
        return two_classes(stats, reading, settings, _threshold_of(stats, reading, settings))
    is_open = reading is None and settings.class_values is None and settings.num_classes in (None, 2)
    if is_open:
        two = _alpha_or_fringe(stats, settings)
        if two is not None:
            return two
    table = table_of(stats, reading)
    if is_open:
        kind, pieces = _kind(table, stats, structures, settings)
        if kind in (Kind.OBJECTS, Kind.PAINTED):
            is_painted = kind is Kind.PAINTED
            why = text("its numbers only keep objects apart that touch") if is_painted else _evidence(pieces)
            if _has_border(table, settings):
                return objects_in_borders(table, settings, why)
            return two_classes(stats, "nonzero", settings, None, why)
        if kind is Kind.UNCLEAR:
            why = text("its numbers may be classes, or only keep objects apart that touch")
            choices = [choice_of_classes(table.reading, sorted(table.totals())), choice_of_foreground()]
            raise doubt(why if pieces.single < SINGLE else _evidence(pieces), choices)
    found = classes_of(table, stats, settings)
    if is_open and is_lossy and found.num_classes > 2:
        raise _changed_by_losses(table)
    return found


def _has_border(table: CodeTable, settings: GtSettings) -> bool:
    if table.reading == "colours" or table.uncounted or settings.ignored_values:
        return False
    return settings.ignore_index == BORDER or (settings.ignore_index is None and has_border(table.files))


def _changed_by_losses(table: CodeTable) -> DataError:
    values = sorted(table.totals())
    return doubt(
        text(
            "its values are {values}, but files were compressed with losses (JPEG, WebP), which changes values: "
            "classes cannot be told safely. Get the original files, or save them as PNG"
        ).format(values=named(values, table.reading)),
        [choice_of_classes(table.reading, values), choice_of_foreground()],
    )


def _implied(settings: GtSettings) -> str | None:
    """The reading that other settings imply."""
    if settings.threshold is not None:
        return "threshold"
    if settings.class_values and is_colour(settings.class_values):
        return "colours"
    return None


def _refuse_unusable(stats: Sequence[GtStats], reading: str | None) -> None:
    broken = sum(one.has_nan for one in stats)
    if broken:
        raise DataError(
            text("Ground truth: {files} of {count} files hold values that are not finite numbers (NaN).").format(
                files=broken, count=len(stats)
            )
        )
    wrong = [one for one in stats if one.form == "channels"]
    if wrong and reading != "nonzero":
        raise DataError(
            text(
                "Ground truth: {files} of {count} files have {channels} channels; one number or one colour a pixel is "
                "expected. --data.gt_reading nonzero takes all that is not 0 in any channel as the foreground."
            ).format(files=len(wrong), count=len(stats), channels=wrong[0].channels)
        )


def _threshold_of(stats: Sequence[GtStats], reading: str, settings: GtSettings) -> float | None:
    if reading != "threshold" or settings.threshold is not None:
        return settings.threshold
    return fringe_of(stats, ()).threshold


def _alpha_or_fringe(stats: Sequence[GtStats], settings: GtSettings) -> GtDecision | None:
    if carries_shape(stats):
        return two_classes(stats, "alpha", settings, None)
    fringe = _fringe(stats)
    if fringe is None or fringe.verdict is Verdict.NONE:
        return None
    share = share_text(fringe.between, fringe.pixels)
    if fringe.verdict is Verdict.FRINGE:
        why = text("{share} of the pixels are a fringe between black and white").format(share=share)
        return two_classes(stats, "threshold", settings, fringe.threshold, why)
    choices = [choice_of_threshold(), choice_of_foreground()]
    why = text("{share} of the pixels are between black and white: a fringe, or classes").format(share=share)
    values = _grey_values(stats)
    if 0 < len(values) <= FEW:
        choices.insert(1, choice_of_classes("values", values))
    else:
        why += text(" whose values JPEG or smoothing has mixed, so that only the original files tell them")
    raise doubt(why, choices)


def _grey_values(stats: Sequence[GtStats]) -> list[int]:
    """All numbers of grey files; none where they are too many, or fractions."""
    is_counted = all(one.counts and one.form != "colour" for one in stats)
    return sorted(table_of(stats, "values").totals()) if is_counted else []


def _fringe(stats: Sequence[GtStats]) -> Fringe | None:
    """The fringe of grey values, or of colours that are nearly grey."""
    if any(one.form == "palette" and not one.scale for one in stats):
        return None
    colours = [one for one in stats if one.form == "colour"]
    if colours:
        colourful, pixels = sum(one.colourful for one in stats), sum(one.pixels for one in stats)
        is_grey = colourful <= NEARLY_GREY * pixels and all(one.scale for one in colours)
        return fringe_of(stats, ()) if is_grey else None
    return fringe_of(stats, _grey_values(stats))


def _kind(
    table: CodeTable, stats: Sequence[GtStats], structures: Structures, settings: GtSettings
) -> tuple[Kind, Pieces]:
    """Whether the codes are classes or objects."""
    nothing = Pieces(0, 0.0, [], 0.0, None, 0.0, 0)
    values = sorted(table.totals())
    distinct = max(len(values), MOST_DISTINCT + 1 if table.uncounted else 0)
    refuse_pictures(stats, distinct)
    ignored: list[int] = []
    if table.reading != "colours" and not table.uncounted:
        ignored = [*ignored_of(values), *([] if settings.ignore_index is None else [settings.ignore_index])]
    others = [value for value in values if value != 0 and value not in ignored]
    if not table.uncounted and (len(others) < 2 or 0 not in values):
        return Kind.CLASSES, nothing
    if not any(one.zeros for one in stats):
        return Kind.CLASSES, nothing  # no background, so that the objects would be all there is
    found = structures(table.reading, frozenset(ignored))
    pieces = measure(found, _numbers(table, found))
    return kind_of(found, pieces, distinct - len(ignored) - 1, table.reading == "indices" and table.has_palette), pieces


def _numbers(table: CodeTable, structures: Sequence[GtStructure]) -> Callable[[int], int]:
    """What number a code stands for; colours that can be seen are numbered by the number of their files."""
    if table.reading != "colours":
        return int
    if table.shift is not None:
        shift = table.shift
        return lambda code: code >> shift
    files = Counter(value for one in structures for value in one.values)
    ranks = {
        value: rank for rank, (value, _) in enumerate(sorted(files.items(), key=lambda item: (-item[1], item[0])), 1)
    }
    return ranks.__getitem__


def _evidence(pieces: Pieces) -> str:
    counts = f"{min(pieces.counts)}" if len(set(pieces.counts)) == 1 else f"{min(pieces.counts)}–{max(pieces.counts)}"
    return text("its numbers look like objects: {single} of {areas} are one piece, {counts} of them in a file").format(
        single=f"{100 * pieces.single:.0f} %",
        areas=plural("{count} area", "{count} areas", pieces.areas),
        counts=counts,
    )
