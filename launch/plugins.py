"""SLURM for the trainer: Lightning starts no mechanism of its own there that saves, queues again or resumes."""

from typing import Any

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch import Trainer


def cluster_plugins(configured: list[Any]) -> list[ClusterEnvironment]:
    """The cluster environment that Lightning would choose on SLURM, without its own way to queue a job again.

    Args:
        configured: Plugins of the configuration; a cluster environment among them stays the only one.

    Raises:
        ValueError: The job was asked for in a way that Lightning does not support.
    """
    is_configured = any(isinstance(plugin, ClusterEnvironment) for plugin in configured)
    # As in Lightning, torchrun within a SLURM job comes first.
    if is_configured or TorchElasticEnvironment.detect() or not SLURMEnvironment.detect():
        return []
    try:
        return [SLURMEnvironment(auto_requeue=False)]
    except RuntimeError as error:
        raise ValueError(str(error)) from error


def look_for_no_checkpoint(trainer: Trainer) -> None:
    """Let `fit(ckpt_path=None)` be a fresh start. On SLURM, Lightning would load an `hpc_ckpt_*` of the root folder."""
    trainer._checkpoint_connector._user_managed = True  # as `trainer.ckpt_path = ...` sets it, for a path only
