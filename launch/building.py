"""The trainer with the callbacks that write the run's files, and the training itself."""

import uuid
from collections.abc import Callable

import torch
import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer

import resume
from callbacks import (
    AtomicCheckpointIO,
    CheckpointFiles,
    Ending,
    EpochBar,
    FiniteWeights,
    ForgetPastScores,
    Interrupt,
    NotFiniteError,
    RunState,
    SetAside,
    TimeBudget,
    TimePlan,
    TrainingHistory,
    TrainingInterrupted,
)
from callbacks.run_state import machine
from datamodules import PairedImages
from datamodules.loading.shared_batches import small_memory_line
from launch.callback_checks import check_callbacks
from launch.cli import TrainCLI
from launch.conditions import device_line, git_commit, versions
from launch.config_errors import ConfigError, as_config_error
from launch.divergence import diverged_error, refuse_stop_by_nan
from launch.first_error import raising_first
from launch.first_save import require_resumable
from launch.loading import require_reader
from launch.lost_workers import lost_worker
from launch.plugins import load_no_checkpoint
from launch.report import report_interruption
from launch.restore_errors import restore_error
from launch.run_logs import check_logs, open_logs
from launch.schedule_checks import refuse_other_unit, refuse_short_schedule
from launch.scores import changed_scores
from launch.sifting import names_beyond_the_table
from resume.arguments import Arguments
from resume.checkpoints.run_entry import ResumedFrom, RunEntry
from resume.checkpoints.signature import signed
from resume.compatibility import name_other_conditions
from resume.decision import Decision, Resume
from resume.limits import Limits
from resume.system.output import ExplainedError, say, text

_ENDLESS = -1  # Lightning's max_epochs and max_steps without a limit


def build_trainer(
    cli: TrainCLI, arguments: Arguments, decision: Decision, resumed: RunEntry | None
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
    config = cli.config_text()
    entry = RunEntry(
        run_id=uuid.uuid4().hex if resumed is None else resumed.run_id,
        resumed_from=_resumed_from(decision, resumed),
        data=cli.data_paths,
        class_mapping=cli.datamodule.class_mapping,
        versions=versions(),
        git_commit=git_commit(),
        job=arguments.launch.job(arguments.ckpt_path),
        config=config,
        loggers={} if resumed is None else resumed.loggers,
        # Everything in it was typed, is in the table, was signed, or was trusted by a person.
        trusted=tuple(names_beyond_the_table(yaml.safe_load(config))),
    )
    with as_config_error():
        keeps_scores = not (isinstance(decision, Resume) and decision.other_scores)
        files = CheckpointFiles(folder, **checkpoint, keeps_scores=keeps_scores)
        has_no_bar = cli.config.trainer.enable_progress_bar is False
        bars = [] if has_no_bar else [EpochBar(checkpoint.monitor, saves=files.saves)]
        state = RunState(signed(entry), cli.seed, folder)
        callbacks = [
            *_budgets(cli, state),
            ForgetPastScores(changed_scores(cli, resumed)),
            *bars,
            Ending(same_callbacks=resumed is None or Limits.of(entry.config).stop_again(resumed)),
            state,
            TrainingHistory(folder, checkpoint.monitor, checkpoint.mode, keeps_scores=keeps_scores),
            FiniteWeights(),
            files,
            SetAside(_completion(arguments, decision)),
            Interrupt(folder, cli.seconds_per_start, lambda stop: report_interruption(stop, arguments.launch)),
        ]
    trainer = cli.build_trainer(callbacks, AtomicCheckpointIO())
    check_callbacks(trainer, cli.model.SCORES)
    check_logs(trainer.loggers, decision.checkpoint_dir)
    require_resumable(cli, trainer, entry.config)
    if resumed is not None and isinstance(decision, Resume):
        require_reader(decision.place, trainer.strategy)
        refuse_other_unit(cli, trainer, resumed)
        name_other_conditions(resumed, entry.config, entry.versions, machine(trainer))
    refuse_short_schedule(cli, trainer)
    _report_setup(cli, trainer)
    cli.datamodule.prepare_workers(trainer)
    return trainer, files


def _completion(arguments: Arguments, decision: Decision) -> Callable[[], list[str]] | None:
    """What is done after the first save: `finish`, if something makes way, in the first process."""
    if not arguments.launch.is_first or not resume.waits_for_first_save(decision):
        return None
    return lambda: resume.finish(decision)


def _budgets(cli: TrainCLI, state: RunState) -> list[Callback]:
    """The callback that plans a run with a time budget, if that is still to be done."""
    trainer = cli.config.trainer
    has_a_length = trainer.max_epochs != _ENDLESS or trainer.max_steps != _ENDLESS
    if cli.config.train_minutes is None or has_a_length or cli.is_trial:
        return []
    return [TimeBudget(cli.config.train_minutes, lambda plan: state.change_trainer_settings(_settings_of(plan)))]


def _settings_of(plan: TimePlan) -> dict[str, int | None]:
    settings: dict[str, int | None] = {"max_epochs": plan.max_epochs, "max_steps": plan.max_steps}
    if plan.val_check_interval is not None:
        settings |= {"val_check_interval": plan.val_check_interval, "check_val_every_n_epoch": None}
    return settings


def _resumed_from(decision: Decision, resumed: RunEntry | None) -> ResumedFrom | None:
    if resumed is None or not isinstance(decision, Resume):
        return None
    return ResumedFrom(resumed.run_id, str(decision.path), resumed.global_step)


def fit(trainer: Trainer, cli: TrainCLI, decision: Decision) -> None:
    """Train, from the checkpoint of a resume or from the start.

    Raises:
        CheckpointError: A state in the checkpoint is not of this program.
        ConfigError: A callback or a logger refuses this training.
        DivergedError: The weights are no longer finite, or early stopping saw a metric that is not.
        LostWorkerError: A process that loads data has ended.
        ResumeError: A logger cannot begin.
    """
    ckpt_path = decision.place if isinstance(decision, Resume) else None
    if ckpt_path is None:
        load_no_checkpoint(trainer)
    open_logs(trainer, cli.logger_keys, decision)
    try:
        raising_first(
            trainer,
            lambda: trainer.fit(cli.model, datamodule=cli.datamodule, ckpt_path=ckpt_path, weights_only=True),
        )
    except TrainingInterrupted:
        trainer.profiler.describe()  # type: ignore[attr-defined]  # Lightning does it at the end of a run only
        raise
    except NotFiniteError as divergence:
        raise diverged_error(divergence, cli, decision.checkpoint_dir) from divergence
    except MisconfigurationException as error:  # a callback or a logger that refuses this training
        raise ConfigError(str(error)) from error
    except Exception as error:
        known = _explained(error, cli, decision)
        if known is None:
            raise
        raise known from error
    refuse_stop_by_nan(trainer)


def _explained(error: Exception, cli: TrainCLI, decision: Decision) -> ExplainedError | None:
    lost = lost_worker(error, cli.datamodule.num_workers) if isinstance(error, RuntimeError) else None
    return restore_error(error, decision.path) if lost is None and isinstance(decision, Resume) else lost


def _report_setup(cli: TrainCLI, trainer: Trainer) -> None:
    say(text("Device: {device}").format(device=device_line(trainer.strategy.root_device)))
    data = (
        text("Data: {data}")
        if cli.data_paths.image_path
        else text("Data: {data}. For your own data: --image_path FOLDER --gt_path FOLDER")
    )
    say(data.format(data=cli.datamodule.describe()))
    _report_small_memory(cli.datamodule)


def _report_small_memory(data: PairedImages) -> None:
    image = data.example_image()  # (1, 3, H, W)
    target_size = image[0, 0].numel() * torch.int64.itemsize
    line = small_memory_line(image.nbytes + target_size, data.batch_size, data.num_workers)
    if line is not None:
        say(line)
