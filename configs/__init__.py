from configs.checks import check_settings, checkpoint_size, checkpoints_kept
from configs.cli import ConfigError, TrainCLI, as_config_error
from configs.environment import device_line, git_commit, machine, versions
from configs.quiet import quiet
from configs.slurm import look_for_no_checkpoint

__all__ = [
    "ConfigError",
    "TrainCLI",
    "as_config_error",
    "check_settings",
    "checkpoint_size",
    "checkpoints_kept",
    "device_line",
    "git_commit",
    "look_for_no_checkpoint",
    "machine",
    "quiet",
    "versions",
]
