"""The first process's decision, for the processes that it starts.

Lightning's `ddp` starts each further rank by running the whole command line again, within `fit`. What the
user chose in the menu reaches them through the environment, the only thing that is passed on.
"""

import json
import os
from pathlib import Path

from resume.checkpoint import describe
from resume.decision import Decision, Fresh, Resume
from resume.terminal import is_first_process

VARIABLE = "RESUME_DECISION"


def hand_on(decision: Decision) -> None:
    """Leave the decision to processes that are started from here on."""
    values = {"checkpoint_dir": str(decision.checkpoint_dir)}
    if isinstance(decision, Resume):
        values["ckpt_path"] = str(decision.path)
        if decision.config_file is not None:
            values["config_file"] = str(decision.config_file)
    os.environ[VARIABLE] = json.dumps(values)


def handed_on() -> Resume | Fresh | None:
    """The decision of the process that started this one; None in a first process, or where there is none."""
    if is_first_process() or VARIABLE not in os.environ:
        return None
    values = {key: Path(value) for key, value in json.loads(os.environ[VARIABLE]).items()}
    if "ckpt_path" not in values:
        return Fresh(values["checkpoint_dir"])
    return Resume(describe(values["ckpt_path"]), values["checkpoint_dir"], values.get("config_file"))
