"""The error of all data and data settings that cannot be used, and the lists in its messages."""

from collections.abc import Sequence

from resume.system.output import ExplainedError, one_line, text


class DataError(ExplainedError):
    """The user's images, ground truth or data settings cannot be used; the message says what to do.

    An exception of a DataLoader worker is raised again in the training process: torch makes a new one of the same
    class, whose message is the worker's traceback. Only the original message is kept, so that the message is the
    same with any number of workers.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message.rpartition(f"{DataError.__module__}.{DataError.__qualname__}: ")[2].rstrip())


def bullet_list(items: Sequence[str], limit: int = 10) -> str:
    """Format the first `limit` items, each on an indented line of its own, and the number of the other items.

    An item may be a file name; a line break in it is escaped.
    """
    lines = [f"  - {one_line(item)}" for item in items[:limit]]
    if len(items) > limit:
        lines.append("  " + text("… and {count} more").format(count=len(items) - limit))
    return "\n".join(lines)


def short_list(items: Sequence[object], limit: int) -> str:
    """Format the first `limit` items on one line, and the number of the other items."""
    shown = ", ".join(one_line(str(item)) for item in items[:limit])
    if len(items) <= limit:
        return shown
    return text("{items} and {count} more").format(items=shown, count=len(items) - limit)
