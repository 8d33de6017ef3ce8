"""A tiny real run whose model two processes share, as a program: python sharded_run.py FOLDER EPOCHS [CHECKPOINT].

FSDP needs a GPU in Lightning 2.6; ModelParallelStrategy, which saves in the same form, runs on CPUs too.
"""

import sys
from pathlib import Path
from typing import Any

from lightning.pytorch.strategies import ModelParallelStrategy
from torch.distributed.fsdp import fully_shard

from tests.helpers.stopping import SignalAtStep
from tests.helpers.tiny import ScriptedScores, run_state
from tests.helpers.tiny import train as train_tiny


class Sharded(ScriptedScores):
    def configure_model(self) -> None:
        mesh = self.device_mesh
        assert mesh is not None
        fully_shard(self.network, mesh=mesh["data_parallel"])


def main(folder: Path, epochs: int, ckpt_path: Path | None, stop_at: int | None) -> None:
    strategy = ModelParallelStrategy(data_parallel_size=2, tensor_parallel_size=1, process_group_backend="gloo")
    settings: dict[str, Any] = {"devices": 2, "strategy": strategy}
    scores = [0.1 * epoch for epoch in range(1, epochs + 1)]
    train_tiny(
        folder,
        scores,
        ckpt_path=ckpt_path,
        callbacks=[] if stop_at is None else [SignalAtStep(stop_at)],
        state=run_state(folder),
        module=Sharded,
        trainer_settings=settings,
    )


if __name__ == "__main__":
    given = dict(zip(("folder", "epochs", "ckpt_path", "stop_at"), [*sys.argv[1:], "", ""], strict=False))
    main(
        Path(given["folder"]),
        int(given["epochs"]),
        Path(given["ckpt_path"]) if given["ckpt_path"] else None,
        int(given["stop_at"]) if given["stop_at"] else None,
    )
