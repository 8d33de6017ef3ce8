"""What is wrong with a configuration, in the words of the parser or of a class, without what is noise to a user."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb
from types import FrameType

from lightning.fabric.utilities.exceptions import MisconfigurationException

from resume.system.output import ExplainedError

_NOISE = re.compile(
    r"Does not validate against any of the Union subtypes|Subtypes: .*|Errors:|Expected a <class 'NoneType'>"
    r"|Given value.*|Problem with given class_path '(datamodules\.PairedImages|lit_modules\.Segmentation)':"
)


class ConfigError(ExplainedError):
    """A flag or a configuration file is wrong; the message says which."""


@contextmanager
def as_config_error() -> Iterator[None]:
    """A class that refuses its settings explains why; for the user that is a wrong configuration."""
    try:
        yield
    except (ValueError, TypeError, RuntimeError, MisconfigurationException) as error:
        raise ConfigError(_innermost(error)) from error


def _innermost(error: Exception) -> str:
    """What a class has said; around it, the parser lists the types that it tried."""
    found = re.search(r"Problem with given class_path '(.+)':", str(error))
    while found and (inner := error.__cause__ or error.__context__) and isinstance(inner, Exception):
        error = inner
    if found:
        return f"{found[1]}: {error}"
    if isinstance(error, RuntimeError):  # which the parser lets pass as it is
        being_built = [frame.f_locals.get("self") for frame, _ in walk_tb(error.__traceback__) if _is_init(frame)]
        return ": ".join([*(type(one).__name__ for one in being_built[:1]), str(error)])
    return str(error)


def _is_init(frame: FrameType) -> bool:
    return frame.f_code.co_name == "__init__"


def without_types(message: str) -> str:
    """The parser's message without the types that it tried: `data.batch_size: Expected a <class 'int'>. ...`."""
    keys, reasons = [], []
    for line in message.splitlines():
        words = line.strip().removeprefix("- ")
        key = re.fullmatch(r'Parser key "(.+)":', words)
        if key:
            keys.append(key[1])
        elif words and not _NOISE.fullmatch(words):
            reasons.append(words)
    return f"{'.'.join(keys)}: {' '.join(reasons)}" if keys and reasons else message
