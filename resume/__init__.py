"""What happens before Lightning: read the flags, find the checkpoints, ask, and make way for the run."""

from resume.apply import apply
from resume.choose import choose
from resume.commands import command_to_resume
from resume.compatibility import (
    command_to_train_on,
    is_finished,
    name_other_conditions,
    refuse_other_data,
    refuse_other_optimizer,
)
from resume.decision import Decision, Fresh, Quit, Resume, StartOver
from resume.disk_space import require_space
from resume.everyday_help import EVERYDAY_HELP
from resume.flags import Arguments, read_arguments
from resume.handoff import hand_on, was_handed_on
from resume.system.errors import ResumeError
from resume.system.exit_now import leave_at_once
from resume.system.lock import FolderLock
from resume.system.output import open_missing_streams, plural, resolve_language, say, set_language, text
from resume.system.ranks import is_first_process, process_name
from resume.system.requeue import requeue
from resume.system.restarts import job_of
from resume.system.signals import Stopped, not_stopped, stop_at_once
from resume.system.watchdog import leave_if_unheard

__all__ = [
    "EVERYDAY_HELP",
    "Arguments",
    "Decision",
    "FolderLock",
    "Fresh",
    "Quit",
    "Resume",
    "ResumeError",
    "StartOver",
    "Stopped",
    "apply",
    "choose",
    "command_to_resume",
    "command_to_train_on",
    "hand_on",
    "is_finished",
    "is_first_process",
    "job_of",
    "leave_at_once",
    "leave_if_unheard",
    "name_other_conditions",
    "not_stopped",
    "open_missing_streams",
    "plural",
    "process_name",
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
    "was_handed_on",
]
