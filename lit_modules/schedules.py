"""The learning rate over a run."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

_MAX_WARMUP_STEPS = 200


def warmup_cosine(optimizer: Optimizer, total_steps: float) -> LambdaLR:
    """Rise in a straight line over the first twentieth (200 steps at most), then fall to 0 along a cosine.

    The factor depends on the number of the step and the length of the run and on nothing else, so a run that
    is resumed goes on where it was, and one resumed with more epochs goes on along the longer curve.

    Source: Loshchilov, Hutter: SGDR (2017), without restarts; the rise: Goyal et al. (2017).

    Args:
        optimizer: The optimizer whose own learning rates are the curve's peak.
        total_steps: Optimizer steps of the whole run; ``inf`` for a run without end: then nothing falls.
    """
    warmup = _MAX_WARMUP_STEPS if math.isinf(total_steps) else min(_MAX_WARMUP_STEPS, int(total_steps / 20))

    # A function and not an object: an object's attributes go into the checkpoint, and the length
    # of the earlier run would come back with them.
    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        if math.isinf(total_steps):
            return 1.0
        progress = min(1.0, (step - warmup) / max(1, total_steps - warmup))
        return 0.5 * (1 + math.cos(math.pi * progress))

    return LambdaLR(optimizer, factor)
