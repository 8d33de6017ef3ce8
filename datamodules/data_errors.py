"""The error of all data and data settings that cannot be used, and the lists in its messages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from resume.system.output import ExplainedError, one_line, plural, text

_lists_all: ContextVar[bool] = ContextVar("lists_all", default=False)


_UNUSABLE_SHOWN = 20  # files in a message


class DataError(ExplainedError):
    """The user's images, ground truth or data settings cannot be used; the message says what to do.

    An exception of a DataLoader worker is raised again in the training process: torch makes a new one of the same
    class, whose message is the worker's traceback. Only the original message is kept, so that the message is the
    same with any number of workers.
    """

    def __init__(self, message: str) -> None:
        name = f"{type(self).__module__}.{type(self).__qualname__}: "
        super().__init__(message.rpartition(name)[2].rstrip())


def raised(error: DataError) -> None:
    """Raise an error: what becomes of it where nothing else is asked for."""
    raise error


class FileError(DataError):
    """A file cannot be read as a picture; the message names it."""


@contextmanager
def listing_all() -> Iterator[None]:
    """Name all items in the messages of the block, however many they are."""
    token = _lists_all.set(True)
    try:
        yield
    finally:
        _lists_all.reset(token)


def most_listed(limit: int, count: int) -> int:
    """How many of `count` items a message names that otherwise names `limit`."""
    return count if _lists_all.get() else limit


def bullet_list(items: Sequence[str], limit: int = 10) -> str:
    """Format the first `limit` items, each on an indented line of its own, and the number of the other items.

    An item may be a file name; a line break in it is escaped.
    """
    limit = most_listed(limit, len(items))
    lines = [f"  - {one_line(item)}" for item in items[:limit]]
    if len(items) > limit:
        lines.append("  " + text("… and {count} more").format(count=len(items) - limit))
    return "\n".join(lines)


def unusable_files(problems: Sequence[str]) -> str:
    """The message about files that cannot be used: their number, and the first ones, a line each."""
    first = plural("{count} file cannot be used:", "{count} files cannot be used:", len(problems))
    return f"{first}\n{bullet_list(problems, _UNUSABLE_SHOWN)}"


def short_list(items: Sequence[object], limit: int) -> str:
    """Format the first `limit` items on one line, and the number of the other items."""
    shown = ", ".join(one_line(str(item)) for item in items[:limit])
    if len(items) <= limit:
        return shown
    return text("{items} and {count} more").format(items=shown, count=len(items) - limit)
