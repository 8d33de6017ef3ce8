from collections.abc import Sequence


class DataError(Exception):
    """The user's images, ground truth or data settings cannot be trained on; the message says what to do.

    Raised in a DataLoader worker, the exception is made anew from a text that wraps the message in a
    traceback; only the message is kept, so that it reads the same with any number of workers.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message.rpartition(f"{DataError.__module__}.{DataError.__qualname__}: ")[2].rstrip())


def listed(items: Sequence[str], limit: int = 10) -> str:
    """The first `limit` items, one on each indented line, and how many more there are."""
    lines = [f"  - {item}" for item in items[:limit]]
    if len(items) > limit:
        lines.append(f"  … and {len(items) - limit} more")
    return "\n".join(lines)
