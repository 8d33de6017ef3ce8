"""What goes wrong because of what the user typed, or because of what lies in the folder."""

from resume.system.output import one_line


class ResumeError(Exception):
    """A wrong argument, configuration file or checkpoint; the message says which, and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class UnreadableError(Exception):
    """Not a sound checkpoint of this program; the message is the reason, in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(one_line(reason))
