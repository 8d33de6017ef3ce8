"""The run's checkpoint files: latest, best, and one for each epoch."""

import math
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_warn
from typing_extensions import override

from callbacks.boundary import is_step_boundary
from callbacks.consensus import Question
from callbacks.saving import save_whole
from resume.checkpoints.paths import is_shards
from resume.run_files import BEST, LATEST, epoch_file, old_epoch_files
from resume.system.durable_files import link, remove


class CheckpointFiles(ModelCheckpoint):
    """Writes `latest_checkpoint.pth`, `best_model.pth` and `checkpoint_epoch_{N}.pth` (N counts from 1).

    All files that are due at one moment are one file with several names: the state is brought up to date, written
    once, and linked. Three ModelCheckpoints would write three times, and each file would lack what the callbacks
    after it decided.

    A save that the system refuses (a full disk, say) leaves the file of the save before it, is told, and is no reason
    to stop training: the next one is tried again.

    Args:
        dirpath: Folder of the run's files.
        monitor: Metric whose best value decides `best_model.pth`.
        mode: Whether the best value is the highest (`max`) or the lowest (`min`).
        every_n_epochs: An epoch file is written every so many epochs.
        keep_last: So many epoch files are kept, the newest ones; 0 keeps all.
        save_every_minutes: `latest_checkpoint.pth` is also written this often within an epoch; 0 turns that off.

    Attributes:
        failed: What was told of each save that failed in this start.
    """

    def __init__(
        self,
        dirpath: str,
        monitor: str = "val/iou",
        mode: Literal["min", "max"] = "max",
        every_n_epochs: int = 1,
        keep_last: int = 10,
        save_every_minutes: float = 10.0,
    ) -> None:
        super().__init__(
            dirpath=dirpath,
            monitor=monitor,
            mode=mode,
            every_n_epochs=every_n_epochs,
            auto_insert_metric_name=False,
            enable_version_counter=False,
        )
        if every_n_epochs < 1 or keep_last < 0 or save_every_minutes < 0:
            raise ValueError(
                f"checkpoint.every_n_epochs is {every_n_epochs} (at least 1), keep_last {keep_last} and "
                f"save_every_minutes {save_every_minutes} (at least 0)"
            )
        self.folder = Path(dirpath)
        self.keep_last = keep_last
        self.save_every_seconds = 60 * save_every_minutes
        self.score: float | None = None
        self.best_score: float | None = None
        self.best_epoch: int | None = None
        self.best_step: int | None = None
        self.failed: list[str] = []
        self._validated = False
        self._last_save = time.monotonic()
        self._question: Question | None = None

    @property
    @override
    def state_key(self) -> str:
        # Lightning's own key changes with every setting, and a changed setting would then lose the best score.
        return "CheckpointFiles"

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {
            "monitor": self.monitor,
            "mode": self.mode,
            "score": self.score,
            "best_score": self.best_score,
            "best_epoch": self.best_epoch,
            "best_step": self.best_step,
        }

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if (state_dict["monitor"], state_dict["mode"]) != (self.monitor, self.mode):
            return  # scores of another metric say nothing about this one
        self.score = state_dict["score"]
        self._set_best(state_dict["best_score"], state_dict["best_epoch"], state_dict["best_step"])

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint.setdefault("run", {}).update(
            self.state_dict(), saved_at=datetime.now(UTC).isoformat(timespec="microseconds")
        )

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._last_save = time.monotonic()
        self._question = Question(trainer.strategy)
        if self.best_score is not None and not (self.folder / BEST).exists():
            pl_module.print(
                f"{BEST} (epoch {self.best_epoch}, {self.monitor} {self.best_score:.4f}) is not in {self.folder}; "
                "the next better model is written there."
            )

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save latest in mid-epoch when it is time, but never where validation or the epoch's end follows."""
        if self.save_every_seconds == 0 or self._must_not_save(trainer) or not is_step_boundary(trainer, batch_idx):
            return
        due = time.monotonic() - self._last_save >= self.save_every_seconds
        assert self._question is not None
        if self._question.highest(int(due)):  # the clocks of several processes need not agree
            self._save(trainer, [LATEST])

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the score; validation in mid-epoch also saves, the one at the epoch's end leaves that to the epoch."""
        if self._must_not_save(trainer):
            return
        self._validated = True
        if not trainer.is_last_batch:
            self._save_with_best(trainer, [], always=False)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._must_not_save(trainer):
            return
        epoch = trainer.current_epoch + 1
        self._save_with_best(trainer, [epoch_file(epoch)] if epoch % self._every_n_epochs == 0 else [], always=True)

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Nothing: what stops training is saved by the interrupt callback."""

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Nothing: the last epoch has been saved at its end."""

    def _must_not_save(self, trainer: Trainer) -> bool:
        fast_dev_run = bool(trainer.fast_dev_run)  # type: ignore[attr-defined]
        return fast_dev_run or trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking

    def _is_new_best(self, trainer: Trainer) -> bool:
        """Whether the latest validation is the best one so far; if so, it becomes the best score."""
        if not self._validated:
            return False
        self._validated = False
        assert self.monitor is not None
        self.score = trainer.callback_metrics[self.monitor].item()
        better = self.best_score is None or (
            self.score > self.best_score if self.mode == "max" else self.score < self.best_score
        )
        if not better or math.isnan(self.score):
            return False
        self._set_best(self.score, trainer.current_epoch + 1, trainer.global_step)
        return True

    def _set_best(self, score: float | None, epoch: int | None, step: int | None) -> None:
        self.best_score, self.best_epoch, self.best_step = score, epoch, step
        # What ModelCheckpoint's own users read.
        self.best_model_score = None if score is None else torch.tensor(score)
        self.best_model_path = "" if score is None else str(self.folder / BEST)

    def _save_with_best(self, trainer: Trainer, names: list[str], *, always: bool) -> None:
        """Save under these names and as latest, and as the best model where it is that; if only then, not `always`."""
        before = self.best_score, self.best_epoch, self.best_step
        is_best = self._is_new_best(trainer)
        if not (is_best or always):
            return
        saved = self._save(trainer, [*([BEST] if is_best else []), *names, LATEST])
        if is_best and BEST not in saved:
            self._set_best(*before)  # the best model is the best one that there is a file of

    def _save(self, trainer: Trainer, names: list[str]) -> list[str]:
        """Write the state once, under the first name, and link the others to it; returns the names that now stand.

        `LATEST` is the last name, and nothing follows it. After a kill before it, `resume.apply` finishes the save.
        """
        saved: list[str] = []
        problems: dict[str, str] = {}
        for name in names:
            if name == LATEST and trainer.is_global_zero:
                _drop_old_epoch_files(self.folder, trainer.current_epoch + 1, self.keep_last)
            problem = self._write(trainer, name, saved)
            if problem is None:
                saved.append(name)
            else:
                problems[name] = problem
        self._last_save = time.monotonic()
        if problems:
            self._tell_failure(trainer, problems)
        return saved

    def _write(self, trainer: Trainer, name: str, saved: list[str]) -> str | None:
        """Write the file of this name, or link it to one that is written; returns why that failed, on all processes."""
        problem = None
        try:
            if not saved:
                save_whole(trainer, self.folder / name)
            elif trainer.is_global_zero:
                link(self.folder / saved[0], self.folder / name, replaceable=is_shards)
        except OSError as error:
            problem = error.strerror or str(error)
        # All processes have to agree on the best score, since it decides when they save together.
        answer: str | None = trainer.strategy.broadcast(problem)
        return answer

    def _tell_failure(self, trainer: Trainer, problems: dict[str, str]) -> None:
        reasons = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
        place = f"epoch {trainer.current_epoch + 1}, step {trainer.global_step}"
        self.failed.append(f"{place}: {reasons}")
        trainer.lightning_module.print(
            f"Warning: not saved in {place} ({reasons}). What was saved before stays as it is; training goes on."
        )


def _drop_old_epoch_files(folder: Path, epoch: int, keep_last: int) -> None:
    """Remove the epoch files up to `epoch` that are not among the last `keep_last`; 0 keeps all."""
    for name in old_epoch_files((path.name for path in folder.iterdir()), epoch, keep_last):
        try:
            remove(folder / name)
        except OSError as error:  # open in another program, on Windows; the next save tries again
            rank_zero_warn(f"{folder / name} could not be deleted: {error}")
