"""Whether a run with a changed flag kept its promise: real training by `train.main`, in this process."""

import contextlib
import csv
import io
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

import train
from exactness.comparison import IGNORED_COLUMNS, differences
from resume.run_files import BEST, HISTORY_CSV, INTERRUPTED, LATEST
from tests.draws.drawing import Draw
from tests.draws.flags import Verdict
from tests.helpers.pictures import draw_pairs
from tests.helpers.stopping import StopAsPlanned
from tests.helpers.tiny_run import contents

_COMPARED = ("state_dict", "optimizer_states", "lr_schedulers")
_INTERRUPTED = 130


@dataclass(frozen=True)
class Ended:
    """How a start ended: exit code, and what it printed."""

    code: int
    said: str


class Draws:
    """Runs draws in a folder.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._whole: dict[tuple[str, ...], Path] = {}

    @cached_property
    def _data(self) -> list[str]:
        draw_pairs(self._folder / "data", 12)
        return [f"--image_path={self._folder}/data/images", f"--gt_path={self._folder}/data/gt"]

    def problems(self, draw: Draw) -> list[str]:
        """Train, stop, resume with the changed flag; returns what is not as the flag's verdict says."""
        folder = self._new_folder()
        StopAsPlanned.plan[:] = [draw.plan]
        first = self._start(folder, *self._data, *draw.settings)
        StopAsPlanned.plan.clear()
        if first.code != _INTERRUPTED:
            return [f"the first start ended with {first.code}: {first.said}"]
        names = {"interrupted": INTERRUPTED, "latest": LATEST}
        keyword = draw.keyword if (folder / names.get(draw.keyword, LATEST)).exists() else "auto"
        before = contents(str(folder))
        second = self._start(folder, "--no_interactive", f"--ckpt_path={keyword}", *draw.words)
        return self._problems_of(draw, folder, before, second)

    def _problems_of(self, draw: Draw, folder: Path, before: dict[str, bytes], ended: Ended) -> list[str]:
        match draw.change.verdict:
            case Verdict.SAME:
                return _unless(ended, 0) or _different(folder, self._whole_run(draw))
            case Verdict.SAID:
                said = draw.change.said or draw.flag
                return _unless(ended, 0) or _unsound(folder) + _not_said(said, ended)
            case Verdict.REFUSED:
                return _unless(ended, 2) + _touched(folder, before)
            case Verdict.TRIAL:
                return _unless(ended, 0) + _touched(folder, before)

    def _whole_run(self, draw: Draw) -> Path:
        """The folder of the run that was never stopped."""
        if draw.settings not in self._whole:
            folder = self._new_folder()
            assert self._start(folder, *self._data, *draw.settings).code == 0
            self._whole[draw.settings] = folder
        return self._whole[draw.settings]

    def _new_folder(self) -> Path:
        self._count += 1
        return self._folder / str(self._count) / "checkpoints"

    def _start(self, folder: Path, *argv: str) -> Ended:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), contextlib.chdir(self._folder):
            try:
                code = train.main([f"--checkpoint_dir={folder}", *argv])
            except Exception as error:  # noqa: BLE001 (any traceback is a problem to report)
                return Ended(1, f"{said.getvalue()}\n{type(error).__name__}: {error}")
        return Ended(code, said.getvalue())


def _unless(ended: Ended, code: int) -> list[str]:
    return [] if ended.code == code else [f"exit code {ended.code} instead of {code}: {ended.said}"]


def _not_said(words: str, ended: Ended) -> list[str]:
    return [] if words in ended.said else [f"{words!r} was not said: {ended.said}"]


def _touched(folder: Path, before: dict[str, bytes]) -> list[str]:
    return [] if contents(str(folder)) == before else ["files were touched"]


def _different(folder: Path, whole: Path) -> list[str]:
    found = []
    for name in (LATEST, BEST):
        one, other = ({key: _load(run / name)[key] for key in _COMPARED} for run in (folder, whole))
        found += [f"{name}: {line}" for line in differences(one, other)]
    return found + list(differences(_history(folder), _history(whole), HISTORY_CSV))


def _unsound(folder: Path) -> list[str]:
    rows = _history(folder)
    epochs = [int(row["epoch"]) for row in rows]
    problems = [] if epochs == list(range(1, len(rows) + 1)) else [f"epochs of the history: {epochs}"]
    problems += [f"no finite train/loss: {row}" for row in rows if not math.isfinite(float(row["train/loss"]))]
    weights = _load(folder / LATEST)["state_dict"]
    return problems + [f"{name} is not finite" for name, weight in weights.items() if not weight.isfinite().all()]


def _history(folder: Path) -> list[dict[str, str]]:
    with (folder / HISTORY_CSV).open(encoding="utf-8", newline="") as file:
        return [
            {name: value for name, value in row.items() if name not in IGNORED_COLUMNS} for row in csv.DictReader(file)
        ]


def _load(path: Path) -> Any:
    return torch.load(path, weights_only=True)
