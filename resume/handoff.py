"""The first process passes its decision to the processes that it starts.

Lightning's `ddp` starts each further rank by running the whole command line again. What the user chose in the menu
reaches them through the environment, the only thing that they inherit.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resume.checkpoints.description import describe
from resume.decision import Decision, Fresh, Resume
from resume.system.launch_info import Launch

_VARIABLE = "RESUME_DECISION"
_FOUND = "RESUME_FOUND"
_LONGEST = 8000  # characters of one value: Windows has 32,767 for all of the environment


def hand_on(decision: Decision, found: Mapping[str, Any]) -> None:
    """Pass the decision, and the number of this process, to all processes that are started from now on.

    Args:
        decision: What this process does.
        found: What it has found in the data, by name, as plain values; what is too long, the others find themselves.
    """
    values = {"checkpoint_dir": str(decision.checkpoint_dir), "parent": str(os.getpid())}
    if isinstance(decision, Resume):
        values["ckpt_path"] = str(decision.path)
        if decision.config_file is not None:
            values["config_file"] = str(decision.config_file)
        if decision.is_trusted:
            values["is_trusted"] = "yes"
    os.environ[_VARIABLE] = json.dumps(values)
    short = {name: value for name, value in found.items() if len(json.dumps(value)) <= _LONGEST}
    os.environ[_FOUND] = json.dumps(short)


def handed_on(launch: Launch) -> Resume | Fresh | None:
    """The decision of the process that started this one; None if this process decides for itself."""
    values = _values(launch)
    if values is None:
        return None
    is_trusted = values.pop("is_trusted", None) is not None
    paths = {key: Path(value) for key, value in values.items()}
    if "ckpt_path" not in paths:
        return Fresh(paths["checkpoint_dir"])
    checkpoint = describe(paths["ckpt_path"])
    return Resume(checkpoint, paths["checkpoint_dir"], paths.get("config_file"), is_trusted=is_trusted)


def found_handed_on(launch: Launch) -> dict[str, Any] | None:
    """What the process that started this one has found in the data; None if this process looks for itself."""
    if _values(launch) is None:
        return None
    found: dict[str, Any] = json.loads(os.environ[_FOUND])
    return found


def parent_process(launch: Launch) -> int | None:
    """The number of the process that started this one and decided; None if this process decides for itself."""
    values = _values(launch)
    return None if values is None else int(values["parent"])


def _values(launch: Launch) -> dict[str, str] | None:
    if launch.is_first or _VARIABLE not in os.environ:
        return None
    values: dict[str, str] = json.loads(os.environ[_VARIABLE])
    return values if int(values["parent"]) != os.getpid() else None
