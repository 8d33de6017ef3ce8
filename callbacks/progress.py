"""What the terminal shows while training: one bar for the epoch, one line for each epoch that is done."""

import time
from datetime import timedelta
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from typing_extensions import override

_REFRESHES_PER_SECOND = 4


class EpochBar(ProgressBar):
    """A Rich bar with epoch, loss, validation metric and the time that is left of the run.

    Where the output is no terminal (a log file, a pipe), only the line for each epoch is written.

    Args:
        monitor: The metric that the bar shows.
        console: Where to write; by default standard output.
    """

    def __init__(self, monitor: str, console: Console | None = None) -> None:
        super().__init__()
        self.monitor = monitor
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self.is_enabled = True  # asked by LightningModule.print

    @override
    def enable(self) -> None:
        self.is_enabled = True

    @override
    def disable(self) -> None:
        # Lightning's way to silence all processes but the first.
        self.is_enabled = False

    @override
    def print(self, *args: Any, **kwargs: Any) -> None:
        if self.is_enabled:
            self.console.print(*args, markup=False, **kwargs)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start = self._epoch_start = time.monotonic()
        self._drawn = 0.0
        self._batches_at_start = trainer.fit_loop.total_batch_idx + 1
        self._batches_in_all = (trainer.max_epochs or 0) * int(trainer.num_training_batches)
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
        # Not called for the epoch in whose middle a run is resumed.
        self._epoch_start = time.monotonic()
        if self._bar is not None:
            self._bar.reset(self._task, description=_epoch(trainer))

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now = time.monotonic()
        # Reading the loss waits for the GPU, so it is read only when the bar is drawn anew.
        if self._bar is None or (now - self._drawn < 1 / _REFRESHES_PER_SECOND and not trainer.is_last_batch):
            return
        self._drawn = now
        done = trainer.fit_loop.total_batch_idx + 1
        left = (self._batches_in_all - done) * (now - self._start) / max(1, done - self._batches_at_start)
        score = trainer.callback_metrics.get(self.monitor)
        texts = [
            f"loss {outputs['loss'].item():.4f}",
            *([] if score is None else [f"{self.monitor} {score.item():.4f}"]),
            *([f"{timedelta(seconds=round(left))} left"] if left >= 0 else []),  # max_epochs -1: without end
        ]
        self._bar.update(self._task, completed=batch_idx + 1, values="  ".join(texts))

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        metrics = {name: value.item() for name, value in trainer.callback_metrics.items()}
        texts = [f"{name} {metrics[name]:.4f}" for name in sorted(metrics, key=_losses_first)]
        seconds = time.monotonic() - self._epoch_start
        self.print(f"{_epoch(trainer)}  {'  '.join(texts)}  {seconds:.1f} s")

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


def _epoch(trainer: Trainer) -> str:
    return f"Epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"


def _losses_first(name: str) -> tuple[bool, str]:
    return not name.endswith("loss"), name
