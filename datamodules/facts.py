"""What was found in the data for settings that were left open: each with the line that says so."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from datamodules.pairing.pairs import Pairing, PairSettings
from resume.system.output import plural, text


class Fact(NamedTuple):
    """A decision that the program has made for the user.

    Attributes:
        settings: The settings of the data module that have got their values, by their names.
        line: What was decided, from what, and how to decide otherwise; empty where a setting says it.
    """

    settings: dict[str, Any]
    line: str


def facts_of_names(pairing: Pairing, settings: PairSettings, validation: Pairing | None = None) -> Iterator[Fact]:
    """What was decided about the names.

    Args:
        pairing: The pairs.
        settings: With which they were paired.
        validation: The pairs of the folders for validation, if there are such.
    """
    if pairing.rule is not None:
        yield Fact(pairing.rule._asdict(), _rule_line(pairing) if settings.is_open else "")
    yield from (Fact({}, line) for line in _lines_of_unused(pairing))
    if validation is not None:
        said = text("Validation: {line}")
        yield from (Fact({}, said.format(line=line)) for line in _lines_of_unused(validation))


def _lines_of_unused(pairing: Pairing) -> Iterator[str]:
    if any(pairing.unfit):
        yield _unfit_line(pairing)
    if any(pairing.left_out):
        yield _left_out_line(pairing)


def _rule_line(pairing: Pairing) -> str:
    assert pairing.rule is not None
    pairs = plural("{count} pair", "{count} pairs", len(pairing.pairs))
    said = text("Names: {image_pattern} with {gt_pattern} ({pairs}; --data.image_pattern, --data.gt_pattern)").format(
        image_pattern=pairing.rule.image_pattern, gt_pattern=pairing.rule.gt_pattern, pairs=pairs
    )
    if pairing.is_guess:
        said += text(". Their numbers are padded differently, so this is a guess: look at the pairs")
    if pairing.variants:
        said += text(". Other ground truth of the same images is not used: {variants}").format(
            variants=", ".join(rule.gt_pattern for rule in pairing.variants)
        )
    if pairing.image_variants:
        said += text(". Other files beside the images are not used: {variants}").format(
            variants=", ".join(pairing.image_variants)
        )
    return said


def _unfit_line(pairing: Pairing) -> str:
    assert pairing.rule is not None
    images, gts = pairing.unfit
    return text(
        "Not used, since their names do not fit {image_pattern} and {gt_pattern}: {images} images, {gts} files of "
        "ground truth"
    ).format(**pairing.rule._asdict(), images=images, gts=gts)


def _left_out_line(pairing: Pairing) -> str:
    images, gts = pairing.left_out
    return text(
        "Left out, without a partner (--data.allow_unpaired): {images} images, {gts} files of ground truth"
    ).format(images=images, gts=gts)
