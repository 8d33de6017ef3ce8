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
        """Write the checkpoint, or leave the file of the save before it as it is.

        Raises:
            OSError: The system refused: no room, a quota, a faulty disk, a file that is open on Windows.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with staged(target) as temporary, temporary.open("wb") as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:
                # What torch 2.14 makes of a write that the system refused: "unexpected pos 704 vs 598".
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from error
                raise
