"""What goes wrong because of what the user typed, or because of what lies in the folder."""


class ResumeError(Exception):
    """A wrong argument, configuration file or checkpoint; the message says which, and what to do."""
