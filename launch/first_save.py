"""Whether a run could be resumed: its configuration and the state of its first checkpoint are read back beforehand."""

import io
import zipfile
from argparse import ArgumentError
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch
import yaml
from lightning.pytorch import Callback, Trainer
from torch import Tensor
from torch.nn import Parameter

from callbacks.finding import callbacks_of
from launch.cli import TrainCLI
from launch.config_errors import ConfigError
from lit_modules import states_after_a_step
from resume.checkpoints.pickle_check import require_harmless
from resume.checkpoints.zip_form import read_directory, require_form
from resume.configuration import flat
from resume.system.errors import UnreadableError
from resume.system.output import text

State = tuple[str, Any]


def require_resumable(cli: TrainCLI, trainer: Trainer, config: str) -> None:
    """See that a resume of this run would get the same configuration, and could read its checkpoints (0.2 s).

    The state is that before training, and of the optimizer that after a step with a small weight. Tensors are left out.

    Args:
        cli: The configuration and what it has built.
        trainer: The trainer with all callbacks.
        config: The configuration as the run will save it.

    Raises:
        ConfigError: It would not; the message names what is wrong.
    """
    _require_known_archive()
    _require_same_configuration(cli, config)
    for name, state in _states(cli, trainer):
        culprit = _culprit(name, _without_tensors(state))
        if culprit is not None:
            place, value = culprit
            raise ConfigError(
                text(
                    "{place} is of the class {name}, which no resume could read: a checkpoint holds tensors, numbers, "
                    "texts, and lists, tuples and dicts of them. Save it as one of these, for example str(path), "
                    "float(number) or the attributes that matter."
                ).format(place=place, name=f"{type(value).__module__}.{type(value).__qualname__}")
            )


def _require_known_archive() -> None:
    """See that torch, as it is set, writes archives of the one form that a resume accepts, with their checksums."""
    file = io.BytesIO()
    torch.save({"weight": torch.ones(1)}, file)
    try:
        require_form(file, read_directory(file, file.tell()))
        with zipfile.ZipFile(file) as archive:
            is_known = archive.testzip() is None
    except UnreadableError:
        is_known = False
    if not is_known:
        raise ConfigError(
            text(
                "torch {version} writes checkpoints that no resume would accept: their archives have another form than "
                "those of torch 2.9 to 2.14, or no checksums (torch.serialization.set_crc32_options). Use such a "
                "version, with checksums."
            ).format(version=torch.__version__)
        )


def _require_same_configuration(cli: TrainCLI, written: str) -> None:
    try:
        read = cli.config_text(cli.parser.parse_args(["--config", written]))
    except ArgumentError as error:
        raise ConfigError(text("A resume could not read this configuration: {reason}").format(reason=error)) from error
    if read == written:
        return
    before, after = (flat(yaml.safe_load(config)) for config in (written, read))
    changed = next(key for key in [*before, *after] if before.get(key, "-") != after.get(key, "-"))
    raise ConfigError(
        text(
            "{key} is {before!r}, but a resume would read it as {after!r}. Use another value, or give it a type."
        ).format(key=changed, before=before.get(changed), after=after.get(changed))
    )


def _states(cli: TrainCLI, trainer: Trainer) -> Iterator[State]:
    """What a checkpoint will hold, each with a name for messages."""
    yield "model: state_dict()", cli.model.state_dict()
    for part in (cli.model, cli.datamodule):
        yield f"{type(part).__name__}: save_hyperparameters()", dict(part.hparams)
    yield f"{type(cli.datamodule).__name__}: state_dict()", cli.datamodule.state_dict()
    yield from states_after_a_step(cli.model)
    for name, state in callback_states(trainer):
        yield f"{name}: state_dict()", state


def callback_states(trainer: Trainer) -> Iterator[State]:
    """The states of the callbacks, each with the name of its class; some have none before training begins."""
    for callback in callbacks_of(trainer, Callback):
        with suppress(Exception):
            yield type(callback).__name__, callback.state_dict()


def _without_tensors(value: Any) -> Any:
    """The same structure with a number in place of each plain tensor, so that nothing large is copied."""
    if type(value) in (Tensor, Parameter):
        return 0
    if type(value) in (dict, OrderedDict):
        return {key: _without_tensors(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_without_tensors, value))
    return value


def _culprit(place: str, value: Any) -> State | None:
    """The innermost part that cannot be read back, with its place; None if all can."""
    if _is_read_back(value):
        return None
    parts: Iterator[State] = iter(())
    if isinstance(value, dict):
        parts = ((f"{place}[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        parts = ((f"{place}[{number}]", item) for number, item in enumerate(value))
    return next(filter(None, (_culprit(*part) for part in parts)), (place, value))


def _is_read_back(value: Any) -> bool:
    """Whether torch reads what it has saved, with the same care as a checkpoint."""
    file = io.BytesIO()
    try:
        torch.save(value, file)
        with zipfile.ZipFile(file) as archive:
            pickles = [name for name in archive.namelist() if name.endswith(".pkl")]
            require_harmless(archive.read(pickles[0]))
        file.seek(0)
        torch.load(file, weights_only=True)
    except Exception:  # noqa: BLE001 - an object can refuse to be saved or read in any way
        return False
    return True
