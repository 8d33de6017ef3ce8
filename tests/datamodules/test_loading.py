import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.loading import STOP_SIGNALS, PairLoader


class SignalledItself(Dataset[tuple[Tensor, Tensor]]):
    """Sends its own process each stop signal before it answers."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        for name in STOP_SIGNALS:
            if hasattr(signal, name):
                os.kill(os.getpid(), getattr(signal, name))
        return torch.zeros(3, 2, 2), torch.full((2, 2), index)


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process that is sent SIGTERM")
@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_workers_outlive_stop_signals(start_method: str) -> None:
    loader = PairLoader(SignalledItself(), None, batch_size=1, num_workers=1, pin_memory=False)
    loader.multiprocessing_context = start_method
    assert [target.unique().tolist() for _, target in loader] == [[0], [1]]


def test_an_epoch_draws_nothing_from_the_global_generator() -> None:
    class Zeros(Dataset[tuple[Tensor, Tensor]]):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
            return torch.zeros(3, 2, 2), torch.zeros(2, 2)

    loader = PairLoader(Zeros(), None, batch_size=1, num_workers=0, pin_memory=False)
    torch.manual_seed(3)
    expected = torch.rand(())
    torch.manual_seed(3)
    list(loader)
    assert torch.rand(()) == expected


def test_a_program_ends_by_itself_while_workers_wait_for_work() -> None:
    program = """
import sys
from datamodules import PairedImages
if __name__ == "__main__":
    data = PairedImages(None, None, num_workers=1, sample_pairs=8, image_size=8, batch_size=2)
    sys.kept_to_the_end = iter(data.train_dataloader())
    next(sys.kept_to_the_end)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, timeout=60, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
