"""The output during training: a bar or a line every few minutes for the current epoch, a line for each finished one."""

import math
import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from typing_extensions import override

from callbacks.boundary import epoch_has_ended
from callbacks.save_record import SaveRecord
from resume.system.output import text

_REFRESHES_PER_SECOND = 4
_SECONDS_BETWEEN_LINES = 180.0


class EpochBar(ProgressBar):
    """A Rich bar with epoch, loss, validation metric and the remaining time of the run.

    If the output is not a terminal (a log file, a pipe), a line takes the place of the bar when nothing else was
    written for some minutes: an epoch can take hours.

    Args:
        monitor: The metric in the bar.
        console: The output; by default standard output.
        seconds_between_lines: How long nothing is written to what is not a terminal, as long as batches are done.
        saves: What became of the saves; every line says if they have failed for too long.
    """

    def __init__(
        self,
        monitor: str,
        console: Console | None = None,
        seconds_between_lines: float = _SECONDS_BETWEEN_LINES,
        saves: SaveRecord | None = None,
    ) -> None:
        super().__init__()
        self.monitor = monitor
        self.saves = saves
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.seconds_between_lines = seconds_between_lines
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._has_validated = False  # in this epoch
        self.is_enabled = True  # LightningModule.print reads it

    @override
    def enable(self) -> None:
        self.is_enabled = True

    @override
    def disable(self) -> None:
        # Lightning calls it in all processes except the first.
        self.is_enabled = False

    @override
    def print(self, *args: Any, **kwargs: Any) -> None:
        if self.is_enabled:
            self.console.print(*args, markup=False, **kwargs)
            self._last_line = time.monotonic()

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._last_line = time.monotonic()  # the check before training can be a whole validation

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start = self._epoch_start = time.monotonic()
        self._last_refresh = 0.0
        self._batches_at_start = _batches_done(trainer)
        if not (self.is_enabled and self.console.is_terminal):
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[values]}"),
            console=self.console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            expand=True,
            transient=True,
        )
        self._task = self._bar.add_task(_epoch(trainer), total=trainer.num_training_batches, values="")
        self._bar.start()

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Lightning does not call it for an epoch that is resumed after its start.
        self._epoch_start = time.monotonic()
        if self._bar is not None:
            self._bar.reset(self._task, description=_epoch(trainer))

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now = time.monotonic()
        # Reading the loss waits for the GPU, so it is read only when it is shown.
        if self._bar is None:
            if self._is_line_due() and not trainer.is_last_batch:  # the line of the epoch follows
                self.print(self._line(trainer, outputs, now - self._start))
        elif now - self._last_refresh >= 1 / _REFRESHES_PER_SECOND or trainer.is_last_batch:
            self._last_refresh = now
            values = "  ".join(self._values(trainer, outputs, now - self._start))
            self._bar.update(self._task, completed=batch_idx + 1, values=values)

    def _is_line_due(self) -> bool:
        return self.is_enabled and time.monotonic() - self._last_line >= self.seconds_between_lines

    def _line(self, trainer: Trainer, outputs: Any, seconds: float) -> str:
        batch = text("batch {done}/{total}")
        rate = text("{rate:.3g} batches/s").format(rate=self._batches(trainer) / max(seconds, 1e-9))
        place = [
            _epoch(trainer),
            batch.format(done=trainer.fit_loop.batch_idx + 1, total=trainer.num_training_batches),
            text("step {step}").format(step=trainer.global_step),
        ]
        return "  ".join([*place, *_learning_rate(trainer), rate, *self._values(trainer, outputs, seconds)])

    def _values(self, trainer: Trainer, outputs: Any, seconds: float) -> list[str]:
        """The loss of the batch, the last score and the time left.

        Args:
            trainer: The trainer.
            outputs: Of the batch.
            seconds: Since training began in this start.
        """
        values = _shown_loss(trainer, outputs)
        score = trainer.callback_metrics.get(self.monitor)
        if score is not None:
            values.append(f"{self.monitor} {score.item():.4f}")
        left = _batches_left(trainer)
        if left is not None:
            seconds_left = left * seconds / max(1, self._batches(trainer))
            values.append(text("{time} left").format(time=_hours(seconds_left)))
        return values + self._save_warning()

    def _save_warning(self) -> list[str]:
        late_by = None if self.saves is None else self.saves.late_by()
        if self.saves is None or late_by is None:
            return []
        return [text("NOT SAVED for {time} ({reason})").format(time=_hours(late_by), reason=self.saves.reason)]

    def _batches(self, trainer: Trainer) -> int:
        """Batches of this start."""
        return _batches_done(trainer) - self._batches_at_start

    @override
    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if not self.console.is_terminal and self._is_line_due():
            total = trainer.num_sanity_val_batches if trainer.sanity_checking else trainer.num_val_batches
            said = text("{epoch}  validation: batch {done}/{total}")
            said = said.format(epoch=_epoch(trainer), done=batch_idx + 1, total=total[dataloader_idx])
            self.print("  ".join([said, *self._save_warning()]))

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking:
            return
        self._has_validated = True
        if epoch_has_ended(trainer):  # after the line of the epoch
            self.print(text("After the last step: {scores}").format(scores=_scores(trainer, of_validation=True)))

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Lightning keeps the metrics of an earlier epoch's validation.
        values = [_scores(trainer, of_validation=False)]
        values += [_scores(trainer, of_validation=True)] if self._has_validated else []
        self._has_validated = False
        seconds = time.monotonic() - self._epoch_start
        self.print("  ".join([_epoch(trainer), *filter(None, values), f"{seconds:.1f} s", *self._save_warning()]))

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._close()

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _shown_loss(trainer: Trainer, outputs: Any) -> list[str]:
    """Format the loss of a batch; nothing if the step of the module returned none."""
    loss = None if outputs is None else outputs.get("loss")
    if loss is None:
        return []
    # Lightning has divided it, so that the gradients of the summed batches add up to their mean.
    return [text("loss {value:.4f}").format(value=loss.item() * trainer.accumulate_grad_batches)]


def _learning_rate(trainer: Trainer) -> list[str]:
    groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
    return [text("learning rate {rate:.3g}").format(rate=float(groups[0]["lr"]))] if groups else []


def _batches_done(trainer: Trainer) -> int:
    return trainer.fit_loop.total_batch_idx + 1


def _batches_left(trainer: Trainer) -> int | None:
    """Batches until the first limit of the run; None: it has no end that is known."""
    limits = []
    if trainer.max_epochs not in (None, -1) and not math.isinf(trainer.num_training_batches):
        epochs = (trainer.max_epochs or 0) - trainer.current_epoch
        limits.append(epochs * int(trainer.num_training_batches) - trainer.fit_loop.batch_idx - 1)
    if trainer.max_steps != -1:
        limits.append((trainer.max_steps - trainer.global_step) * trainer.accumulate_grad_batches)
    return max(0, min(limits)) if limits else None


def _epoch(trainer: Trainer) -> str:
    epoch, max_epochs = trainer.current_epoch + 1, trainer.max_epochs
    if max_epochs in (None, -1):
        return text("Epoch {epoch}").format(epoch=epoch)
    return text("Epoch {epoch}/{max_epochs}").format(epoch=epoch, max_epochs=max_epochs)


def _hours(seconds: float) -> str:
    """Format a time as hours, minutes and seconds, such as 0:05:09 or 51:00:00."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _scores(trainer: Trainer, *, of_validation: bool) -> str:
    metrics = trainer.callback_metrics
    names = [name for name in sorted(metrics, key=_losses_first) if name.startswith("val/") == of_validation]
    return "  ".join(f"{name} {metrics[name].item():.4f}" for name in names)


def _losses_first(name: str) -> tuple[bool, str]:
    return not name.endswith("loss"), name
