"""The run's checkpoint files: latest, best, and one for each epoch."""

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn
from typing_extensions import override

from callbacks.boundary import (
    ends_before_validation,
    ends_here,
    epoch_of,
    is_cut_short,
    is_extra_validation,
    is_step_boundary,
    validate_again,
)
from callbacks.checkpoint_io import loaded_run, state_of, writes_folders
from callbacks.consensus import Consensus
from callbacks.last_step import LastStep
from callbacks.linked_files import drop_old_epoch_files, write_or_link
from callbacks.plain_numbers import plain_numbers, whole_number
from callbacks.print_line import print_line
from callbacks.save_record import SaveRecord
from resume.checkpoints.run_entry import RunEntry
from resume.run_files import BEST, LATEST, epoch_file
from resume.system.output import text


class CheckpointFiles(ModelCheckpoint):
    """Writes `latest_checkpoint.pth`, `best_model.pth` and `checkpoint_epoch_{N}.pth` (N counts from 1).

    All names that are due at one moment are one file: the state is brought up to date, written once, and linked to the
    other names. Three ModelCheckpoints would write three files, and each would lack what the callbacks after it decide.

    A save that the system refuses, for example because the disk is full, is reported, and training continues. The file
    of the previous save stays, and the next save tries again.

    This is a ModelCheckpoint because loggers look for one and read `monitor`, `best_model_score` and `best_model_path`.
    Nothing else of its behavior remains; all overrides follow the constructor in one block:

    - `state_key`, `state_dict`, `load_state_dict`: its own key changes with every setting, so a changed setting would
      lose the best score, and its state drops the best score when the folder was moved;
    - `setup`: its own warns of every folder that is not empty; each save makes the folder if it is missing;
    - `on_save_checkpoint`: the scores of the run entry;
    - `on_train_start`, `on_train_batch_end`, `on_validation_end`, `on_train_epoch_end`: its own saves each name by
      itself. It saves at no other moment, since its `save_last` and `save_on_exception` are off.

    A run may end with a step after which no validation is due. It is saved there, so that with a higher limit it goes
    on exactly; then it is validated all the same, and saved again: the same state, with the score.

    Args:
        dirpath: Folder of the run's files.
        monitor: Metric whose best value decides `best_model.pth`.
        mode: Whether the best value is the highest (`max`) or the lowest (`min`).
        every_n_epochs: Epochs between two epoch files.
        keep_last: How many epoch files are kept, the newest ones; 0 keeps all.
        save_every_minutes: How often `latest_checkpoint.pth` is also written within an epoch; 0 turns that off.
        keeps_scores: Whether a resume goes on with the best score of its checkpoint; not if that is of something else.

    Attributes:
        saves: What became of the saves of this start.
        saved_run: The run entry of the last save; None before the first.
    """

    def __init__(
        self,
        dirpath: str,
        monitor: str = "val/iou",
        mode: Literal["min", "max"] = "max",
        every_n_epochs: int = 1,
        keep_last: int = 10,
        save_every_minutes: float = 10.0,
        keeps_scores: bool = True,
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
        self.keeps_scores = keeps_scores
        self.score: float | None = None
        self.best_score: float | None = None
        self.best_epoch: int | None = None
        self.best_step: int | None = None
        self.saves = SaveRecord(self.save_every_seconds)
        self.saved_run: RunEntry | None = None
        self._validated = False
        self._has_said_nan = False
        self._validated_step: int | None = None
        self._last_step = LastStep()
        self._last_save = time.monotonic()
        self._consensus: Consensus | None = None

    @property
    @override
    def state_key(self) -> str:
        return "CheckpointFiles"

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        pass

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
        if not self.keeps_scores or (state_dict["monitor"], state_dict["mode"]) != (self.monitor, self.mode):
            return  # scores of different things are not compared
        self.score, best_score = plain_numbers({name: state_dict[name] for name in ("score", "best_score")}).values()
        self._set_best(best_score, *map(whole_number, (state_dict["best_epoch"], state_dict["best_step"])))

    @override
    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        run: RunEntry = checkpoint["run"]
        is_validated = not trainer.enable_validation or self._validated_step == trainer.global_step
        checkpoint["run"] = replace(run, finished=bool(run.ended_by) and is_validated, **self.state_dict())

    @override
    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._last_step.keep({**checkpoint, "run": loaded_run(trainer, checkpoint)})

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._last_save = time.monotonic()
        self.saves.begin()
        self._consensus = Consensus(trainer.strategy)
        if self.best_score is not None and not (self.folder / BEST).exists():
            best = f"{BEST} (epoch {self.best_epoch}, {self.monitor} {self.best_score:.4f})"
            said = text("{best} is not in {folder}; the next better model is saved there.")
            print_line(trainer, said.format(best=best, folder=self.folder))
        if self._last_step.state is not None:
            self._validate_last_step_of_before(trainer)

    def _validate_last_step_of_before(self, trainer: Trainer) -> None:
        """Make the last validation of a run whose training has ended, unless Lightning goes on with either."""
        if not ends_here(trainer) or not is_extra_validation(trainer):
            self._last_step.state = None
            return
        if writes_folders(trainer.strategy):  # what was loaded is in the trainer only
            self._last_step.keep(state_of(trainer))
        self._finish(trainer)

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save latest in mid-epoch when it is due, unless a validation or the end of the epoch follows."""
        if self._must_not_save(trainer):
            return
        if ends_before_validation(trainer):
            self._save(trainer, [LATEST])
        if self.save_every_seconds == 0 or not is_step_boundary(trainer, batch_idx):
            return
        due = time.monotonic() - self._last_save >= self.save_every_seconds
        assert self._consensus is not None
        if self._consensus.highest(int(due)):  # the clocks of several processes may differ
            self._save(trainer, [LATEST])

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the score, and save after a validation in mid-epoch; after the last one, the end of the epoch saves."""
        if self._must_not_save(trainer):
            return
        self._validated, self._validated_step = True, trainer.global_step
        if self._last_step.state is None and not trainer.is_last_batch:
            self._save_with_best(trainer, [], always=ends_here(trainer))

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._must_not_save(trainer):
            return
        if not is_cut_short(trainer):
            self._save_with_best(trainer, self._epoch_files(epoch_of(trainer)), always=True)
        if self._last_step.state is not None:
            self._finish(trainer)

    def _epoch_files(self, epoch: int) -> list[str]:
        return [epoch_file(epoch)] if epoch % self._every_n_epochs == 0 else []

    def _finish(self, trainer: Trainer) -> None:
        if self._validated_step != trainer.global_step:  # else Lightning has, because of the stop
            validate_again(trainer)
        run = self._last_step.run
        self._save_with_best(trainer, self._epoch_files(run.epoch) if run.epoch_done else [], always=True)

    def _must_not_save(self, trainer: Trainer) -> bool:
        fast_dev_run = bool(trainer.fast_dev_run)  # type: ignore[attr-defined]
        return fast_dev_run or trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking

    def _is_new_best(self, trainer: Trainer) -> bool:
        """Whether the last validation is the best so far; if so, its score becomes the best score."""
        if not self._validated:
            return False
        self._validated = False
        assert self.monitor is not None
        self.score = trainer.callback_metrics[self.monitor].item()
        if math.isnan(self.score):
            self._say_nan(trainer)
            return False
        better = self.best_score is None or (
            self.score > self.best_score if self.mode == "max" else self.score < self.best_score
        )
        if not better:
            return False
        self._set_best(self.score, epoch_of(trainer), trainer.global_step)
        return True

    def _say_nan(self, trainer: Trainer) -> None:
        if self._has_said_nan:
            return
        self._has_said_nan = True
        said = text(
            "{monitor} is NaN in epoch {epoch}, so this epoch cannot be the best model. If it stays NaN, choose by "
            "another metric: --checkpoint.monitor METRIC --checkpoint.mode min|max"
        )
        print_line(trainer, said.format(monitor=self.monitor, epoch=epoch_of(trainer)))

    def _set_best(self, score: float | None, epoch: int | None, step: int | None) -> None:
        self.best_score, self.best_epoch, self.best_step = score, epoch, step
        # The attributes that users of ModelCheckpoint read.
        self.best_model_score = None if score is None else torch.tensor(score)
        self.best_model_path = "" if score is None else str(self.folder / BEST)

    def _save_with_best(self, trainer: Trainer, names: list[str], *, always: bool) -> None:
        """Save under these names, as latest, and as the best model if it is; only that, if not `always`."""
        before = self.best_score, self.best_epoch, self.best_step
        is_best = self._is_new_best(trainer)
        if not (is_best or always):
            return
        saved = self._save(trainer, [*([BEST] if is_best else []), *names, LATEST])
        if is_best and BEST not in saved:
            self._set_best(*before)  # the best score is always that of an existing file

    def _save(self, trainer: Trainer, names: list[str]) -> list[str]:
        """Write the state once, under the first name, and link the other names to it; returns the saved names.

        `LATEST` is the last name, and nothing follows it. After a kill before it, `resume.apply` finishes the save.
        """
        saved: list[str] = []
        problems: dict[str, str] = {}
        state = self._state(trainer)
        for name in names:
            if name == LATEST and trainer.is_global_zero:
                drop_old_epoch_files(trainer, self.folder, epoch_of(trainer), self.keep_last)
            problem = write_or_link(trainer, self.folder, name, saved, state)
            if problem is None:
                saved.append(name)
            else:
                problems[name] = problem
        self._last_save = time.monotonic()
        if saved:
            self.saved_run = state["run"]
            self.saves.add_success()
        if problems:
            self._report_failure(trainer, problems, nothing_saved=not saved)
        return saved

    def _state(self, trainer: Trainer) -> dict[str, Any]:
        """The state of this moment; after the last step of the run, the state that it left, with the present score."""
        if self._last_step.state is not None:
            return self._last_step.with_scores(self.state_key, self.state_dict())
        state = state_of(trainer)
        self._last_step.keep(state)
        return state

    def _report_failure(self, trainer: Trainer, problems: dict[str, str], *, nothing_saved: bool) -> None:
        names = {reason: [name for name in problems if problems[name] == reason] for reason in problems.values()}
        reasons = "; ".join(f"{', '.join(refused)}: {reason}" for reason, refused in names.items())
        place = text("epoch {epoch}, step {step}").format(epoch=epoch_of(trainer), step=trainer.global_step)
        self.saves.add_failure(place, reasons, nothing_saved=nothing_saved)
        warning = text("Warning: not saved in {place} ({reasons}). The previous save is unchanged; training continues.")
        print_line(trainer, warning.format(place=place, reasons=reasons))
