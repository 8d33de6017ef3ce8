"""The numbers in the state of a callback, which anybody may have written."""

from collections.abc import Mapping
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
