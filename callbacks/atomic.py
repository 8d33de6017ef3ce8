"""Checkpoints that are either the old one or the new one, whole, at every moment."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from typing_extensions import override

from resume.durable import staged


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints through `staged`. Lightning's own stages in $TMPDIR, where a kill leaves half a file in place."""

    @override
    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None
    ) -> None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with staged(target) as temporary, temporary.open("wb") as file:
            torch.save(checkpoint, file)
