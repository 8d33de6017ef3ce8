"""Which pairs the contact sheet shows, and what it says of them."""

from collections.abc import Iterator, Sequence
from itertools import islice

from datamodules.data_errors import DataError
from datamodules.gt.decision import share_text
from datamodules.gt.labels import ClassMapping
from datamodules.report.class_counts import IGNORED
from datamodules.report.class_names import class_label
from datamodules.report.contact_sheet import PAIRS, Entry, Sheet, Shown
from datamodules.report.data_report import reading_of, totals_of
from datamodules.report.overlays import visible
from datamodules.report.survey import Side, Survey
from datamodules.seeding import mix
from resume.system.output import plural, text

_MOST_TRIED = 100  # pairs that cannot be shown are passed over
_MOST_ENTRIES = 40


def sheet_of(
    survey: Survey, mapping: ClassMapping, ignored: int | None, names: Sequence[str] | None, rule: str | None
) -> Sheet:
    """Choose pairs by the hashes of their names, and read them.

    Args:
        survey: What was seen of all pairs.
        mapping: The class of each code, as it is drawn.
        ignored: The number of pixels that are not counted.
        names: The names of the classes, if they have names.
        rule: How the names were paired; None: not by a rule.
    """
    training, validation = (len(side.seen) for side in survey.sides)
    pairs = plural("{count} pair", "{count} pairs", training + validation)
    title = text("{pairs}: {training} for training, {validation} for validation").format(
        pairs=pairs, training=training, validation=validation
    )
    lines = [survey.training.source.describe(), *([] if rule is None else [rule])]
    shown = list(islice(_shown(survey, mapping), PAIRS))
    return Sheet(title, lines, shown, _legend(survey, mapping, names, ignored), ignored)


def _shown(survey: Survey, mapping: ClassMapping) -> Iterator[Shown]:
    keys = [(side, index) for side in survey.sides for index in range(len(side.seen))]
    keys.sort(key=lambda key: mix("sheet", key[0].name(key[1])))
    for side, index in keys[:_MOST_TRIED]:
        try:
            raster, labels = side.source.on_each_other(index)
            classes = mapping.target(labels, side.name(index))
        except DataError:  # the report names it
            continue
        image = visible(raster)
        if image.shape[:2] == classes.shape:
            yield Shown(image, classes, side.name(index), _note(survey, side, image.shape[:2]))


def _note(survey: Survey, side: Side, size: tuple[int, ...]) -> str:
    role = text("validation") if side is survey.validation else text("training")
    return f"{size[1]} × {size[0]}, {role}"


def _legend(survey: Survey, mapping: ClassMapping, names: Sequence[str] | None, ignored: int | None) -> list[Entry]:
    totals, _ = totals_of(survey)
    pixels = sum(totals.values())
    present = {code for side in survey.sides for one in side.counts if one is not None for code in one.codes}
    reading = reading_of(survey)
    entries = []
    for class_id in [*sorted(set(mapping.class_ids.values())), *([] if ignored is None else [IGNORED])]:
        if not totals[class_id] and (class_id == IGNORED or survey.mapping is not None):
            continue
        label = class_label(class_id, mapping, names, reading, present)
        if class_id == 0:
            label = text("{label} (not painted)").format(label=label)
        if survey.mapping is not None:
            label = f"{label}  {share_text(totals[class_id], pixels)}"
        entries.append(Entry(None if class_id == IGNORED else class_id, label))
    return entries[:_MOST_ENTRIES]
