"""What classes are called in tables and pictures."""

from collections.abc import Collection, Sequence

from datamodules.gt.codes import CLASS_READINGS
from datamodules.gt.decision import hex_colour
from datamodules.gt.labels import ClassMapping
from datamodules.report.class_counts import IGNORED, UNKNOWN
from resume.system.output import one_line, text

_MOST = 4  # values of a class


def class_label(
    class_id: int, mapping: ClassMapping, names: Sequence[str] | None, reading: str, present: Collection[int]
) -> str:
    """What a class is called: its name, or else its values.

    Args:
        class_id: Of the class, or IGNORED, or UNKNOWN.
        mapping: The class of each code.
        names: The names of the classes, if they have names.
        reading: What the codes are, one of `gt_codes.READINGS`.
        present: The codes that occur; of several values of a class, only these are named.
    """
    if class_id == IGNORED:
        return text("(not counted)")
    if class_id == UNKNOWN:
        return text("(of no class)")
    if names is not None and class_id < len(names):
        return one_line(names[class_id])
    if reading not in CLASS_READINGS:
        return text("background") if class_id == 0 else text("foreground")
    codes = sorted(code for code, found in mapping.class_ids.items() if found == class_id)
    codes = [code for code in codes if code in present] or codes
    shown = [hex_colour(code) if reading == "colours" else str(code) for code in codes[:_MOST]]
    return ", ".join([*shown, *(["…"] if len(codes) > _MOST else [])])
