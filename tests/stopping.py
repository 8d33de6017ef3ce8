"""A callback that a configuration can name, to stop a run at a chosen step."""

import signal
from typing import Any

from lightning.pytorch import Callback


class SignalAtStep(Callback):
    """Sends a signal to this process while optimizer step `step` (from 0) is being made."""

    def __init__(self, step: int, signum: int = int(signal.SIGINT)) -> None:
        self.step = step
        self.signum = signum

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        if trainer.global_step == self.step:
            signal.raise_signal(self.signum)
