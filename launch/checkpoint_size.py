"""How large a checkpoint of a run will be, before the run has one: its state is put together with small tensors."""

import io
from collections import OrderedDict
from contextlib import suppress
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn

from callbacks import RunState
from callbacks.finding import callbacks_of
from launch.cli import TrainCLI
from launch.first_save import callback_states
from lit_modules import expected_optimizer_state
from resume.checkpoints.saved_run import append_run
from resume.system.errors import UnreadableError

_LOOPS = 2**12  # bytes of Lightning's counts


class _SmallCopy:
    """A copy of a state in which each tensor has one element; counts the bytes that it leaves out.

    Tensors that share their memory share it in the copy too, as torch saves them.

    Args:
        precision: The type of all weights in the trainer.
    """

    def __init__(self, precision: torch.dtype) -> None:
        self.left_out = 0
        self._precision = precision
        self._small: dict[int, Tensor] = {}
        self._kept: list[Tensor] = []  # so that no number of a storage is given twice

    def of(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, dict):
            return (OrderedDict if isinstance(value, OrderedDict) else dict)((k, self.of(v)) for k, v in value.items())
        if type(value) in (list, tuple):
            return type(value)(map(self.of, value))
        return value

    def _tensor(self, tensor: Tensor) -> Tensor:
        if tensor.layout != torch.strided:
            return tensor
        storage = tensor.untyped_storage()
        if storage._cdata not in self._small:
            is_cast = tensor.dtype == torch.float32 and tensor.ndim > 0
            dtype = self._precision if is_cast else tensor.dtype
            self._small[storage._cdata] = torch.zeros(1, dtype=dtype)
            self._kept.append(tensor)
            self.left_out += storage.nbytes() * dtype.itemsize // tensor.dtype.itemsize - dtype.itemsize
        return self._small[storage._cdata]


def checkpoint_size(cli: TrainCLI, trainer: Trainer) -> int:
    """Estimate the size of a checkpoint in bytes: right within a few per cent.

    What a callback or the module adds while a checkpoint is being saved is not in it, but for averaged weights.
    """
    copy = _SmallCopy(_precision(trainer))
    weights = copy.of(cli.model.state_dict())
    state = {
        "state_dict": weights,
        "optimizer_states": [copy.of(expected_optimizer_state(cli.model))],
        "callbacks": {name: copy.of(state) for name, state in callback_states(trainer)},
        type(cli.datamodule).__qualname__: copy.of(cli.datamodule.state_dict()),
        "hyper_parameters": [copy.of(dict(part.hparams)) for part in (cli.model, cli.datamodule)],
    }
    if callbacks_of(trainer, WeightAveraging):
        state["current_model_state"] = copy.of({name: value.clone() for name, value in cli.model.state_dict().items()})
    file = io.BytesIO()
    torch.save(state, file)
    for one in callbacks_of(trainer, RunState):
        with suppress(UnreadableError):
            append_run(file, one.entry)
    return len(file.getvalue()) + copy.left_out + _LOOPS


def _precision(trainer: Trainer) -> torch.dtype:
    """The type that weights of 32 bits get in the trainer."""
    (weight,) = trainer.precision_plugin.convert_module(nn.Linear(1, 1, bias=False)).parameters()
    return weight.dtype


def checkpoints_kept(cli: TrainCLI) -> int:
    """How many checkpoints of different content a run has on the disk at once, the one that is being written included.

    The names latest and best are links to an epoch file as a rule. Latest is not within an epoch; best is not once its
    epoch file is gone.
    """
    files, epochs = cli.config.checkpoint, cli.config.trainer.max_epochs
    made = None if epochs in (None, -1) else epochs // files.every_n_epochs
    if made is not None and files.every_n_epochs == 1 and not 0 < files.keep_last < made and _validates_at_ends(cli):
        return int(made) + 1
    limits = [limit for limit in (files.keep_last or None, made) if limit is not None]
    return 3 + min(limits, default=0)  # unknown for a run without end that keeps all epoch files


def _validates_at_ends(cli: TrainCLI) -> bool:
    """Whether each validation is at the end of an epoch."""
    return cli.config.trainer.val_check_interval in (None, 1.0)
