"""Where the loggers of a configuration write, and under which id or version: what nobody typed is decided here."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import count
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from uuid import uuid4

from jsonargparse import Namespace
from lightning.fabric.loggers.tensorboard import _TENSORBOARD_AVAILABLE, _TENSORBOARDX_AVAILABLE
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from resume.run_files import LOGS

# The arguments of loggers that name their folder; null means the folder of the run.
FOLDERS = ("save_dir", "root_dir")
_MADE_HERE = ("id", "experiment_key")  # a service takes any new one
_MADE_THERE = ("run_id", "version")
_LONGEST_KEY = 120
_PLAIN_NAME = re.compile(r"[\w-][\w.-]*")
_MLFLOW_FOLDER = "mlruns"  # MLflow takes every folder beside its own for an experiment


def default_logger() -> str:
    """The class of `trainer.logger true`, as Lightning chooses it."""
    return "TensorBoardLogger" if _TENSORBOARD_AVAILABLE or _TENSORBOARDX_AVAILABLE else "CSVLogger"


def logger_keys(config: Namespace) -> list[str]:
    """A name for each logger of the configuration: its class, with a number from the second of a class on."""
    return [key for key, _ in _keyed(_as_list(config.trainer.logger))]


def settled(config: Namespace, kept: Mapping[str, str]) -> Any:
    """The setting `trainer.logger` with a folder, and an id or version, for each logger that has none.

    Args:
        config: The configuration; it is not changed, so that a run can move to another folder.
        kept: The ids and versions of the run so far, by `logger_keys`. They come from a checkpoint: what is not a plain
            name, and could lead to another folder, counts as none.
    """
    kept = {key: value for key, value in kept.items() if _PLAIN_NAME.fullmatch(value)}
    setting = deepcopy(config.trainer.logger)
    taken = set(kept.values())
    for key, logger in _keyed(_as_list(setting)):
        arguments = logger.get("init_args")
        if not arguments:
            continue
        unset = [name for name in FOLDERS if name in arguments and arguments[name] is None]
        for name in unset:
            arguments[name] = str(Path(config.checkpoint_dir, LOGS, _MLFLOW_FOLDER if "run_id" in arguments else ""))
        names = [name for name in (*_MADE_HERE, *_MADE_THERE) if name in arguments]
        if not names or any(arguments[name] is not None for name in names):
            continue
        if key in kept:
            arguments[names[0]] = kept[key]
        elif names[0] in _MADE_HERE:
            arguments[names[0]] = uuid4().hex
        elif unset and _numbers_its_folders(logger.class_path):
            arguments[names[0]] = next(name for number in count() if (name := f"version_{number}") not in taken)
            taken.add(arguments[names[0]])
    return setting


def _numbers_its_folders(class_path: str) -> bool:
    logger_class = resolve_name(class_path)
    return isinstance(logger_class, type) and issubclass(logger_class, CSVLogger | TensorBoardLogger)


def _as_list(setting: Any) -> list[Any]:
    return setting if isinstance(setting, list) else [setting]


def _keyed(loggers: list[Any]) -> Iterator[tuple[str, Namespace]]:
    seen: list[str] = []
    for logger in loggers:
        if isinstance(logger, Namespace):
            name = logger.class_path[-_LONGEST_KEY:]
            seen.append(name)
            number = seen.count(name)
            yield (name if number == 1 else f"{name}-{number}"), logger
