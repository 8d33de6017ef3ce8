"""What Lightning's Trainer must do differently on SLURM and with several processes."""

from typing import Any

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy


def cluster_plugins(configured: list[Any]) -> list[ClusterEnvironment]:
    """The cluster environment that Lightning would choose on SLURM, without its own way to requeue a job.

    Args:
        configured: Plugins of the configuration; a cluster environment among them stays the only one.

    Raises:
        ValueError: The job was requested in a way that Lightning does not support.
    """
    is_configured = any(isinstance(plugin, ClusterEnvironment) for plugin in configured)
    # As in Lightning, torchrun within a SLURM job has precedence.
    if is_configured or TorchElasticEnvironment.detect() or not SLURMEnvironment.detect():
        return []
    try:
        return [SLURMEnvironment(auto_requeue=False)]
    except RuntimeError as error:
        raise ValueError(str(error)) from error


def load_no_checkpoint(trainer: Trainer) -> None:
    """Let `fit(ckpt_path=None)` be a fresh start. On SLURM, Lightning would load an `hpc_ckpt_*` of the root folder."""
    trainer._checkpoint_connector._user_managed = True  # what `trainer.ckpt_path = ...` sets, for a path only


def fix_bucket_order(trainer: Trainer) -> None:
    """Let DDP add up gradients in the same order in all steps, if a run must be repeatable bit for bit.

    After the first step of a start, DDP sorts the gradients into other buckets, which changes whose shares are added
    first. Two shares have one sum; with three or more, a resumed run gets other sums than the uninterrupted run. DDP
    keeps the buckets only if it looks for unused parameters.
    """
    strategy = trainer.strategy
    is_repeatable = strategy.root_device.type == "cpu" or torch.are_deterministic_algorithms_enabled()
    if trainer.world_size > 2 and is_repeatable and type(strategy) is DDPStrategy:
        strategy._ddp_kwargs.setdefault("find_unused_parameters", True)
