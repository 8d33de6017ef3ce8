"""Callbacks that a configuration can name, to stop a run at a chosen moment."""

import os
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

from lightning.pytorch import Callback


class SignalAtStep(Callback):
    """Sends a signal to this process while optimizer step `step` (from 0) is being made."""

    def __init__(self, step: int, signum: int = int(signal.SIGINT)) -> None:
        self.step = step
        self.signum = signum

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        if trainer.global_step == self.step:
            signal.raise_signal(self.signum)


class PlannedError(Exception):
    """What a bad batch or a full memory would raise."""


class StopAsPlanned(Callback):
    """Stops the run at the moments in `plan`, each once; with an empty plan, as for the uninterrupted run, never.

    The plan is no setting, so that both runs have the same configuration. A moment is a place and the number of
    optimizer steps done there: `step` and `forward`, `backward` within the step that follows, `batch` before it, `val`
    after the first batch of a validation, `val_end` behind the last. A signal comes at `step`, `val` and `val_end`, an
    error at the others and at `val_error`. A second signal would end the process, so each start gets one at most.
    """

    plan: ClassVar[list[tuple[str, int]]] = []

    def __init__(self) -> None:
        self._signalled = False

    def _is_now(self, trainer: Any, place: str) -> bool:
        moment = (place, trainer.global_step)
        if moment not in self.plan or trainer.sanity_checking:
            return False
        self.plan.remove(moment)
        return True

    def _signal(self, trainer: Any, place: str) -> None:
        if not self._signalled and self._is_now(trainer, place):
            self._signalled = True
            signal.raise_signal(signal.SIGINT)

    def _fail(self, trainer: Any, place: str) -> None:
        if self._is_now(trainer, place):
            raise PlannedError(place)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self._signal(trainer, "step")
        self._fail(trainer, "batch")

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
        self._fail(trainer, "forward")

    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        self._fail(trainer, "backward")

    def on_validation_batch_end(self, trainer: Any, *_: Any) -> None:
        self._signal(trainer, "val")
        self._fail(trainer, "val_error")

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        self._signal(trainer, "val_end")


class HoldUntilSignal(Callback):
    """Holds a job's first start at optimizer step HOLD_AT_STEP until a signal comes, as if that step took so long.

    From the environment, so that a run that is held has the configuration of one that is not. Each process of the job
    leaves a file `held_<job>_<rank>` in the current folder.
    """

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if os.environ.get("HOLD_AT_STEP") != str(trainer.global_step) or "SLURM_RESTART_COUNT" in os.environ:
            return
        received: list[int] = []
        for signum in (signal.SIGTERM, signal.SIGUSR1):
            handler: Any = signal.getsignal(signum)

            def note(number: int, frame: FrameType | None, handler: Any = handler) -> None:
                received.append(number)
                handler(number, frame)

            signal.signal(signum, note)
        Path(f"held_{os.environ['SLURM_JOB_ID']}_{trainer.global_rank}").touch()
        end = time.monotonic() + 150
        while not received:
            if time.monotonic() > end:
                raise TimeoutError("no signal came")
            time.sleep(0.02)


class StopRun(Callback):
    """Asks for a stop (`Trainer.should_stop`) in the given hook, once `batches` batches have begun in this run."""

    def __init__(self, hook: str, batches: int) -> None:
        self.batches = batches
        setattr(self, hook, self._ask)

    def _ask(self, trainer: Any, *_: Any) -> None:
        if trainer.fit_loop.total_batch_idx + 1 == self.batches and not trainer.sanity_checking:
            trainer.should_stop = True
