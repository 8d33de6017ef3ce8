"""Train a network on paired images and ground truth: choose, build, check, apply, fit.

python train.py --image_path Data/images --gt_path Data/gt
"""

import os
import signal

if hasattr(signal, "SIGUSR1") and "SLURM_JOB_ID" in os.environ:
    # By this signal SLURM tells that the job's time is nearly over. It would end a process that does not listen yet;
    # held back, it waits until the program listens.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])

import contextlib
import importlib
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import resume
from launch.parent import end_with_parent
from resume.checkpoints.run_entry import DataPaths, ResumedFrom, RunEntry

if TYPE_CHECKING:  # torch and Lightning take seconds to import; the menu does not wait for them
    from lightning.pytorch import Trainer

    from callbacks import TrainingInterrupted
    from launch.cli import TrainCLI

DEFAULT_CONFIG = Path(__file__).parent / "configs" / "default.yaml"
SECONDS_BETWEEN_REPORTS = 5.0
EXIT_USER_ERROR = 2
EXIT_FAILURE = 1
IMPORTS = "imports"  # the name of a thread


def main(argv: list[str]) -> int:
    """Run the program and return its exit code."""
    resume.open_missing_streams()
    try:
        with resume.stop_at_once():  # heard from here on; training itself stops at its next step instead
            end_with_parent()
            return run(argv)
    except resume.ResumeError as error:
        return user_error(error)
    except resume.Stopped as stop:
        if resume.is_first_process():
            print("\n" + resume.text("Interrupted. No training was under way."), file=sys.stderr)
        exit_code = resume.requeue() if stop.asks_for_requeue else stop.exit_code
        if any(thread.name == IMPORTS for thread in threading.enumerate()):
            resume.leave_at_once(exit_code)
        return exit_code


def run(argv: list[str]) -> int:
    """Choose, with the slow imports behind the menu, then train; returns the exit code."""
    arguments = resume.read_arguments(argv)
    if not {"-h", "--help"}.isdisjoint(argv):
        print(resume.EVERYDAY_HELP, flush=True)
    imports = threading.Thread(target=import_what_is_slow, name=IMPORTS, daemon=True)
    decision = resume.choose(arguments, on_waiting=imports.start)
    if isinstance(decision, resume.Quit):
        resume.leave_at_once(0)  # without waiting for the imports in the background
    if imports.ident is not None:
        imports.join()  # two threads that import the same packages meet half-made modules
    return train(arguments, decision)


def import_what_is_slow() -> None:
    """For the time in which the user reads the menu; what fails here fails again, and visibly, in `train`."""
    with contextlib.suppress(Exception):
        importlib.import_module("launch.cli")


def train(arguments: resume.Arguments, decision: resume.Decision) -> int:
    """Build, check, apply, fit; nothing is deleted or moved before every check has passed."""
    from callbacks import SaveFailedError, TrainingInterrupted
    from datamodules import DataError
    from launch.checks import checkpoint_size, checkpoints_kept
    from launch.cli import ConfigError, TrainCLI
    from launch.loading import CheckpointError
    from launch.plugins import look_for_no_checkpoint
    from launch.process_group import LostProcessError, Processes
    from launch.quiet import quiet
    from lit_modules import NetworkError

    applied = False

    def make_way() -> None:
        nonlocal applied
        with resume.not_stopped():
            lock.take()
            complete_killed_save(cli, decision)
            applied = True  # from here on `apply` itself says what it touched
            resume.apply(decision)

    quiet()
    try:
        with resume.RunLock(decision.checkpoint_dir, break_lock=arguments.break_lock) as lock:
            cli = TrainCLI(arguments.for_lightning(decision), DEFAULT_CONFIG if arguments.informational else None)
            resumed = check(cli, arguments, decision)
            if isinstance(decision, resume.Resume) and resumed is not None and is_finished(cli, decision, resumed):
                if decision.completes_save:
                    make_way()
                return 0
            is_trial = bool(cli.config.trainer.fast_dev_run)  # it writes nothing, and trains from the start
            trainer = build(cli, arguments, decision, None if is_trial else resumed)
            resume.require_space(decision, checkpoint_size(cli.model), checkpoints_kept(cli))
            cli.datamodule.prepare_workers(trainer)
            with Processes(trainer, decision) as processes:
                if not is_trial:
                    processes.first_does(make_way)
                ckpt_path = decision.path if isinstance(decision, resume.Resume) and not is_trial else None
                if ckpt_path is None:
                    look_for_no_checkpoint(trainer)
                trainer.fit(cli.model, datamodule=cli.datamodule, ckpt_path=ckpt_path, weights_only=True)
    except (ConfigError, DataError, NetworkError, CheckpointError, resume.ResumeError) as error:
        return user_error(error, None if applied else decision)
    except SaveFailedError as error:
        tell_error(error)
        return EXIT_FAILURE
    except LostProcessError as error:
        print(f"train.py: {error}", file=sys.stderr)  # which names this process where it is not the first
        return EXIT_FAILURE
    except TrainingInterrupted as stop:
        return say_how_to_go_on(stop)
    return say_what_stands(trainer)


def complete_killed_save(cli: "TrainCLI", decision: resume.Decision) -> None:
    """Where a save was killed between its names, give it the others, with which it is what a whole one leaves."""
    from callbacks import complete_save

    if not (isinstance(decision, resume.Resume) and decision.completes_save and resume.is_first_process()):
        return
    found, settings = decision.checkpoint, cli.config.checkpoint
    try:
        complete_save(
            found.path, found.epoch if found.epoch_done else None, settings.every_n_epochs, settings.keep_last
        )
    except OSError as error:
        raise resume.ResumeError(
            resume.text("{path}: cannot be written ({reason}).").format(path=error.filename, reason=error.strerror)
        ) from error


def check(cli: "TrainCLI", arguments: resume.Arguments, decision: resume.Decision) -> RunEntry | None:
    """See that data, network, settings and checkpoint fit; return the run entry of the checkpoint that is resumed."""
    from launch.checks import check_settings
    from launch.loading import load_for_resume

    cli.datamodule.check(every_gt=has_new_data(cli, decision), progress=say_now_and_then())
    cli.model.check(cli.datamodule.example_image())
    check_settings(cli)
    if not isinstance(decision, resume.Resume):
        return None
    resume.say(f"Loading checkpoint from {decision.path}...")
    resumed = load_for_resume(decision.path, cli.model)
    resume.refuse_other_data(decision.path, resumed, data_of(cli), arguments.typed)
    resume.refuse_other_optimizer(decision.path, resumed, cli.config_text())
    return resumed


def is_finished(cli: "TrainCLI", decision: resume.Resume, resumed: RunEntry) -> bool:
    """Whether the resumed run has nothing left to train; if so, that is said."""
    return resume.is_finished(decision.path, resumed, cli.config.trainer.max_epochs, cli.config.trainer.max_steps)


def say_now_and_then() -> Callable[[int, int], None]:
    """Report a check of many files every few seconds; one of few files says nothing."""
    said = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said > SECONDS_BETWEEN_REPORTS:
            said = time.monotonic()
            resume.say(resume.text("Checking the data: {done} of {total} pairs").format(done=done, total=total))

    return report


def data_of(cli: "TrainCLI") -> DataPaths:
    """Where the data come from, as configured."""
    data = cli.config.data
    return DataPaths(data.image_path, data.gt_path, data.val_image_path, data.val_gt_path)


def has_new_data(cli: "TrainCLI", decision: resume.Decision) -> bool:
    """Whether the run has not been trained on these data yet, so that every file is looked at."""
    if not isinstance(decision, resume.Resume):
        return True
    before = decision.checkpoint
    return (before.image_path, before.gt_path) != (cli.config.data.image_path, cli.config.data.gt_path)


def build(
    cli: "TrainCLI", arguments: resume.Arguments, decision: resume.Decision, resumed: RunEntry | None
) -> "Trainer":
    """The trainer with the callbacks that write the run's files."""
    from callbacks import AtomicCheckpointIO, CheckpointFiles, EpochBar, Interrupt, RunState, TrainingHistory
    from launch.cli import as_config_error
    from launch.conditions import device_line, git_commit, machine, versions
    from launch.loading import require_reader

    folder, monitored = str(decision.checkpoint_dir), cli.config.checkpoint
    ckpt_path = str(decision.path) if isinstance(decision, resume.Resume) else ""
    entry = RunEntry(
        run_id=uuid.uuid4().hex if resumed is None else resumed.run_id,
        data=data_of(cli),
        config=cli.config_text(),
        resumed_from=None if resumed is None else ResumedFrom(resumed.run_id, ckpt_path, resumed.global_step),
        class_mapping=cli.datamodule.class_mapping,
        versions=versions(),
        git_commit=git_commit(),
        job=resume.job_of(arguments.ckpt_path),
    )
    bars = [] if cli.config.trainer.enable_progress_bar is False else [EpochBar(monitored.monitor)]
    with as_config_error():
        callbacks = [
            *bars,
            RunState(entry, cli.seed, folder),
            TrainingHistory(folder, monitored.monitor, monitored.mode, resume.resolve_language(cli.config.lang)),
            CheckpointFiles(folder, **monitored),
            Interrupt(folder),
        ]
    trainer = cli.build_trainer(callbacks, AtomicCheckpointIO())
    if resumed is not None:
        require_reader(Path(ckpt_path), trainer.strategy)
        resume.name_other_conditions(resumed, entry.versions, machine(trainer))
    resume.say(resume.text("Device: {device}").format(device=device_line(trainer.strategy.root_device)))
    data = (
        resume.text("Data: {data}")
        if cli.config.data.image_path
        else resume.text("Data: {data}. For your own: --image_path FOLDER --gt_path FOLDER")
    )
    resume.say(data.format(data=cli.datamodule.describe()))
    return trainer


def say_how_to_go_on(stop: "TrainingInterrupted") -> int:
    """After a signal: what was saved and the command that goes on; returns the exit code."""
    resume.say(
        resume.text("Interrupted in epoch {epoch}/{wanted}: saved {file} (step {step}). Resume with:").format(
            epoch=stop.epoch, wanted=stop.max_epochs, file=stop.saved, step=stop.global_step
        )
    )
    resume.say(f"  {resume.command_to_resume(stop.saved)}")
    return resume.requeue() if stop.asks_for_requeue else stop.exit_code


def say_what_stands(trainer: "Trainer") -> int:
    """The last lines: best score, files, the command to use next, and what was not saved; returns the exit code."""
    from callbacks import CheckpointFiles

    files = next(callback for callback in trainer.checkpoint_callbacks if isinstance(callback, CheckpointFiles))
    resume.say(resume.plural("Done: {count} epoch.", "Done: {count} epochs.", trainer.current_epoch))
    if files.best_score is not None:
        resume.say(
            resume.text("Best: epoch {epoch}, {metric} {score:.4f}").format(
                epoch=files.best_epoch, metric=files.monitor, score=files.best_score
            )
        )
    for name in ("best_model.pth", "latest_checkpoint.pth", "training_history.png"):
        if (files.folder / name).exists():
            resume.say(f"  {files.folder / name}")
    latest = files.folder / "latest_checkpoint.pth"
    if latest.exists():
        command = resume.command_to_train_on(latest, trainer.current_epoch)
        resume.say(resume.text("To train on: {command}").format(command=command))
    if not files.failed or not resume.is_first_process():
        return 0
    said = resume.plural(
        "{count} save failed, the last one in", "{count} saves failed, the last one in", len(files.failed)
    )
    print(f"train.py: {said} {files.failed[-1]}", file=sys.stderr)
    return EXIT_FAILURE


def user_error(error: Exception, decision: resume.Decision | None = None) -> int:
    """One clear message; after N and y also that every file is still in place."""
    tell_error(error)
    if isinstance(decision, resume.StartOver):
        print(resume.text("No file was deleted."), file=sys.stderr)
    return EXIT_USER_ERROR


def tell_error(error: Exception) -> None:
    """Say what is wrong; of several processes, also where: it may be wrong on one machine only."""
    where = "" if resume.is_first_process() else f" ({resume.process_name()})"
    print(f"train.py{where}: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
