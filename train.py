"""Train a network on paired images and ground truth: choose, build, check, make way, fit.

python train.py --image_path Data/images --gt_path Data/gt
"""

import contextlib
import importlib
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import resume
from launch.parent import end_with_parent
from launch.report import report_early_stop, report_error, report_interruption, report_return, report_run
from resume.flags import everyday_help
from resume.run_files import LOCK
from resume.system.exit_now import exit_now
from resume.system.launch_info import Launch
from resume.system.lock import FolderLock
from resume.system.output import (
    ExplainedError,
    open_missing_streams,
    resolve_language,
    set_language,
    set_silent,
)
from resume.system.signals import Stopped, hold_back_requeue_signal, not_stopped, stop_at_once

if TYPE_CHECKING:  # torch and Lightning take seconds to import; the menu does not wait for them
    from launch.cli import TrainCLI
    from launch.trust import Settled

_IMPORTS = "imports"  # the name of a thread


@dataclass
class Start:
    """One start of the program, and how far it has come.

    Attributes:
        launch: What started it.
        decision: What it does; None before that was decided.
        applied: Whether `apply` has begun; before that, no file was touched.
    """

    launch: Launch
    decision: resume.Decision | None = None
    applied: bool = False


def main(argv: list[str]) -> int:
    """Run the program and return its exit code."""
    start = Start(Launch.from_environment())
    if start.launch.in_slurm_job:
        hold_back_requeue_signal()
    open_missing_streams()
    set_silent(not start.launch.is_first)
    try:
        # Training itself stops at its next step instead.
        with stop_at_once(in_slurm_job=start.launch.in_slurm_job):
            end_with_parent(start.launch)
            return run(argv, start)
    except ExplainedError as error:
        is_untouched = isinstance(start.decision, resume.StartOver) and not start.applied
        return report_error(error, start.launch, no_file_was_deleted=is_untouched)
    except Stopped as stop:
        exit_code = report_early_stop(stop, start.launch)
        if any(thread.name == _IMPORTS for thread in threading.enumerate()):
            exit_now(exit_code)
        return exit_code


def run(argv: list[str], start: Start) -> int:
    """Choose, with the slow imports behind the menu, then train; returns the exit code."""
    arguments = resume.read_arguments(argv, start.launch)
    if arguments.wants_help:
        print(everyday_help(), flush=True)
    imports = threading.Thread(target=import_what_is_slow, name=_IMPORTS, daemon=True)
    decision = start.decision = resume.choose(arguments, on_waiting=imports.start)
    if isinstance(decision, resume.Quit):
        exit_now(0)  # without waiting for the imports in the background
    settled = settle(arguments, start)
    if imports.ident is not None:
        imports.join()  # two threads that import the same packages see incomplete modules
    return train_from_what_loads(arguments, settled, start)


def settle(arguments: resume.Arguments, start: Start) -> "Settled":
    """Decide whose classes may be imported and built, before anything is."""
    from launch.trust import settle

    assert start.decision is not None
    settled = settle(arguments, start.decision)
    start.decision = settled.decision
    if isinstance(settled.decision, resume.Quit):
        exit_now(0)
    return settled


def train_from_what_loads(arguments: resume.Arguments, settled: "Settled", start: Start) -> int:
    """Train; where the newest checkpoint was to be taken and torch does not load it, from the next one."""
    from launch.loading import UnloadableError

    refused: dict[Path, str] = {}
    while True:
        decision = settled.decision
        try:
            return train(arguments, settled, start)
        except UnloadableError as error:
            if not (isinstance(decision, resume.Resume) and decision.is_newest):
                raise
            refused[error.path] = error.reason
            start.decision = resume.choose(arguments, refused=refused)
            settled = settle(arguments, start)


def import_what_is_slow() -> None:
    """Import while the user reads the menu. A failure is repeated, and reported, when `train` imports the same."""
    with contextlib.suppress(Exception):
        importlib.import_module("launch.building")


def train(arguments: resume.Arguments, settled: "Settled", start: Start) -> int:
    """Build, check, make way, fit; nothing is deleted or moved before every check has passed."""
    from callbacks import TrainingInterrupted
    from launch.building import build_trainer, fit
    from launch.checkpoint_size import checkpoint_size, checkpoints_kept
    from launch.checks import check, is_finished, load
    from launch.cli import TrainCLI
    from launch.data_report import check_data
    from launch.data_scan import keep_scan, take_scan
    from launch.facts import find_facts
    from launch.first_look import first_look
    from launch.process_group import ProcessGroup
    from launch.quiet import quiet
    from launch.scores import with_other_scores

    quiet()
    decision = settled.decision
    run = decision.checkpoint if isinstance(decision, resume.Resume) else None
    cli = TrainCLI(
        arguments.for_lightning(decision, settled.configs),
        wants_help=arguments.wants_help,
        run_config=None if run is None else run.config,
        run_loggers=None if run is None else run.loggers,
    )
    set_language(resolve_language(cli.config.lang))  # on a resume, the run's own
    if arguments.check_data:
        return check_data(cli, start.launch, decision.checkpoint_dir)
    if cli.is_trial:
        return try_training(cli, arguments, decision)
    try:
        with FolderLock(decision.checkpoint_dir / LOCK, break_lock=arguments.break_lock) as lock:
            take_scan(cli, decision.checkpoint_dir)
            loaded = load(cli, decision)
            with first_look(cli.config.trainer.plugins, decision, start.launch) as look:
                find_facts(cli, look)
                cli.build()
                resumed = check(cli, arguments, loaded, look)
            if isinstance(decision, resume.Resume) and is_finished(cli, decision, resumed):
                if decision.completes_save:
                    make_way(cli, start, lock)
                return 0
            decision = start.decision = with_other_scores(cli, decision, resumed)
            trainer, files = build_trainer(cli, arguments, decision, resumed)
            size = checkpoint_size(cli, trainer)
            decision = start.decision = resume.require_space(decision, size, checkpoints_kept(cli))
            with ended(start), ProcessGroup(trainer, decision, look.found, start.launch) as processes:
                processes.first_does(lambda: make_way(cli, start, lock))
                processes.first_does(lambda: keep_scan(cli, decision.checkpoint_dir))
                fit(trainer, cli, decision)
    except TrainingInterrupted as stop:
        return report_interruption(stop, start.launch)
    return report_run(trainer, files, start.launch)


def try_training(cli: "TrainCLI", arguments: resume.Arguments, decision: resume.Decision) -> int:
    """A trial (`fast_dev_run`): check everything and train a few batches from the start; nothing is written."""
    from launch.building import build_trainer, fit
    from launch.checks import check, load
    from launch.facts import find_facts
    from launch.first_look import first_look
    from launch.process_group import ProcessGroup

    loaded = load(cli, decision)
    with first_look(cli.config.trainer.plugins, decision, arguments.launch) as look:
        find_facts(cli, look)
        cli.build()
        check(cli, arguments, loaded, look)
    trainer, files = build_trainer(cli, arguments, decision, resumed=None)
    with ProcessGroup(trainer, decision, look.found, arguments.launch):
        fit(trainer, cli, resume.Fresh(decision.checkpoint_dir))
    return report_run(trainer, files, arguments.launch)


def make_way(cli: "TrainCLI", start: Start, lock: FolderLock) -> None:
    """Carry out the decision under the run's lock, after every check has passed."""
    assert start.decision is not None
    with not_stopped():
        lock.take()
        start.applied = True
        settings = cli.config.checkpoint
        resume.apply(start.decision, every_n_epochs=settings.every_n_epochs, keep_last=settings.keep_last)


@contextlib.contextmanager
def ended(start: Start) -> Iterator[None]:
    """However the block ends: if the run has saved nothing, the files that made way for it come back."""
    try:
        yield
    finally:
        if start.applied and start.decision is not None:
            report_return(start.decision)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
