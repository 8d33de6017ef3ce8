"""Loading the checkpoint that a run is resumed from, and seeing that it fits, before anything is touched."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy, Strategy

from callbacks.loaded_storages import LoadedStorages
from launch.state_form import wrong_parts
from resume.checkpoints.newest import refusal
from resume.checkpoints.paths import content_file, place_of
from resume.checkpoints.run_entry import RunEntry
from resume.checkpoints.shard_table import read_table
from resume.checkpoints.verification import read_run, require_intact, saved_storages
from resume.run_files import CONFIG
from resume.system.output import ExplainedError, one_line, text

Shapes = dict[str, tuple[int, ...]]
_SHOWN_PROBLEMS = 5
_FEW = 64  # elements of a tensor that may be a count or a number of the optimizer


class CheckpointError(ExplainedError):
    """A checkpoint that a run cannot be resumed from; the message says why."""


class UnloadableError(CheckpointError):
    """A checkpoint that does not load, whatever it is to be used for.

    Attributes:
        path: The checkpoint.
        reason: Why, in a few words.
    """

    def __init__(self, message: str, path: Path, reason: str) -> None:
        super().__init__(message)
        self.path = path
        self.reason = reason


class Loaded(NamedTuple):
    """What was read of a checkpoint.

    Attributes:
        path: The checkpoint.
        run: Its run entry.
        shapes: The shapes of its weights.
        not_finite: The names of those with NaN or infinity, unless it is a folder of shards.
        optimizer: The state of its optimizer, with tensors that have no memory but for small ones; None in a folder
            of shards.
        states: All that it holds besides weights and the state of the optimizer.
    """

    path: Path
    run: RunEntry
    shapes: Shapes
    not_finite: list[str]
    optimizer: dict[str, Any] | None
    states: Mapping[str, Any]


def load_for_resume(path: Path) -> Loaded:
    """Load a checkpoint whole, and compare its checksums, in the file and in memory. Nothing in it is executed.

    Raises:
        UnloadableError: The checkpoint does not load, or is not of this program.
    """
    checkpoint, run = _read(path)
    is_folder = place_of(path).is_dir()
    needed = ["loops", "callbacks", *([] if is_folder else ["state_dict", "optimizer_states"])]
    missing = [key for key in needed if not isinstance(checkpoint, dict) or key not in checkpoint]
    if missing:
        said = text("{path} cannot be resumed from: it has no {missing}. Use a checkpoint that train.py has saved.")
        names = ", ".join(missing)
        raise UnloadableError(
            said.format(path=path, missing=names), path, text("it has no {missing}").format(missing=names)
        )
    wrong = next(wrong_parts(checkpoint, run), None)
    if wrong is not None:
        reason = text("wrong or missing entry: {entry}").format(entry=one_line(wrong))
        raise UnloadableError(refusal(path, reason), path, reason)
    weights = checkpoint.get("state_dict", {})
    shapes = _shapes_of_shards(place_of(path)) if is_folder else _shapes(weights)
    states = {key: value for key, value in checkpoint.items() if key not in ("state_dict", "optimizer_states")}
    optimizers = _without_memory(checkpoint.get("optimizer_states", []))
    return Loaded(path, run, shapes, _not_finite(weights), optimizers[0] if optimizers else None, states)


def _read(path: Path) -> tuple[Any, RunEntry]:
    try:
        require_intact(path)  # torch.load does not compare checksums, and looks at no cost
        run = read_run(path)
        compared = LoadedStorages(saved_storages(path), lambda storage, _: storage)
        checkpoint = torch.load(content_file(path), map_location=compared, weights_only=True)
        compared.require_all()
    except Exception as error:  # damaged content can fail in any way
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise UnloadableError(refusal(path, reason), path, reason) from error
    return checkpoint, run


def require_fit(loaded: Loaded, module: LightningModule) -> None:
    """See that a checkpoint fits the network.

    Args:
        loaded: The checkpoint.
        module: The module that will take the weights; it is not changed.

    Raises:
        CheckpointError: The checkpoint holds other weights than the network, or weights that are not finite; frozen
            weights and buffers may be, if those of a new network are.
    """
    problems = _differences(loaded.shapes, _shapes(module.state_dict()))
    if problems:
        said = text(
            "{path} does not fit the network ({count} of its tensors): {problems}. Use the settings of the run that "
            "saved it (its {config}), or another checkpoint."
        )
        shown = "; ".join(problems[:_SHOWN_PROBLEMS])
        raise CheckpointError(said.format(path=loaded.path, count=len(problems), problems=shown, config=CONFIG))
    frozen = module.state_dict()
    for name, weight in module.named_parameters():
        if weight.requires_grad:
            frozen.pop(name, None)
    wrong = sorted(set(loaded.not_finite) - set(_not_finite(frozen)))
    if wrong:
        raise CheckpointError(
            refusal(loaded.path, text("its weights are not finite ({name})").format(name=one_line(wrong[0])))
        )


def require_reader(path: Path, strategy: Strategy) -> None:
    """See that the strategy can read the form of a checkpoint.

    Raises:
        CheckpointError: The checkpoint is a folder of shards, and the strategy reads files only.
    """
    if place_of(path).is_dir() and not isinstance(strategy, FSDPStrategy | ModelParallelStrategy):
        said = text(
            "{path} is a folder of shards; only --trainer.strategy fsdp or model_parallel can resume from it. "
            "To make one file of it: python -m lightning.pytorch.utilities.consolidate_checkpoint {path}"
        )
        raise CheckpointError(said.format(path=path))


def _without_memory(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value if value.numel() <= _FEW else torch.empty_like(value, device="meta")
    if isinstance(value, dict):
        return {key: _without_memory(item) for key, item in value.items()}
    return [_without_memory(item) for item in value] if isinstance(value, list) else value


def _shapes(tensors: dict[str, torch.Tensor]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _shapes_of_shards(folder: Path) -> Shapes:
    """The shapes of the weights, which FSDP saves as `model`, and Lightning's other strategies as `state_dict`."""
    saved = {name.partition("."): shape for name, shape in read_table(folder).shapes.items()}
    return {name: shape for (first, _, name), shape in saved.items() if first in ("model", "state_dict")}


def _not_finite(tensors: dict[str, torch.Tensor]) -> list[str]:
    floats = {name: one for name, one in tensors.items() if one.is_floating_point() or one.is_complex()}
    return [name for name, one in floats.items() if not one.isfinite().all()]


def _differences(saved: Shapes, wanted: Shapes) -> list[str]:
    texts = [text("{name} is missing").format(name=one_line(name)) for name in wanted if name not in saved]
    texts += [text("{name} is not in the network").format(name=one_line(name)) for name in saved if name not in wanted]
    for name in wanted.keys() & saved.keys():
        if saved[name] != wanted[name]:
            said = text("{name} has shape {saved}, expected {wanted}")
            texts.append(said.format(name=one_line(name), saved=saved[name], wanted=wanted[name]))
    return sorted(texts)
