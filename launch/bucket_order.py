"""The order in which DDP adds up gradients."""

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy


def keep_buckets(trainer: Trainer) -> None:
    """Have DDP add up gradients in its first step as in all others, where a run is to be repeated bit for bit.

    After a start's first step, DDP sorts the gradients into other buckets, which changes whose shares are added first.
    Two shares have one sum; of three or more, a resumed run gets others than the run that was never stopped. Only when
    DDP looks for parameters that were not used does it leave the buckets as they are.
    """
    strategy = trainer.strategy
    is_repeatable = strategy.root_device.type == "cpu" or torch.are_deterministic_algorithms_enabled()
    if trainer.world_size > 2 and is_repeatable and type(strategy) is DDPStrategy:
        strategy._ddp_kwargs.setdefault("find_unused_parameters", True)
