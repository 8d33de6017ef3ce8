"""What stands for values in a description that is read, and which of them may be the key of a dict."""

from collections.abc import Iterable
from typing import Any

from resume.system.errors import UnreadableError
from resume.system.output import text

_PLAIN_KEYS = (str, int, bool, float, type(None))
_MAX_KEY_PARTS = 100

# Stands for every object that is no plain value, and for a list or dict that is mentioned again: what is read is a
# tree, in which nothing holds itself.
OTHER = object()


class LongInt(int):
    """One of more than 64 bits, such as the state of a generator; as keys, many of them can have the same hash."""

    __slots__ = ()


def damaged() -> UnreadableError:
    return UnreadableError(text("damaged description"))


def require_hashable(keys: Iterable[Any]) -> None:
    """torch.load hashes them too: tuples that hold themselves several times would take it hours."""
    for key in keys:
        parts = [key]
        for part in parts:
            if type(part) is tuple and len(parts) < _MAX_KEY_PARTS:
                parts += part
            elif part is not OTHER and (not isinstance(part, _PLAIN_KEYS) or type(part) is LongInt):
                raise damaged()
