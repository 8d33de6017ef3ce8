"""The classes of the ground truth, once it is known how its files are read."""

from collections import Counter
from collections.abc import Sequence

from datamodules.data_errors import DataError
from datamodules.gt.counts import MOST_DISTINCT
from datamodules.gt.decision import (
    Choice,
    GtDecision,
    GtSettings,
    choice_of_classes,
    choice_of_foreground,
    choice_of_threshold,
    doubt,
    files_text,
    free_target,
    hex_colour,
    named,
    share_text,
)
from datamodules.gt.fringes import fringe_of
from datamodules.gt.ignored import BORDER, Void, ignored_of, void_of
from datamodules.gt.labels import ClassValue, code_of, codes_of
from datamodules.gt.objects import MANY_VALUES
from datamodules.gt.stats import GtStats
from datamodules.gt.tables import CodeTable
from resume.system.output import text


def two_classes(
    stats: Sequence[GtStats], reading: str, settings: GtSettings, threshold: float | None, why: str = ""
) -> GtDecision:
    """Background and foreground, by a reading that knows no other classes.

    Raises:
        DataError: All pixels are one of them, or the settings ask for other classes.
    """
    if settings.num_classes not in (None, 2):
        raise DataError(
            text("--data.num_classes is {count}, but --data.gt_reading {reading} gives 2 classes.").format(
                count=settings.num_classes, reading=reading
            )
        )
    pixels, foreground = sum(one.pixels for one in stats), _foreground(stats, reading)
    if settings.threshold is None and foreground in (0, pixels):
        which = text("background") if foreground == 0 else text("foreground")
        raise _nothing_to_learn(text("all pixels are {which}").format(which=which), len(stats))
    what = {
        "nonzero": text("what is not 0 is the foreground"),
        "threshold": text("values of at least {threshold:g} are the foreground").format(threshold=threshold or 0),
        "alpha": text("what is not transparent is the foreground"),
    }[reading]
    shares = text("{share} of the pixels").format(share=share_text(foreground, pixels))
    found = f"{what}, {shares}" if settings.threshold is None else what
    line = text("Ground truth: {found}{why} ({files}; --data.gt_reading)").format(
        found=found, why=f"; {why}" if why else "", files=files_text(len(stats))
    )
    values: list[ClassValue] = [0, 1] if settings.class_values is None else list(settings.class_values)
    return GtDecision(reading, values, settings.ignore_index, [], threshold, 2, line)


def objects_in_borders(table: CodeTable, settings: GtSettings, why: str) -> GtDecision:
    """Background and numbered objects, whose borders are not counted.

    Every number below BORDER is foreground, since other files may hold more objects.
    """
    totals = table.totals()
    line = text(
        "Ground truth: 0 is the background, and 1 to {last} are the foreground; {why} ({files}; --data.gt_reading, "
        "--data.class_values); {border} is not counted, since it lies around them ({share} of the pixels; "
        "--data.ignore_index)"
    ).format(
        last=BORDER - 1,
        why=why,
        files=files_text(len(table.files)),
        border=BORDER,
        share=share_text(totals[BORDER], totals.total()),
    )
    values: list[ClassValue] = [0, list(range(1, BORDER))]
    return GtDecision(table.reading, values, BORDER, list(settings.ignored_values), None, 2, line)


def _foreground(stats: Sequence[GtStats], reading: str) -> int:
    if reading == "nonzero":
        return sum(one.pixels - one.zeros for one in stats)
    if reading == "threshold":
        fringe = fringe_of(stats, ())
        return fringe.high + fringe.between // 2
    return round(sum(one.pixels * (1.0 if one.alpha is None else one.alpha.solid) for one in stats))


def classes_of(table: CodeTable, stats: Sequence[GtStats], settings: GtSettings) -> GtDecision:
    """One class a value.

    Raises:
        DataError: The values are too many, are all the same, do not fit the settings, or may be ignored or not.
    """
    totals = table.totals()
    values = sorted(totals)
    _refuse_many(table, values, stats, settings)
    if settings.class_values is None and settings.ignore_index is None and settings.num_classes in (None, 2):
        union = _union_of_ones(table, values, len(stats))
        if union is not None:
            return union
    ignored = _ignored(table, values, settings)
    rest = [value for value in values if value not in ignored]
    chosen = _chosen(table, rest, settings)
    if sum(any(code in totals for code in codes) for codes in chosen) < 2:
        found = named(rest, table.reading) or named(values, table.reading)
        raise _nothing_to_learn(text("all pixels are {value}").format(value=found), len(stats))
    target, others = _targets(table.reading, ignored, len(chosen), settings)
    line = _line(table, chosen, totals, ignored, len(stats))
    as_set: list[ClassValue] = [hex_colour(code) if table.reading == "colours" else code for code, *_ in chosen]
    if settings.class_values is not None:
        as_set = list(settings.class_values)
    return GtDecision(table.reading, as_set, target, others, None, len(chosen), line)


def _refuse_many(table: CodeTable, values: Sequence[int], stats: Sequence[GtStats], settings: GtSettings) -> None:
    is_told = settings.reading is not None or settings.class_values is not None or settings.num_classes is not None
    if table.uncounted and is_told:
        raise DataError(
            text("Ground truth: {files} have more than {most} values, or none that can be read as {reading}.").format(
                files=files_text(table.uncounted), most=MOST_DISTINCT, reading=table.reading
            )
        )
    if table.uncounted or (len(values) > MANY_VALUES and not is_told):
        count = f"> {MOST_DISTINCT}" if table.uncounted else str(len(values))
        choices = [] if table.uncounted else [choice_of_classes(table.reading, values)]
        if any(one.zeros for one in stats):
            choices.append(choice_of_foreground())
        if all(one.scale > 1 for one in stats if one.distinct > 1):
            choices.append(choice_of_threshold())
        raise doubt(
            text("it has {count} different values, more than the {most} that are taken for classes unasked").format(
                count=count, most=MANY_VALUES
            ),
            choices,
        )


def _union_of_ones(table: CodeTable, values: Sequence[int], files: int) -> GtDecision | None:
    """Files of 0 and 1 beside files of 0 and 255: one meaning, unless a file mixes 1 and 255."""
    if table.reading == "colours" or not {1, 255} <= set(values) <= {0, 1, 255}:
        return None
    mixed = sum(1 in counts and 255 in counts for counts in table.files)
    alone = sum(1 not in counts and 255 in counts for counts in table.files)
    if mixed == 0:
        if 0 not in values:
            raise _nothing_to_learn(text("all pixels are {value}").format(value="1 / 255"), files)
        ones = sum(1 in counts for counts in table.files)
        line = text(
            "Ground truth: 0 is the background; 1 (in {ones}) and 255 (in {alone}) are both the foreground, since no "
            "file holds both (--data.gt_reading, --data.class_values)"
        ).format(ones=files_text(ones), alone=files_text(alone))
        return GtDecision(table.reading, None, None, [], None, 2, line)
    if alone <= mixed or len(values) == 2:
        return None
    raise doubt(
        text("{mixed} of {files} hold both 1 and 255, while {alone} hold 255 without 1").format(
            mixed=mixed, files=files_text(files), alone=alone
        ),
        [
            Choice(text("255 is not counted"), "--data.ignore_index 255"),
            Choice(text("3 classes"), "--data.class_values [0, 1, 255]"),
            choice_of_foreground(),
        ],
    )


def _ignored(table: CodeTable, values: Sequence[int], settings: GtSettings) -> list[int]:
    """The codes that are not counted."""
    told = [code_of(value) for value in settings.ignored_values]
    if settings.ignore_index is not None and table.reading != "colours":
        return [*told, settings.ignore_index]
    if table.reading == "colours" or told:
        return told
    classes = [code for value in settings.class_values or () for code in codes_of(value)]
    if classes or (settings.num_classes is not None and len(values) == settings.num_classes):
        return [value for value in ignored_of(values) if classes and value not in classes]
    if void_of([value for value in values if value >= 0]) is Void.UNCLEAR and settings.num_classes is None:
        raise doubt(
            text("its values are {values}, and {last} may be a class or mark pixels that are not counted").format(
                values=named(values, table.reading), last=values[-1]
            ),
            [
                Choice(text("it is not counted"), f"--data.ignore_index {values[-1]}"),
                Choice(text("it is a class"), f"--data.class_values {list(values)}"),
            ],
        )
    return ignored_of(values)


def _chosen(table: CodeTable, rest: Sequence[int], settings: GtSettings) -> list[list[int]]:
    """The codes of the classes, in their order."""
    count, given = settings.num_classes, settings.class_values
    chosen = [[code] for code in rest]
    if given is not None:
        chosen = [codes_of(value) for value in given]
    elif count is not None and table.reading != "colours" and all(0 <= value < count for value in rest):
        chosen = [[code] for code in range(count)]
    known = {code for codes in chosen for code in codes}
    if not known.issuperset(rest) or (count is not None and len(chosen) != count):
        raise DataError(
            text(
                "Ground truth: its values are {values}, which does not fit --data.num_classes {count} and "
                "--data.class_values {given}. Leave both out to take one class a value."
            ).format(values=named(rest, table.reading), count=count, given=given)
        )
    return chosen


def _targets(
    reading: str, ignored: Sequence[int], num_classes: int, settings: GtSettings
) -> tuple[int | None, list[int | str]]:
    """`ignore_index` and the further codes that become it."""
    if settings.ignore_index is not None:
        return settings.ignore_index, list(settings.ignored_values)
    if not ignored:
        return None, []
    if reading == "colours":
        return free_target(num_classes), [hex_colour(code) for code in ignored]
    target = next((value for value in ignored if num_classes <= value <= 65535), free_target(num_classes))
    return target, [value for value in ignored if value != target]


def _line(
    table: CodeTable, chosen: Sequence[Sequence[int]], totals: Counter[int], ignored: Sequence[int], files: int
) -> str:
    codes = [code for several in chosen for code in several]
    if len(chosen) == len(codes) == 2:
        first, second = (named([code], table.reading) for code in codes)
        found = text("{first} and {second} are background and foreground").format(first=first, second=second)
    elif codes == list(range(len(chosen))):
        found = text("the numbers 0 to {last} are the classes").format(last=len(chosen) - 1)
    else:
        found = text("{count} classes, the first of them the background: {values}").format(
            count=len(chosen), values=named(codes, table.reading)
        )
    kind = {"indices": text(" (indices of the palette)"), "colours": text(" (colours)")}.get(table.reading, "")
    said = text("Ground truth: {found}{kind} ({files}; --data.gt_reading, --data.class_values)").format(
        found=found, kind=kind, files=files_text(files)
    )
    if ignored:
        share = share_text(sum(totals[code] for code in ignored), sum(totals.values()))
        said += text("; {values} is not counted ({share} of the pixels; --data.ignore_index)").format(
            values=named(ignored, table.reading), share=share
        )
    missing = [code for code in codes if code not in totals]
    if missing:
        said += text("; never found: {values}").format(values=named(missing, table.reading))
    return said


def _nothing_to_learn(what: str, files: int) -> DataError:
    return DataError(
        text("Ground truth: {what} in {files}; there is nothing to learn. Is --gt_path the right folder?").format(
            what=what, files=files_text(files)
        )
    )
