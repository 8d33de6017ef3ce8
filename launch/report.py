"""What a start prints about its setup and its end. Imports nothing slow: an end may come before that."""

import time
from typing import TYPE_CHECKING

import resume
from resume.commands import command_to_resume
from resume.limits import Limits, limit_text, progress_text, way_beyond
from resume.run_files import BEST, HISTORY_PNG, LATEST
from resume.system.launch_info import Launch
from resume.system.output import ExplainedError, complain, plural, say, text
from resume.system.requeue import requeue
from resume.system.signals import Stopped, not_stopped

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from callbacks import CheckpointFiles, TrainingInterrupted
    from resume.checkpoints.run_entry import RunEntry

_SECONDS_BETWEEN_REPORTS = 5.0
_EXIT_FAILURE = 1


class CheckProgress:
    """Reports a check of many files every few seconds; a check that takes less prints nothing."""

    def __init__(self) -> None:
        self._reported = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Report that `done` of `total` pairs were checked, if a report is due."""
        if time.monotonic() - self._reported > _SECONDS_BETWEEN_REPORTS:
            self._reported = time.monotonic()
            say(text("Checking the data: {done} of {total} pairs").format(done=done, total=total))


def report_error(error: ExplainedError, launch: Launch, *, no_file_was_deleted: bool) -> int:
    """Print one clear message.

    Args:
        error: What went wrong.
        launch: Of several processes, the message names this one: the cause may exist on one machine only.
        no_file_was_deleted: Whether the user confirmed a deletion that has not begun.

    Returns:
        The exit code.
    """
    process = "" if launch.is_first else f" ({launch.process_name})"
    complain(f"train.py{process}: {error}")
    if no_file_was_deleted:
        complain(text("No file was deleted."))
    return error.exit_code


def report_early_stop(stop: Stopped, launch: Launch) -> int:
    """Report a signal that came before training; returns the exit code."""
    if launch.is_first:
        complain("\n" + text("Interrupted before training began."))
    return requeue(launch) if stop.asks_for_requeue else stop.exit_code


def report_return(decision: resume.Decision) -> None:
    """Bring back what the run had set aside and has not replaced, and report it. No error hides how the run ended."""
    try:
        with not_stopped():
            done = resume.end(decision)
    except resume.ResumeError as error:
        complain(f"train.py: {error}")
    else:
        for line in done:
            say(line)


def report_interruption(stop: "TrainingInterrupted", launch: Launch) -> int:
    """Report what a stop in training saved, and the command that continues; returns the exit code."""
    if stop.saved is None:
        said = text("Interrupted in epoch {epoch}/{wanted} (step {step}): this start has made no whole step to save.")
        say(said.format(epoch=stop.epoch, wanted=stop.max_epochs, step=stop.global_step))
        return stop.exit_code
    if stop.is_by_time:
        said = text(
            "The time limit of trainer.max_time or a Timer is reached, in epoch {epoch}/{wanted}: "
            "saved {file} (step {step})."
        )
        said += " " + text("Resume with:")
    else:
        said = text("Interrupted in epoch {epoch}/{wanted}: saved {file} (step {step}). Resume with:")
    say(said.format(epoch=stop.epoch, wanted=stop.max_epochs, file=stop.saved, step=stop.global_step))
    say(f"  {command_to_resume(stop.saved)}")
    return requeue(launch) if stop.asks_for_requeue else stop.exit_code


def report_run(trainer: "Trainer", files: "CheckpointFiles", launch: Launch) -> int:
    """Report the end of a run: best score, files, the command to continue, and what was not saved.

    Returns:
        The exit code: 1 if a save failed.
    """
    run = files.saved_run
    _report_end(trainer, run)
    if files.best_score is not None:
        say(
            text("Best: epoch {epoch}, {metric} {score:.4f}").format(
                epoch=files.best_epoch, metric=files.monitor, score=files.best_score
            )
        )
    elif files.score is not None and not files.saves.failed:
        say(text("No best model: {metric} was NaN in all validations.").format(metric=files.monitor))
    for name in (BEST, LATEST, HISTORY_PNG):
        if (files.folder / name).exists():
            say(f"  {files.folder / name}")
    if run is not None and run.ended_by:
        limits = Limits.of(run.config)
        say(way_beyond(text("To train for longer: {command}"), files.folder / LATEST, limits, limits.reached(run)))
    if not files.saves.failed or not launch.is_first:
        return 0
    _report_failed_saves(files)
    return _EXIT_FAILURE


def _report_failed_saves(files: "CheckpointFiles") -> None:
    """Report the saves that failed, and what of the training is not on the disk."""
    failed, run = files.saves.failed, files.saved_run
    said = plural("{count} save failed, the last one in", "{count} saves failed, the last one in", len(failed))
    complain(f"train.py: {said} {failed[-1]}")
    if files.saves.reason is None:
        return
    lost = text("Nothing that this start has trained is saved.")
    if run is not None:
        lost = text("What was trained after epoch {epoch}, step {step} is not saved.")
        lost = lost.format(epoch=run.epoch, step=run.global_step)
    complain(lost)


def _report_end(trainer: "Trainer", run: "RunEntry | None") -> None:
    """Report how far the run came and why it ended, as its last checkpoint has it."""
    if run is None or not run.ended_by:  # a trial, which saves nothing; or the last save failed
        say(plural("Done: {count} epoch.", "Done: {count} epochs.", trainer.current_epoch))
        if trainer.should_stop and trainer.global_step == 0:
            say(text("A callback stopped the training before its first step: nothing was trained."))
        return
    done = run.epoch if run.epoch_done else run.epoch - 1
    say(plural("Done: {count} epoch.", "Done: {count} epochs.", done))
    say(text("Ended by {limit}: {progress}.").format(limit=limit_text(run.ended_by), progress=progress_text(run)))
    if run.ended_by == "early_stopping":
        reasons = [getattr(one, "stopping_reason_message", None) for one in trainer.callbacks]  # type: ignore[attr-defined]
        say("\n".join(f"  {reason}" for reason in reasons if reason))
