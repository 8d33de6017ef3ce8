"""Schedules of the learning rate."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

_MAX_WARMUP_STEPS = 200


def warmup_cosine(optimizer: Optimizer, total_steps: float) -> LambdaLR:
    """Increase the rate linearly over the first twentieth (at most 200 steps), then decrease it to 0 along a cosine.

    The factor depends only on the number of the step and the length of the run. Therefore a resumed run continues at
    the same point of the curve, and a run that is resumed with more epochs continues on the longer curve.

    Source: Loshchilov, Hutter: SGDR (2017), without restarts; the increase: Goyal et al. (2017).

    Args:
        optimizer: The optimizer, whose learning rates are the peak of the curve.
        total_steps: Optimizer steps of the whole run; ``inf`` for a run without end, whose rate does not decrease.
    """
    warmup = _MAX_WARMUP_STEPS if math.isinf(total_steps) else min(_MAX_WARMUP_STEPS, int(total_steps / 20))

    # A function, not an object: the attributes of an object are saved in the checkpoint, and a resume would restore
    # the length of the earlier run with them.
    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        if math.isinf(total_steps):
            return 1.0
        progress = min(1.0, (step - warmup) / max(1, total_steps - warmup))
        return 0.5 * (1 + math.cos(math.pi * progress))

    return LambdaLR(optimizer, factor)
