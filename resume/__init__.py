"""What happens before Lightning: read the flags, find the checkpoints, ask, and make way for the run."""

from resume.agreement import outline, refuse_disagreement, refuse_lonely_machine, refuse_other_size
from resume.applying import Report, apply
from resume.arguments import Arguments, read_arguments
from resume.choosing import choose
from resume.commands import command_to_resume
from resume.decision import Decision, Fresh, Quit, Resume, StartOver
from resume.errors import ResumeError
from resume.everyday_help import EVERYDAY_HELP
from resume.handoff import hand_on, was_handed_on
from resume.leaving import leave_at_once
from resume.lock import RunLock
from resume.messages import plural, resolve_language, say, set_language, text
from resume.parent import end_with_parent, loss_of_parent
from resume.ranks import is_first_process, process_name
from resume.restarts import job_of
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
from resume.terminal import open_missing_streams
from resume.torchrun import warn_of_restarts
from resume.unheard import leave_if_unheard

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
    "end_with_parent",
    "hand_on",
    "is_finished",
    "is_first_process",
    "job_of",
    "leave_at_once",
    "leave_if_unheard",
    "loss_of_parent",
    "name_other_conditions",
    "not_stopped",
    "open_missing_streams",
    "outline",
    "plural",
    "process_name",
    "read_arguments",
    "refuse_disagreement",
    "refuse_lonely_machine",
    "refuse_other_data",
    "refuse_other_optimizer",
    "refuse_other_size",
    "requeue",
    "require_space",
    "resolve_language",
    "say",
    "set_language",
    "stop_at_once",
    "text",
    "warn_of_restarts",
    "was_handed_on",
]
