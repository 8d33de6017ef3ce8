"""The file of the user's own that names the classes: YAML, or one name a line."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from datamodules.data_errors import DataError, bullet_list
from datamodules.gt.decision import hex_colour
from datamodules.gt.labels import LARGEST_VALUE, ClassValue, code_of
from datamodules.text_tables import read_table
from resume.system.errors import UnreadableError
from resume.system.output import text
from resume.system.small_yaml import parse_yaml

_FLAG = "data.classes"
_YAML = (".yaml", ".yml", ".json")
_MOST_NAMES = 4096  # lines of a file of names
IGNORED_NAMES = frozenset({"__ignore__", "_ignore_", "ignore", "void"})  # of a file of names; labelme writes the first


class ClassFile(NamedTuple):
    """The classes that a file names, in its order.

    Attributes:
        names: Of the classes that are counted.
        values: The code of each of them, or its codes: numbers, or colours "#rrggbb".
        ignored: The codes of pixels that are not counted.
        is_by_line: Whether the file is a list of names, whose values are the numbers of the lines from 0.
    """

    names: list[str]
    values: list[ClassValue]
    ignored: list[int | str]
    is_by_line: bool = False


class _Class(NamedTuple):
    name: str
    codes: list[int | str]
    is_ignored: bool


def read_class_file(file: str) -> ClassFile:
    """Read the classes of `--data.classes`.

    YAML: a list of `name` with `value` or `color`, and `ignored: true` for what is not counted, or a mapping from name
    to value. A value is a number, a colour a text such as "#ff0000" or three numbers; a class may have a list of them.
    Any other file: one name a line, of the values 0, 1, ….

    Raises:
        DataError: The file cannot be read, or does not say this; the message contains all problems.
    """
    content = read_table(file, _FLAG)
    if not file.lower().endswith(_YAML):
        return _by_line(file, content)
    try:
        plain = parse_yaml(content)
    except UnreadableError as error:
        raise DataError(
            text("--{flag} {file}: cannot be read ({reason}).").format(flag=_FLAG, file=file, reason=error)
        ) from error
    if isinstance(plain, dict):
        plain = [{"name": name, **_as_entry(value)} for name, value in plain.items()]
    if not isinstance(plain, list) or not plain:
        raise _wrong(file, [text("it holds no list of classes")])
    problems: list[str] = []
    classes = [found for entry in plain if (found := _class_of(entry, problems)) is not None]
    problems = problems or _clashes(classes)
    if problems:
        raise _wrong(file, problems)
    return _packed(classes, is_by_line=False)


def _by_line(file: str, content: str) -> ClassFile:
    """One name a line; a name such as __ignore__ stands for pixels that are not counted, and takes the value 255."""
    names = [line.strip() for line in content.splitlines() if line.strip()]
    counted = [name for name in names if name.lower() not in IGNORED_NAMES]
    if len(counted) > _MOST_NAMES:
        raise _wrong(file, [text("it has {count} lines").format(count=len(names))])
    classes = [_Class(name, [value], is_ignored=False) for value, name in enumerate(counted)]
    if len(counted) < len(names):
        classes.append(_Class("", [255], is_ignored=True))
    problems = _clashes(classes)
    if problems:
        raise _wrong(file, problems)
    return _packed(classes, is_by_line=True)


def _as_entry(value: Any) -> dict[str, Any]:
    """What a mapping gives a name: an entry without the name, or its value alone."""
    if isinstance(value, dict):
        return value
    is_colour = isinstance(value, str) or (isinstance(value, list) and any(isinstance(part, str) for part in value))
    return {"color" if is_colour else "value": value}


def _class_of(entry: Any, problems: list[str]) -> _Class | None:
    """The class of an entry; None, with its problem noted, where it is none."""
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str | int):
        problems.append(text("{entry}: a class needs a name").format(entry=_shown(entry)))
        return None
    name = str(entry["name"])
    unknown = [str(key) for key in entry if key not in ("name", "value", "color", "colour", "ignored")]
    ignored = entry.get("ignored", False)
    if unknown or not isinstance(ignored, bool):
        what = ", ".join(unknown) or f"ignored: {ignored}"
        problems.append(
            text("{name}: {what} is not understood; expected value or color, and ignored: true or false").format(
                name=name, what=what
            )
        )
        return None
    codes = _codes(entry)
    if codes is None:
        problems.append(
            text(
                "{name}: {entry} has no value that can be used; expected value: 3, or color: '#ff0000' (with quotes, "
                "since # begins a comment), or color: [255, 0, 0]"
            ).format(name=name, entry=_shown(entry))
        )
        return None
    return _Class(name, codes, ignored)


def _codes(entry: dict[str, Any]) -> list[int | str] | None:
    """The codes of an entry, one or several; None where one of them is none."""
    given = [key for key in ("value", "color", "colour") if key in entry]
    if len(given) != 1:
        return None
    value = entry[given[0]]
    if given[0] == "value":
        numbers = value if isinstance(value, list) else [value]
        return list(numbers) if numbers and all(_is_number(number) for number in numbers) else None
    is_one = not isinstance(value, list) or (len(value) == 3 and all(type(part) is int for part in value))
    colours = [_colour(part) for part in ([value] if is_one else value)]
    return None if not colours or None in colours else [colour for colour in colours if colour is not None]


def _is_number(value: Any) -> bool:
    return type(value) is int and -(2**31) <= value <= LARGEST_VALUE


def _colour(value: Any) -> str | None:
    if isinstance(value, str):
        try:
            return hex_colour(code_of(value.strip()))
        except DataError:
            return None
    if isinstance(value, list) and len(value) == 3 and all(type(part) is int and 0 <= part <= 255 for part in value):
        return hex_colour(value[0] << 16 | value[1] << 8 | value[2])
    return None


def _clashes(classes: Sequence[_Class]) -> list[str]:
    """What is wrong between the classes."""
    problems = []
    counted = [one for one in classes if not one.is_ignored]
    codes = [code for one in classes for code in one.codes]
    twice = sorted({str(code) for code in codes if codes.count(code) > 1}) if len(codes) <= _MOST_NAMES else []
    names = [one.name for one in counted]
    twice += sorted({name for name in names if names.count(name) > 1})
    problems += [text("{what} occurs twice").format(what=what) for what in twice]
    if len({isinstance(code, str) for code in codes}) > 1:
        problems.append(text("some classes have numbers and others have colours"))
    if any(isinstance(code, int) and code < 0 for one in counted for code in one.codes):
        problems.append(text("a class that is counted has a negative value"))
    if len(counted) < 2:
        problems.append(text("it names fewer than two classes that are counted; the background is one too"))
    return problems


def _packed(classes: Sequence[_Class], is_by_line: bool) -> ClassFile:
    counted = [one for one in classes if not one.is_ignored]
    ignored = [code for one in classes if one.is_ignored for code in one.codes]
    values: list[ClassValue] = [one.codes[0] if len(one.codes) == 1 else one.codes for one in counted]  # type: ignore[misc]
    return ClassFile([one.name for one in counted], values, ignored, is_by_line)


def _shown(entry: Any) -> str:
    shown = str(entry)
    return shown if len(shown) <= 80 else f"{shown[:79]}…"


def _wrong(file: str, problems: Sequence[str]) -> DataError:
    first = text("--{flag} {file} cannot be used:").format(flag=_FLAG, file=file)
    return DataError(f"{first}\n{bullet_list(problems)}")
