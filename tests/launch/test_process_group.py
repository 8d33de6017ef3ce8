"""Launches that cannot train together are refused before any process is started."""

from pathlib import Path

import pytest
from lightning.pytorch import Trainer

from launch.process_group import ProcessGroup
from resume import Fresh, ResumeError
from resume.system.launch_info import SHELL, Launch


@pytest.mark.parametrize(
    ("settings", "launch", "message"),
    [
        ({"devices": 2, "strategy": "ddp_spawn"}, SHELL, "DDPStrategy forks or spawns its processes. Use ddp."),
        ({"devices": 2, "num_nodes": 2, "strategy": "ddp"}, SHELL, "MASTER_ADDR is not set"),
        ({"devices": 1}, Launch.from_environment({"WORLD_SIZE": "2"}), "2 processes were started"),
    ],
    ids=["multiprocessing", "one machine of two", "each process for itself"],
)
def test_a_launch_that_cannot_train_together_is_refused(
    tmp_path: Path, settings: dict[str, object], launch: Launch, message: str
) -> None:
    quiet: dict[str, object] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(accelerator="cpu", **quiet, **settings)  # type: ignore[arg-type]
    with pytest.raises(ResumeError, match=message), ProcessGroup(trainer, Fresh(tmp_path), launch):
        pass
