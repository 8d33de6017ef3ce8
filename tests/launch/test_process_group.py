"""Launches that cannot train together are refused before any process is started."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightning.pytorch import Trainer
from typing_extensions import override

from launch.peers import Peers
from launch.process_group import LostProcessError, ProcessGroup
from resume import Fresh, ResumeError
from resume.system.launch_info import SHELL, Launch
from resume.system.signals import STOP_SIGNALS, stop_at_once

QUIET: dict[str, object] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}


@pytest.fixture
def handlers() -> Iterator[None]:
    """Gives the signals their handlers again, which a program that ends leaves ignored."""
    before = {signum: signal.getsignal(signum) for signum in STOP_SIGNALS}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


class Missing(Peers):
    """A process is lost, and the launcher, which has noticed it too, ends this one."""

    @override
    def lost(self) -> list[int]:
        signal.raise_signal(signal.SIGTERM)
        return [1]


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
    trainer = Trainer(accelerator="cpu", **QUIET, **settings)  # type: ignore[arg-type]
    with pytest.raises(ResumeError, match=message), ProcessGroup(trainer, Fresh(tmp_path), {}, launch):
        pass


@pytest.mark.usefixtures("handlers")
def test_a_lost_process_is_named_also_if_its_launcher_ends_this_one_meanwhile(tmp_path: Path) -> None:
    trainer = Trainer(accelerator="cpu", devices=1, **QUIET)  # type: ignore[arg-type]
    group = ProcessGroup(trainer, Fresh(tmp_path), {}, SHELL)
    group._peers = Missing(0, [])
    with pytest.raises(LostProcessError, match="Process 1 of this launch has ended"), stop_at_once(), group:
        raise RuntimeError("gloo: the connection is closed")
