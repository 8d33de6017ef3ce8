"""Callbacks that a configuration can name: an error, and what fails after it."""

import signal
from typing import Any

from lightning.pytorch import Callback
from typing_extensions import override

from tests.helpers.stopping import PlannedError

STEP = 3


class LaterError(Exception):
    """What a logger or a callback would raise while training ends."""


class FailAtStep(Callback):
    @override
    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == STEP:
            raise PlannedError


class FailTwice(FailAtStep):
    """Fails again when it hears of the error, before the program's own callbacks do."""

    @override
    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        raise LaterError


class FailInTeardown(FailAtStep):
    """What frees the device fails, as it does after an error of the device."""

    @override
    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        def fail() -> None:
            raise LaterError

        trainer.strategy.teardown = fail


class StopAndFail(FailTwice):
    """A stop instead of the first error."""

    @override
    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == STEP:
            signal.raise_signal(signal.SIGINT)


class FailAndStop(FailAtStep):
    """A signal comes when Lightning has given the signals back, and before the error is reported."""

    @override
    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        teardown = trainer._signal_connector.teardown

        def and_signal() -> None:
            trainer._signal_connector.teardown = teardown
            teardown()
            signal.raise_signal(signal.SIGTERM)

        trainer._signal_connector.teardown = and_signal
