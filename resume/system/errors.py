"""Errors of the stage before Lightning."""

from resume.system.output import ExplainedError, one_line


class ResumeError(ExplainedError):
    """A wrong argument, configuration file or checkpoint; the message says which, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class UnreadableError(Exception):
    """Not a usable checkpoint of this program; the message is the reason, in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(one_line(reason))
