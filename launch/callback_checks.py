"""What callbacks from the configuration need and would miss only in training: a logger, a metric, its direction."""

from collections.abc import Iterable, Mapping
from typing import Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint, DeviceStatsMonitor, EarlyStopping, LearningRateMonitor

from launch.config_errors import ConfigError
from resume.system.output import text

_NEED_A_LOGGER = (LearningRateMonitor, DeviceStatsMonitor)
_OF_TRAINING = {"train/loss": "min"}
_KNOWN_PACKAGES = ("lightning", "pytorch_lightning", "callbacks")


def check_callbacks(trainer: Trainer, scores: Mapping[str, str]) -> None:
    """Check what the callbacks of a trainer need, before anything is touched.

    Args:
        trainer: The trainer with all callbacks.
        scores: Metrics of a validation, each with the direction that is better: `min` or `max`.

    Raises:
        ConfigError: With the first thing that is missing or does not fit.
    """
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    for callback in callbacks:
        name = type(callback).__name__
        if isinstance(callback, _NEED_A_LOGGER) and not trainer.loggers:
            message = text("{callback} writes to a logger, and there is none. Add one: --trainer.logger CSVLogger")
            raise ConfigError(message.format(callback=name))
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and isinstance(callback, EarlyStopping | Checkpoint):
            _check_monitor(name, monitor, getattr(callback, "mode", None), {**scores, **_OF_TRAINING}, callbacks)


def _check_monitor(
    name: str, monitor: str, mode: Any, directions: Mapping[str, str], callbacks: Iterable[Callback]
) -> None:
    if monitor not in directions:
        if all(map(_logs_nothing_of_its_own, callbacks)):
            message = text("{callback}: monitor is {monitor!r}, expected one of: {names}.")
            raise ConfigError(message.format(callback=name, monitor=monitor, names=", ".join(directions)))
    elif mode in ("min", "max") and mode != directions[monitor]:
        message = text("{callback}: mode is {mode!r}, the wrong direction for {monitor}: use {right!r}.")
        raise ConfigError(message.format(callback=name, mode=mode, monitor=monitor, right=directions[monitor]))


def _logs_nothing_of_its_own(callback: Callback) -> bool:
    """Whether the metrics are known without this callback. One of the user's own may log any metric."""
    is_known = type(callback).__module__.partition(".")[0] in _KNOWN_PACKAGES
    return is_known and not isinstance(callback, LearningRateMonitor)
