"""Every name on disk: what the file is, who writes it, and what becomes of it.

The table below is the only place that knows the names. What N deletes, what an archive and a fresh start move, and
what nothing ever touches follow from the column `fate`. Only the standard library is imported here.

    fate      N deletes it   an archive or a fresh start moves it   removed otherwise
    RUN       yes            yes                                    old epoch files: `old_epoch_files`
    PROGRAM   no             no                                     by its writer
    KEPT      no             no                                     never

The folder of the loggers is of a run only if the mark in it says so (`resume.checkpoints.paths.is_logs`); a file or a
folder of that name without the mark is the user's.

Two kinds of files have no row of their own:

- A file that is being written, `.NAME.PID.tmp`, and a checkpoint that is being replaced, `.NAME.PID.old`. A killed
  process leaves them behind. N deletes them, every other start removes them, and no archive takes them. One exception:
  while nothing has the name NAME, a whole `.NAME.PID.old` is that checkpoint (`resume.checkpoints.paths.place_of`).
- A checkpoint under a name of the user's (`may_be_of_a_run`). N deletes it if it carries this program's run_id.

Every other file is the user's. The program never moves or deletes it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Literal, cast

Kind = Literal["latest", "interrupted", "best", "epoch", "other"]
Form = Literal["checkpoint", "file", "folder"]


class Fate(Enum):
    """What becomes of a file when its run makes way for another one."""

    RUN = "N deletes it; an archive, also that of a fresh start, takes it"
    PROGRAM = "N and the archive leave it in place; its writer removes it"
    KEPT = "nothing moves or deletes it"


@dataclass(frozen=True)
class RunFile:
    """One row of the table.

    Attributes:
        role: What the file is.
        name: Its name in the checkpoint folder; `*` is the number of an epoch, from 1, without leading zeros.
        form: A `checkpoint` is a file or a folder of shards.
        writer: The module that writes it.
        fate: What becomes of it.
        removal: Files with a smaller number are deleted or moved first. What a resume needs most goes last, so that
            a process that is killed in between leaves a run that still resumes.
    """

    role: str
    name: str
    form: Form
    writer: str
    fate: Fate
    removal: int = 0


LATEST = "latest_checkpoint.pth"
INTERRUPTED = "interrupted_checkpoint.pth"
BEST = "best_model.pth"
EPOCH_FILES = "checkpoint_epoch_*.pth"
HISTORY_CSV = "training_history.csv"
HISTORY_PNG = "training_history.png"
CONFIG = "config.yaml"
DATA_REPORT = "data_report.png"
DATA_SCAN = "data_scan.json"
LOCK = ".training_run.lock"
LOCK_RECORD = ".training_run.json"
JOURNAL = ".archive_journal.json"
LOGS = "training_logs"
LOGS_MARK = ".run_id"  # in that folder: the run that writes there
ARCHIVE = "archive"
SET_ASIDE = ".set_aside"

# In the order of the menu and of N's list.
TABLE = (
    RunFile("latest", LATEST, "checkpoint", "callbacks.checkpoint_files", Fate.RUN, removal=6),
    RunFile("interrupted", INTERRUPTED, "checkpoint", "callbacks.interrupt", Fate.RUN, removal=4),
    RunFile("best", BEST, "checkpoint", "callbacks.checkpoint_files", Fate.RUN, removal=3),
    RunFile("epoch", EPOCH_FILES, "checkpoint", "callbacks.checkpoint_files", Fate.RUN, removal=2),
    RunFile("history", HISTORY_CSV, "file", "callbacks.training_history", Fate.RUN, removal=1),
    RunFile("history", HISTORY_PNG, "file", "callbacks.training_history", Fate.RUN, removal=1),
    RunFile("config", CONFIG, "file", "callbacks.run_state", Fate.RUN, removal=5),
    RunFile("data", DATA_REPORT, "file", "launch.data_report", Fate.RUN, removal=1),
    RunFile("data", DATA_SCAN, "file", "launch.data_scan", Fate.RUN, removal=1),
    RunFile("logs", LOGS, "folder", "launch.run_logs", Fate.RUN, removal=1),
    RunFile("lock", LOCK, "file", "resume.system.lock", Fate.PROGRAM),
    RunFile("lock record", LOCK_RECORD, "file", "resume.system.lock_record", Fate.PROGRAM),
    RunFile("journal", JOURNAL, "file", "resume.journal", Fate.PROGRAM),
    RunFile("set aside", SET_ASIDE, "folder", "resume.set_aside", Fate.PROGRAM),
    RunFile("archive", ARCHIVE, "folder", "resume.archive", Fate.KEPT),
)

# The parts of a folder of shards, as Lightning and torch.distributed.checkpoint name them.
SHARDS_CONTENT = "meta.pt"  # everything that is not a tensor
SHARDS_TABLE = ".metadata"  # where each tensor is
SHARD = re.compile(r"__[0-9]+_[0-9]+\.distcp")  # `__RANK_N.distcp`, tensors
# What a checkpoint says about its run: a file in a folder of shards, an entry in the zip archive of a file.
RUN_ENTRY = "run.json"

KINDS = cast("dict[Kind, str]", {row.role: row.name for row in TABLE if row.form == "checkpoint"})
LEFTOVER = "leftover"  # the role of `.NAME.PID.tmp` and `.NAME.PID.old`

_LEFTOVER_NAME = re.compile(r"\.(.+)\.[0-9]+\.(tmp|old)")
_ARCHIVE_NAME = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
# The second form is the one of Lightning's own mechanism for SLURM.
_POSSIBLE_CHECKPOINT = re.compile(r".*\.pth|hpc_ckpt_.*\.ckpt", re.DOTALL)
_NUMBERED = {
    row.name: re.compile(re.escape(row.name).replace(r"\*", "([1-9][0-9]*)")) for row in TABLE if "*" in row.name
}
_ROWS = {row.name: row for row in TABLE}


def role_of(name: str) -> str | None:
    """What a file of a run is, by its name: the role of its row, or `LEFTOVER`. None for every other name."""
    row = _row_of(name)
    if row is not None:
        return row.role if row.fate is Fate.RUN else None
    leftover = _LEFTOVER_NAME.fullmatch(name)
    owner = _row_of(leftover[1]) if leftover else None
    return None if owner is None or owner.fate is Fate.KEPT else LEFTOVER


def is_of_run(name: str) -> bool:
    """Whether the name is that of a file of a run, which an archive takes."""
    return role_of(name) not in (None, LEFTOVER)


def may_be_of_a_run(name: str) -> bool:
    """Whether a file of a name that is not in the table may be a checkpoint. N deletes it if it has a run_id."""
    return role_of(name) is None and _POSSIBLE_CHECKPOINT.fullmatch(name) is not None


def replaced_name(name: str) -> str | None:
    """NAME, if the name is the `.NAME.PID.old` of a checkpoint."""
    leftover = _LEFTOVER_NAME.fullmatch(name)
    if leftover is None or leftover[2] != "old":
        return None
    row = _row_of(leftover[1])
    return leftover[1] if row is not None and row.form == "checkpoint" else None


def epoch_file(epoch: int) -> str:
    """The name of an epoch's file; `epoch` counts from 1."""
    return EPOCH_FILES.replace("*", str(epoch))


def epoch_of(name: str) -> int:
    """The epoch in the name of an epoch file; 0 for every other name."""
    match = _NUMBERED[EPOCH_FILES].fullmatch(name)
    return int(match[1]) if match else 0


def old_epoch_files(names: Iterable[str], epoch: int, keep_last: int) -> list[str]:
    """The epoch files that a save drops.

    Args:
        names: Names in the checkpoint folder.
        epoch: The epoch of the save, from 1. Files of later epochs neither count nor are dropped.
        keep_last: How many epoch files are kept, the newest ones; 0 keeps all.

    Returns:
        The dropped names, the oldest first.
    """
    past = sorted((name for name in names if 0 < epoch_of(name) <= epoch), key=epoch_of)
    return past[:-keep_last] if keep_last else []


def display_order(name: str) -> tuple[float, int, str]:
    """Sorts the names of N's list: the table's order, the user's names after the epoch files, leftovers last."""
    row = _row_of(name)
    if row is not None:
        place = float(TABLE.index(row))
    else:
        place = len(TABLE) if role_of(name) == LEFTOVER else TABLE.index(_ROWS[EPOCH_FILES]) + 0.5
    return place, epoch_of(name), name


def removal_order(name: str) -> tuple[int, int, str]:
    """Sorts names so that what a resume needs most is deleted or moved last."""
    row = _row_of(name)
    return 0 if row is None else row.removal, epoch_of(name), name


def archive_name(now: datetime, number: int) -> str:
    """The name of a folder in the archive: `20260301T120000Z`, and from number 2 on `20260301T120000Z-2`."""
    name = now.strftime("%Y%m%dT%H%M%SZ")
    return name if number == 1 else f"{name}-{number}"


def is_archive_name(name: str) -> bool:
    """Whether `archive_name` gives such a name."""
    return _ARCHIVE_NAME.fullmatch(name) is not None


def _row_of(name: str) -> RunFile | None:
    if name in _ROWS and name not in _NUMBERED:
        return _ROWS[name]
    return next((_ROWS[numbered] for numbered, pattern in _NUMBERED.items() if pattern.fullmatch(name)), None)
