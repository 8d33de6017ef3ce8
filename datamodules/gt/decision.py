"""What the values of the ground truth mean: what is asked, what is answered, and how a doubt is told."""

from collections.abc import Sequence
from typing import NamedTuple

from datamodules.data_errors import DataError, bullet_list, short_list
from datamodules.gt.labels import ClassValue
from resume.system.output import plural, text

_SHOWN = 12  # values in a line
IGNORED_TARGETS = (255, 65535)  # what a pixel that is not counted becomes in the target: the first that is no class id


class GtSettings(NamedTuple):
    """What the user has set; None: to be found."""

    reading: str | None = None
    class_values: Sequence[ClassValue] | None = None
    ignore_index: int | None = None
    ignored_values: Sequence[int | str] = ()
    threshold: float | None = None
    num_classes: int | None = None

    @property
    def are_complete(self) -> bool:
        """Whether nothing is left to be found."""
        return self.reading is not None and self.num_classes is not None


class GtDecision(NamedTuple):
    """What the values mean.

    Attributes:
        reading: One of `gt_codes.READINGS`.
        class_values: The code of each class, colours as "#rrggbb", or what the user has set; None: 0, 1, …,
            and with two classes 255 is also 1.
        ignore_index: The number in the target of pixels that are not counted.
        ignored_values: The codes of these pixels, other than `ignore_index` itself.
        threshold: For the reading `threshold`.
        num_classes: With the background.
        line: What was decided, from what, and the flags that decide otherwise.
    """

    reading: str
    class_values: list[ClassValue] | None
    ignore_index: int | None
    ignored_values: list[int | str]
    threshold: float | None
    num_classes: int
    line: str


class Choice(NamedTuple):
    """One of several readings that remain: what it would give, and the flags that choose it."""

    gives: str
    flags: str


def doubt(why: str, choices: Sequence[Choice]) -> DataError:
    """The error where the files do not say which reading is meant."""
    first = text("Ground truth: {why}. Choose what is meant:").format(why=why)
    return DataError(f"{first}\n{bullet_list([f'{choice.gives}: {choice.flags}' for choice in choices])}")


def choice_of_classes(reading: str, values: Sequence[int]) -> Choice:
    """To train one class a value."""
    gives = plural("{count} class, one for each value", "{count} classes, one for each value", len(values))
    return Choice(gives, f"--data.gt_reading {reading}")


def choice_of_foreground() -> Choice:
    """To train on what is not 0."""
    return Choice(
        text("2 classes, where all that is not 0 is the foreground, as for numbered objects"),
        "--data.gt_reading nonzero",
    )


def choice_of_threshold() -> Choice:
    """To train on the bright pixels."""
    return Choice(
        text("2 classes, where the brighter half of the range is the foreground"), "--data.gt_reading threshold"
    )


def hex_colour(code: int) -> str:
    """The colour as "#rrggbb"."""
    return f"#{code:06x}"


def named(codes: Sequence[int], reading: str) -> str:
    """The codes in a line, colours as "#rrggbb"."""
    return short_list([hex_colour(code) for code in codes] if reading == "colours" else codes, limit=_SHOWN)


def share_text(part: int, whole: int) -> str:
    """A share of pixels in percent; a small one is not rounded to nothing."""
    percent = 100 * part / max(1, whole)
    return f"{percent:.2g} %" if percent < 10 else f"{percent:.0f} %"


def files_text(count: int) -> str:
    """The number of files."""
    return plural("{count} file", "{count} files", count)


def free_target(num_classes: int) -> int:
    """A number for ignored pixels that is no class id."""
    return next(number for number in IGNORED_TARGETS if number >= num_classes)
