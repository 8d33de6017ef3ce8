"""What happens before Lightning: read the flags, find the checkpoints, ask, decide, and make way for the run."""

from resume.apply import apply, end, finish, waits_for_first_save
from resume.arguments import Arguments, read_arguments
from resume.choose import choose
from resume.decision import Decision, Fresh, Quit, Resume, StartOver
from resume.disk_space import require_space
from resume.system.errors import ResumeError

__all__ = [
    "Arguments",
    "Decision",
    "Fresh",
    "Quit",
    "Resume",
    "ResumeError",
    "StartOver",
    "apply",
    "choose",
    "end",
    "finish",
    "read_arguments",
    "require_space",
    "waits_for_first_save",
]
