"""The trainer with the callbacks that write the run's files, and the training itself."""

import uuid
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from callbacks import (
    AtomicCheckpointIO,
    CheckpointFiles,
    EpochBar,
    Interrupt,
    RunState,
    TrainingHistory,
    require_reader,
)
from launch.cli import TrainCLI, as_config_error
from launch.conditions import device_line, git_commit, machine, versions
from launch.plugins import load_no_checkpoint
from resume.arguments import Arguments
from resume.compatibility import name_other_conditions
from resume.decision import Decision, Resume
from resume.system.output import say, text


def build_trainer(
    cli: TrainCLI, arguments: Arguments, decision: Decision, resumed: dict[str, Any] | None
) -> tuple[Trainer, CheckpointFiles]:
    """Build the trainer, and print the device and the data.

    Args:
        cli: The configuration.
        arguments: The command line.
        decision: What this start does.
        resumed: The run entry of the checkpoint that is resumed; None for a new run.

    Returns:
        The trainer, and its callback that writes the checkpoints.

    Raises:
        ConfigError: The settings do not fit each other or this machine.
        CheckpointError: The strategy cannot read the checkpoint.
    """
    folder, checkpoint = str(decision.checkpoint_dir), cli.config.checkpoint
    job = arguments.launch.job(arguments.ckpt_path)
    facts: dict[str, Any] = {
        "data": cli.data_paths,
        "class_mapping": cli.datamodule.class_mapping,
        "versions": versions(),
        "git_commit": git_commit(),
        "job": None if job is None else job._asdict(),
        "config": cli.config_text(),
    }
    origin = None if resumed is None else {key: resumed[key] for key in ("run_id", "file", "global_step")}
    run_id = uuid.uuid4().hex if resumed is None else resumed["run_id"]
    bars = [] if cli.config.trainer.enable_progress_bar is False else [EpochBar(checkpoint.monitor)]
    with as_config_error():
        files = CheckpointFiles(folder, **checkpoint)
        callbacks = [
            *bars,
            RunState(run_id, origin, cli.seed, folder, facts),
            TrainingHistory(folder, checkpoint.monitor, checkpoint.mode),
            files,
            Interrupt(folder),
        ]
    trainer = cli.build_trainer(callbacks, AtomicCheckpointIO())
    facts["machine"] = now = machine(trainer)  # the device is known only now
    if resumed is not None:
        require_reader(Path(resumed["file"]), trainer.strategy)
        name_other_conditions(resumed, facts["versions"], now)
    _report_setup(cli, trainer)
    cli.datamodule.prepare_workers(trainer)
    return trainer, files


def fit(trainer: Trainer, cli: TrainCLI, decision: Decision) -> None:
    """Train, from the checkpoint of a resume or from the start."""
    ckpt_path = decision.place if isinstance(decision, Resume) else None
    if ckpt_path is None:
        load_no_checkpoint(trainer)
    trainer.fit(cli.model, datamodule=cli.datamodule, ckpt_path=ckpt_path, weights_only=True)


def _report_setup(cli: TrainCLI, trainer: Trainer) -> None:
    say(text("Device: {device}").format(device=device_line(trainer.strategy.root_device)))
    data = (
        text("Data: {data}")
        if cli.data_paths["image_path"]
        else text("Data: {data}. For your own data: --image_path FOLDER --gt_path FOLDER")
    )
    say(data.format(data=cli.datamodule.describe()))
