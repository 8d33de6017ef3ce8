"""How long a run with a time budget is, from the measured speed: plain arithmetic."""

from dataclasses import dataclass

VALIDATIONS = 3  # at least, in a run
_ROUNDING = 0.05  # share of the run by which whole epochs may miss the budget
_NO_LIMIT = -1


@dataclass(frozen=True)
class Speed:
    """What was measured, and the size of an epoch.

    Attributes:
        step: Seconds of an optimizer step, of all its batches.
        validation: Seconds of a validation, and of what else is done once an epoch.
        batches: Training batches of an epoch.
        accumulated: Batches of an optimizer step.
    """

    step: float
    validation: float
    batches: int
    accumulated: int

    @property
    def steps(self) -> int:
        """Optimizer steps of an epoch."""
        return -(-self.batches // self.accumulated)

    @property
    def epoch(self) -> float:
        """Seconds of an epoch."""
        return self.steps * self.step + self.validation


@dataclass(frozen=True)
class TimePlan:
    """The length of a run; -1 is no limit.

    Attributes:
        max_epochs: Epochs, if whole epochs fit the budget well enough.
        max_steps: Otherwise, optimizer steps.
        val_check_interval: Batches between two validations; None: one after each epoch.
    """

    max_epochs: int = _NO_LIMIT
    max_steps: int = _NO_LIMIT
    val_check_interval: int | None = None


def plan_run(seconds: float, steps_done: int, speed: Speed) -> TimePlan:
    """Fill the time that is left.

    Args:
        seconds: What is left of the budget.
        steps_done: Optimizer steps so far.
        speed: What was measured.
    """
    epochs = steps_done / speed.steps + seconds / speed.epoch
    if epochs * _ROUNDING >= 1:
        return TimePlan(max_epochs=int(epochs))
    if epochs > VALIDATIONS or speed.batches % speed.accumulated:
        # The last validation comes after the last step, also within an epoch.
        left = (seconds - speed.validation) / (speed.step + speed.validation / speed.steps)
        return TimePlan(max_steps=steps_done + max(1, int(left)))
    total = steps_done + (seconds - VALIDATIONS * speed.validation) / speed.step
    between = max(int(total / VALIDATIONS), steps_done // VALIDATIONS + 1)
    return TimePlan(max_steps=VALIDATIONS * between, val_check_interval=between * speed.accumulated)
