"""The numbers in the state of a callback, which anybody may have written."""

from collections.abc import Mapping
from operator import index
from typing import Any


def plain_numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy.

    Raises:
        TypeError: A value is neither a number nor None, so no training has written it.
    """
    wrong = [name for name, value in values.items() if value is not None and type(value) not in (int, float)]
    if wrong:
        raise TypeError(f"{wrong[0]} is no number")
    return dict(values)


def whole_number(value: Any) -> int | None:
    """The value, if it is None or a whole number.

    Raises:
        TypeError: It is something else.
    """
    return None if value is None else index(value)
