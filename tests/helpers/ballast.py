"""A callback that a configuration can name, to fill a small disk while a run trains."""

from pathlib import Path
from typing import Any, ClassVar

import torch
from lightning.pytorch import Callback


class Ballast(Callback):
    """Makes each checkpoint heavier by a megabyte, and fills the disk when epoch `full_from` (from 1) begins."""

    full_from: ClassVar[int | None] = None
    disk: ClassVar[Path] = Path()

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint["weight"] = torch.zeros(250_000)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch + 1 == self.full_from:
            (self.disk / "ballast").write_bytes(bytes(2_600_000))
