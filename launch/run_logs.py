"""The loggers of a run begin to write: each continues its log where the run is resumed."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.cloud_io import _is_local_file_protocol
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger

from callbacks import RunState
from callbacks.finding import callbacks_of
from launch.csv_log import ContinuedWriter
from launch.each_point_once import EachPointOnce
from launch.wandb_log import points_on_disk
from resume.checkpoints.paths import is_logs, run_of_logs
from resume.decision import Decision, Resume
from resume.run_files import LOGS, LOGS_MARK
from resume.system.durable_files import staged
from resume.system.errors import ResumeError
from resume.system.output import say, text

_LONGEST_ID = 200


def check_logs(loggers: Sequence[Logger], checkpoint_dir: Path) -> None:
    """Check that the loggers can write.

    Raises:
        ResumeError: They cannot, or the folder that the program would use for them is not the program's.
    """
    logs = checkpoint_dir / LOGS
    if loggers and os.path.lexists(logs) and not is_logs(logs):
        raise ResumeError(
            text(
                "{folder} is not of this program, which would keep the logs of a run under that name. Rename it, or "
                "choose another --checkpoint_dir."
            ).format(folder=logs)
        )
    for logger in loggers:
        folder = logger.save_dir
        if folder is None or not _is_local_file_protocol(folder):
            continue
        path = Path(folder).absolute()
        existing = next(part for part in (path, *path.parents) if os.path.lexists(part))
        if not existing.is_dir() or not os.access(existing, os.W_OK):
            reason = text("{path} is not a folder") if not existing.is_dir() else text("{path} is write-protected")
            raise ResumeError(
                text("{logger}: cannot write to {folder} ({reason}). Choose another save_dir.").format(
                    logger=type(logger).__name__, folder=folder, reason=reason.format(path=existing)
                )
            )


def open_logs(trainer: Trainer, keys: Sequence[str], decision: Decision) -> None:
    """Let the loggers begin or continue their logs; in the first process, when training is about to begin.

    Args:
        trainer: The trainer.
        keys: The names of its loggers in the run entry, from `logger_keys`.
        decision: What this start does; it is carried out already.

    Raises:
        ResumeError: A logger cannot begin.
    """
    if not trainer.loggers or trainer.fast_dev_run or not trainer.is_global_zero:  # type: ignore[attr-defined]
        return
    state = callbacks_of(trainer, RunState)[0]
    folder = decision.checkpoint_dir / LOGS
    step = decision.checkpoint.global_step if isinstance(decision, Resume) else 0
    ids = dict(state.entry.loggers)
    for key, logger in zip(keys, trainer.loggers, strict=True):
        try:
            _make_folder(folder, state.entry.run_id, decision)
            _begin(logger, folder / f".{key}.json", step)
        except Exception as error:
            reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            said = text("{logger}: cannot begin to log ({reason}).")
            raise ResumeError(said.format(logger=type(logger).__name__, reason=reason)) from error
        found = _id_of(logger)
        if found is not None:
            ids[key] = found
    state.entry = replace(state.entry, loggers=ids)


def _make_folder(folder: Path, run_id: str, decision: Decision) -> None:
    """Make the folder of the logs, with the run's mark in it; of an archived run that continues here, a copy."""
    if is_logs(folder):
        return
    source = decision.path.parent / LOGS if isinstance(decision, Resume) else None
    with staged(folder) as temporary:
        temporary.mkdir(parents=True)
        (temporary / LOGS_MARK).write_text(f"{run_id}\n", encoding="ascii", newline="")
        if source is not None and run_of_logs(source) == run_id:
            shutil.copytree(source, temporary, ignore=_links, dirs_exist_ok=True)


def _links(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if Path(folder, name).is_symlink()]


def _begin(logger: Logger, note: Path, step: int) -> None:
    takes_back = _take_back(logger, step)
    copies = note.with_suffix(".jsonl") if isinstance(logger, WandbLogger) else None
    once = EachPointOnce(logger.log_metrics, note, step, takes_back=takes_back, copies=copies)
    _ = logger.experiment if hasattr(logger, "experiment") else None
    if isinstance(logger, WandbLogger) and once.count:
        _continue_count(logger, once)
    logger.log_metrics = once  # type: ignore[method-assign]
    place = logger.log_dir or logger.save_dir or ""
    say(text("{logger} writes to {place}").format(logger=type(logger).__name__, place=place))
    if once.held_back_until is not None:
        said = text(
            "{logger} cannot take back the points of steps {first} to {last}, which are logged already: they are not "
            "logged again."
        )
        say(said.format(logger=type(logger).__name__, first=step, last=once.held_back_until))


def _continue_count(logger: WandbLogger, once: EachPointOnce) -> None:
    """Continue W&B's own count of points, which would begin at 0 again: in the service, no two starts may overlap."""
    folder, run_id = Path(logger.save_dir or "."), str(logger.version)
    begun = max(logger.experiment.step, points_on_disk(folder, run_id))
    logger.experiment.log({}, step=begun, commit=False)
    once.repeat(begun)


def _take_back(logger: Logger, step: int) -> bool:
    """Take back the points of this step and of later ones; returns whether the logger can do that."""
    if not isinstance(logger, CSVLogger | TensorBoardLogger) or not _is_local_file_protocol(logger.log_dir):
        return False
    if isinstance(logger, CSVLogger):
        logger._experiment = ContinuedWriter(logger.log_dir, step)
    elif any(Path(logger.log_dir).glob("events.out.tfevents.*")):
        # Readers drop the points of earlier files from this step on.
        logger._kwargs["purge_step"] = step
        logger._default_hp_metric = logger._default_hp_metric and step == 0  # it is logged under step 0 only
    return True


def _id_of(logger: Logger) -> str | None:
    version: Any = logger.version
    if isinstance(version, int) and isinstance(logger, CSVLogger | TensorBoardLogger):
        version = f"version_{version}"
    return None if version is None or len(str(version)) > _LONGEST_ID else str(version)
