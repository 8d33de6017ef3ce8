"""The default schedule: the learning rate follows from the progress of the run, never from a count of steps."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from lightning.pytorch import Trainer
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

_WARMUP = 0.05  # share of the run
_FIRST_FACTOR = 0.05
_RISE = 0.05  # share of the added epochs
_STEPS_OF_ENDLESS_WARMUP = 200
_POINTS = 1000


def warmup_cosine(progress: float) -> float:
    """Return the share of the learning rate: a line from 0.05 to 1 over the first twentieth, then a cosine to 0.

    Source: Loshchilov, Hutter: SGDR (2017), without restarts; the increase: Goyal et al. (2017).

    Args:
        progress: Share of the run that is done, from 0 to 1.
    """
    if progress < _WARMUP:
        return _FIRST_FACTOR + (1 - _FIRST_FACTOR) * progress / _WARMUP
    return 0.5 * (1 + math.cos(math.pi * (progress - _WARMUP) / (1 - _WARMUP)))


def progress_of(trainer: Trainer) -> float | None:
    """Return the share of the run that is done, from 0 to 1; None for a run without end.

    Epochs and the fraction of the present epoch count, or steps, if those end the run first. A resume with other
    batches continues at the same progress.
    """
    shares = []
    if trainer.max_epochs is not None and trainer.max_epochs > 0:
        shares.append(_epochs_done(trainer) / trainer.max_epochs)
    if trainer.max_steps > 0:
        shares.append(trainer.global_step / trainer.max_steps)
    return min(1.0, max(shares)) if shares else None


def _epochs_done(trainer: Trainer) -> float:
    epochs: Any = trainer.fit_loop.epoch_progress.current
    if epochs.processed == epochs.started:  # between two epochs, the batches are those of the last one
        return float(epochs.processed)
    batches: Any = trainer.fit_loop.epoch_loop.batch_progress.current
    done: float = epochs.processed + min(1.0, batches.processed / trainer.num_training_batches)
    return done


@dataclass(frozen=True)
class Rise:
    """A straight line from the rate at which the length of a run was changed to the curve of the new length.

    Attributes:
        start: Progress at the change.
        factor: Share of the learning rate there.
        end: Progress from which the curve holds.
    """

    start: float
    factor: float
    end: float

    def factor_at(self, progress: float) -> float:
        """Return the share of the learning rate between ``start`` and ``end``."""
        done = (progress - self.start) / (self.end - self.start)
        return self.factor + done * (warmup_cosine(self.end) - self.factor)


class ProgressSchedule:
    """The default schedule of one run, over all resumes. Its state is plain numbers.

    If a resume changes ``max_epochs`` or ``max_steps``, the rate goes from its present value to the curve of the new
    length in a straight line, over a twentieth of what was added (of what is left, if the run was shortened).

    Args:
        trainer: The trainer of the run.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._rise: Rise | None = None

    def scheduler(self, optimizer: Optimizer) -> LambdaLR:
        """Return the scheduler, to be stepped after each optimizer step."""
        # A function, because LambdaLR would save the attributes of an object in the checkpoint.
        return LambdaLR(optimizer, lambda _: self.factor())

    def factor(self) -> float:
        """Return the share of the learning rate for the next step, from 0 to 1."""
        progress = progress_of(self._trainer)
        if progress is None:
            return min(1.0, (self._trainer.global_step + 1) / _STEPS_OF_ENDLESS_WARMUP)
        return self._factor_at(progress)

    def _factor_at(self, progress: float) -> float:
        if self._rise is not None and self._rise.start <= progress < self._rise.end:
            return self._rise.factor_at(progress)
        return warmup_cosine(progress)

    def state_dict(self) -> dict[str, Any]:
        return {
            "limits": self._limits(),
            "progress": progress_of(self._trainer),
            "factor": self.factor(),
            "rise": None if self._rise is None else asdict(self._rise),
        }

    def resume(self, state: dict[str, Any]) -> bool:
        """Continue from a state, after the trainer has restored its counts; returns whether the length was changed."""
        rise = state["rise"]
        self._rise = None if rise is None else Rise(*(float(rise[one.name]) for one in fields(Rise)))
        now = progress_of(self._trainer)
        if state["limits"] == self._limits() or now is None or now == state["progress"]:
            return False
        before = float(state["progress"] or 0)
        share = _RISE * (1 - now / before) if now < before else _RISE * (1 - now)
        end = min(1.0, now + share)
        self._rise = Rise(now, float(state["factor"]), end) if end > now else None
        return True

    def _limits(self) -> list[int | None]:
        return [self._trainer.max_epochs, self._trainer.max_steps]

    def outlook(self) -> tuple[float, float, float]:
        """Return the present, the highest and the last share of the learning rate of a run that ends."""
        now = progress_of(self._trainer)
        assert now is not None
        points = [now + (1 - now) * point / _POINTS for point in range(_POINTS + 1)]
        if self._rise is not None:
            points.append(self._rise.end)
        return self._factor_at(now), max(map(self._factor_at, points)), self._factor_at(1 - self._last_step())

    def _last_step(self) -> float:
        """Return the progress of one step."""
        epochs, steps = self._limits()
        batches = self._trainer.num_training_batches
        in_epochs = 1 / (epochs * batches) if epochs and epochs > 0 else 0.0
        return max(in_epochs, 1 / steps if steps and steps > 0 else 0.0)
