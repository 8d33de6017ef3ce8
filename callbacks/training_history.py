"""The table and the plot of a run, from its first epoch and across all resumes."""

import csv
import math
import time
from collections.abc import Mapping
from operator import index
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn
from typing_extensions import override

from callbacks.boundary import ends_before_validation, ends_here, epoch_has_ended, epoch_of
from callbacks.history_plot import save_history
from callbacks.plain_numbers import plain_numbers
from callbacks.run_folder import FolderError, hold_folder
from resume.run_files import HISTORY_CSV, HISTORY_PNG
from resume.system.durable_files import staged
from resume.system.output import text

Row = dict[str, float | None]


class TrainingHistory(Callback):
    """Writes ``training_history.csv`` and ``training_history.png`` after each epoch.

    The rows are part of the callback's state, so each checkpoint holds the history up to its own step, and a resumed
    run continues this history. A row has ``epoch`` (from 1), ``global_step``, ``train/loss``, all ``val/`` metrics
    (none in an epoch without validation), ``lr`` (of the first parameter group, in the last step of the epoch) and
    ``seconds``.

    Args:
        dirpath: Folder of the run's files; it is created if it is missing.
        monitor: The metric that determines the best epoch.
        mode: Whether a lower or a higher value is better.
        keeps_scores: Whether a resume goes on with the best epoch so far; not if its score is of something else.
    """

    def __init__(
        self,
        dirpath: str,
        monitor: str = "val/iou",
        mode: Literal["min", "max"] = "max",
        keeps_scores: bool = True,
    ) -> None:
        self.dirpath = Path(dirpath)
        self.monitor = monitor
        self.mode = mode
        self.keeps_scores = keeps_scores
        self.rows: list[Row] = []
        self.resumes: list[dict[str, int]] = []
        self._lr: float | None = None
        self._earlier_seconds = 0.0  # of this epoch, in earlier starts of the program
        self._start: float | None = None  # of this epoch, in this start of the program
        self._val: Row = {}  # metrics of the latest validation of this epoch; empty before the first
        self._loaded = False
        self._scored_from = 1  # the first epoch whose score is of the same thing as those to come

    @property
    def best_epoch(self) -> int | None:
        """The first epoch with the best finite value of the monitored metric; None if no value is finite.

        Only epochs count whose score is of the same thing as the last one.
        """
        sign = 1 if self.mode == "max" else -1
        scores = [
            (row["epoch"], row.get(self.monitor)) for row in self.rows if (row["epoch"] or 0) >= self._scored_from
        ]
        finite = [(sign * score, epoch) for epoch, score in scores if score is not None and math.isfinite(score)]
        return int(max(finite, key=lambda pair: pair[0])[1] or 0) if finite else None

    @override
    def state_dict(self) -> dict[str, Any]:
        # Copies, because the state may be written while the next epoch runs.
        return {
            "rows": [dict(row) for row in self.rows],
            "resumes": [dict(resume) for resume in self.resumes],
            "lr": self._lr,
            "val": dict(self._val),
            "seconds": self._seconds(),
            "scored_from": self._scored_from,
        }

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = [{**plain_numbers(row), "epoch": index(row["epoch"])} for row in state_dict["rows"]]
        self.resumes = [plain_numbers(resume) for resume in state_dict["resumes"]]
        self._lr = plain_numbers({"lr": state_dict["lr"]})["lr"]
        self._val = plain_numbers(state_dict["val"])
        self._earlier_seconds = float(state_dict["seconds"])
        self._scored_from = index(state_dict.get("scored_from", 1))
        self._loaded = True

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start = time.monotonic()
        if not ends_here(trainer) and not epoch_has_ended(trainer):
            self._drop_row(epoch_of(trainer))  # of a part of this epoch, with which the run had ended
        if self._loaded:
            self._loaded = False
            if not self.keeps_scores:
                self._scored_from, self._val = trainer.current_epoch + 1, {}
            self.resumes.append({"epoch": trainer.current_epoch + 1, "global_step": trainer.global_step})

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Lightning does not call it for an epoch that is resumed after its start.
        self._start, self._earlier_seconds = time.monotonic(), 0.0

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        # At the end of the epoch, the schedule has already set the rate of the next step.
        self._lr = float(trainer.optimizers[0].param_groups[0]["lr"])

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add the row of an epoch that is cut short, which the state of the run's last step needs already here."""
        if ends_before_validation(trainer):
            so_far = trainer.fit_loop.epoch_loop._results.metrics(on_step=False)
            self._add_row(trainer, so_far["callback"])

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking:
            return
        metrics = _chosen(trainer.callback_metrics, "val/", self.monitor)
        if self._has_row(trainer):  # the validation after the last step of the run, which the saved state lacks
            self.rows[-1] |= metrics
            self._write_in_first(trainer)
        else:
            self._val = metrics

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._has_row(trainer):
            self._add_row(trainer, trainer.callback_metrics)
        self._val = {}
        self._write_in_first(trainer)

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Write the files again if they are gone; the folder may have been moved away or emptied."""
        if self.rows and not (self.dirpath / HISTORY_CSV).exists():
            self._write_in_first(trainer)

    def _has_row(self, trainer: Trainer) -> bool:
        return bool(self.rows) and self.rows[-1]["epoch"] == epoch_of(trainer)

    def _add_row(self, trainer: Trainer, metrics: Mapping[str, Any]) -> None:
        epoch = epoch_of(trainer)
        row: Row = {"epoch": epoch, "global_step": trainer.global_step, **_chosen(metrics, "train/loss")}
        row |= {**self._val, "lr": self._lr, "seconds": round(self._seconds(), 3)}
        self._drop_row(epoch)
        self.rows.append(row)

    def _drop_row(self, epoch: int) -> None:
        self.rows = [row for row in self.rows if (row["epoch"] or 0) < epoch]

    def _write_in_first(self, trainer: Trainer) -> None:
        if trainer.is_global_zero and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            try:
                hold_folder(trainer, self.dirpath)
            except FolderError:
                return  # CheckpointFiles reports it
            self.write()

    def write(self) -> None:
        """Write both files; a file that cannot be written is reported as a warning, and training continues."""
        for name, write in ((HISTORY_CSV, self._write_csv), (HISTORY_PNG, self._write_png)):
            try:
                with staged(self.dirpath / name) as temporary:
                    write(temporary)
            except OSError as error:
                message = text("{name} was not written: {reason}. The next attempt is after the next epoch.")
                rank_zero_warn(message.format(name=name, reason=error))

    def _seconds(self) -> float:
        return self._earlier_seconds + (0.0 if self._start is None else time.monotonic() - self._start)

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
        save_history(path, self.rows, resumed, self.monitor, self.best_epoch)


def _chosen(metrics: Mapping[str, Any], *prefixes: str) -> Row:
    return {name: float(metrics[name]) for name in _ordered(metrics) if name.startswith(prefixes)}


def _ordered(names: Any) -> list[str]:
    """Sort metrics by name, losses first."""
    return sorted(names, key=lambda name: (name != "train/loss", name != "val/loss", name))
