"""The table and the picture of a run, from its first epoch, through all resumes."""

import csv
import math
import time
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn
from typing_extensions import override

from callbacks.history_plot import save_history
from resume.run_files import HISTORY_CSV, HISTORY_PNG
from resume.system.durable_files import staged

Row = dict[str, float | None]


class TrainingHistory(Callback):
    """Writes ``training_history.csv`` and ``training_history.png`` after each epoch.

    The rows are part of the callback's state, so each checkpoint holds the history up to itself, and a
    resumed run goes on with it. A row has ``epoch`` (from 1), ``global_step``, ``train/loss``, all ``val/``
    metrics (none in an epoch without validation), ``lr`` (of the first parameter group, in the epoch's last
    step) and ``seconds``.

    Args:
        dirpath: Folder of the run's files; made where it is missing.
        monitor: The metric that decides on the best epoch.
        mode: Whether lower or higher is better.
        lang: Language of the picture's labels; English also where no Chinese font is installed.
    """

    def __init__(
        self,
        dirpath: str,
        monitor: str = "val/iou",
        mode: Literal["min", "max"] = "max",
        lang: Literal["en", "zh"] = "en",
    ) -> None:
        self.dirpath = Path(dirpath)
        self.monitor = monitor
        self.mode = mode
        self.lang = lang
        self.rows: list[Row] = []
        self.resumes: list[dict[str, int]] = []
        self._lr: float | None = None
        self._seconds_before = 0.0  # of this epoch, in earlier runs of the program
        self._since: float | None = None
        self._val: Row = {}  # the figures of the epoch's latest validation; none yet: empty
        self._loaded = False

    @property
    def best_epoch(self) -> int | None:
        """The first epoch with the best finite value of the monitored metric."""
        sign = 1 if self.mode == "max" else -1
        scores = [(row["epoch"], row.get(self.monitor)) for row in self.rows]
        finite = [(sign * score, epoch) for epoch, score in scores if score is not None and math.isfinite(score)]
        return int(max(finite, key=lambda pair: pair[0])[1] or 0) if finite else None

    @override
    def state_dict(self) -> dict[str, Any]:
        # Copies: the state may be written while the next epoch runs.
        return {
            "rows": [dict(row) for row in self.rows],
            "resumes": [dict(resume) for resume in self.resumes],
            "lr": self._lr,
            "val": dict(self._val),
            "seconds": self._seconds(),
        }

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = [dict(row) for row in state_dict["rows"]]
        self.resumes = [dict(resume) for resume in state_dict["resumes"]]
        self._lr = state_dict["lr"]
        self._val = dict(state_dict["val"])
        self._seconds_before = state_dict["seconds"]
        self._loaded = True

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._since = time.monotonic()
        if self._loaded:
            self._loaded = False
            self.resumes.append({"epoch": trainer.current_epoch + 1, "global_step": trainer.global_step})

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not called for the epoch in whose middle a run is resumed.
        self._since, self._seconds_before = time.monotonic(), 0.0

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        # At the epoch's end the schedule has already set that of the next step.
        self._lr = float(trainer.optimizers[0].param_groups[0]["lr"])

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._val = self._figures(trainer, "val/", self.monitor)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        row: Row = {"epoch": epoch, "global_step": trainer.global_step, **self._figures(trainer, "train/loss")}
        row |= {**self._val, "lr": self._lr, "seconds": round(self._seconds(), 3)}
        self.rows = [earlier for earlier in self.rows if (earlier["epoch"] or 0) < epoch] + [row]
        self._val = {}
        if trainer.is_global_zero and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            self.write()

    def write(self) -> None:
        """Write both files; a file that cannot be written is a warning, and no reason to stop training."""
        for name, write in ((HISTORY_CSV, self._write_csv), (HISTORY_PNG, self._write_png)):
            try:
                self.dirpath.mkdir(parents=True, exist_ok=True)
                with staged(self.dirpath / name) as temporary:
                    write(temporary)
            except OSError as error:
                rank_zero_warn(f"{name} was not written: {error}. It is tried again after the next epoch.")

    def _seconds(self) -> float:
        return self._seconds_before + (0.0 if self._since is None else time.monotonic() - self._since)

    @staticmethod
    def _figures(trainer: Trainer, *prefixes: str) -> Row:
        metrics = trainer.callback_metrics
        return {name: float(metrics[name]) for name in _ordered(metrics) if name.startswith(prefixes)}

    def _write_csv(self, path: Path) -> None:
        metrics = _ordered({name for row in self.rows for name in row} - {"epoch", "global_step", "lr", "seconds"})
        columns = ["epoch", "global_step", *metrics, "lr", "seconds", "best", "resumed"]
        resumed = {resume["epoch"] for resume in self.resumes}
        best = self.best_epoch
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, columns, restval="")
            table.writeheader()
            for row in self.rows:
                marks = {"best": row["epoch"] == best, "resumed": row["epoch"] in resumed}
                table.writerow(row | {name: "1" for name, holds in marks.items() if holds})

    def _write_png(self, path: Path) -> None:
        resumed = [resume["epoch"] for resume in self.resumes]
        save_history(path, self.rows, resumed, self.monitor, self.best_epoch, self.lang)


def _ordered(names: Any) -> list[str]:
    """Sort by name, the losses first."""
    return sorted(names, key=lambda name: (name != "train/loss", name != "val/loss", name))
