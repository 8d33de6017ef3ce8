"""What happens before Lightning: read the flags, find the checkpoints, ask, and make way for the run."""

from resume.applying import Report, apply
from resume.arguments import Arguments, read_arguments
from resume.choosing import choose
from resume.commands import command_to_resume
from resume.decision import Decision, Fresh, Quit, Resume, StartOver
from resume.errors import ResumeError
from resume.everyday_help import EVERYDAY_HELP
from resume.lock import RunLock
from resume.messages import plural, resolve_language, say, set_language, text
from resume.same_run import (
    command_to_train_on,
    is_finished,
    name_other_conditions,
    refuse_other_data,
    refuse_other_optimizer,
)
from resume.slurm import requeue
from resume.space import require_space
from resume.stopping import Stopped, not_stopped, stop_at_once
from resume.terminal import is_first_process

__all__ = [
    "EVERYDAY_HELP",
    "Arguments",
    "Decision",
    "Fresh",
    "Quit",
    "Report",
    "Resume",
    "ResumeError",
    "RunLock",
    "StartOver",
    "Stopped",
    "apply",
    "choose",
    "command_to_resume",
    "command_to_train_on",
    "is_finished",
    "is_first_process",
    "name_other_conditions",
    "not_stopped",
    "plural",
    "read_arguments",
    "refuse_other_data",
    "refuse_other_optimizer",
    "requeue",
    "require_space",
    "resolve_language",
    "say",
    "set_language",
    "stop_at_once",
    "text",
]
