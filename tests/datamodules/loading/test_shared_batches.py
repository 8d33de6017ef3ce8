import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from datamodules.loading import shared_batches
from datamodules.loading.shared_batches import small_memory_line, stack
from tests.helpers.small_memory import with_shared_memory

ROOT = Path(__file__).parents[3]

# One batch is 1 MB.
LOADING = """
import sys, torch
from torch.utils.data import DataLoader, Dataset
from datamodules.loading.pair_loader import PairLoader
from launch.lost_workers import lost_worker
class Numbers(Dataset):
    def __len__(self):
        return 6
    def __getitem__(self, index):
        return torch.full((3, 128, 256), float(index)), torch.full((128, 256), index)
def stacked_as_usual(samples):
    return [torch.stack(tensors) for tensors in zip(*samples)]
def load(collate_fn):
    loader = PairLoader(Numbers(), None, batch_size=2, num_workers=2, pin_memory=False)
    loader.collate_fn = collate_fn or loader.collate_fn
    for image, target in loader:
        assert image.shape == (2, 3, 128, 256) and target.shape == (2, 128, 256)
        print(image[:, 0, 0, 0].tolist(), target[:, -1, -1].tolist())
load(None)
try:
    load(stacked_as_usual)
except RuntimeError as error:
    print(lost_worker(error, num_workers=2))
"""


@pytest.mark.slow
def test_workers_hand_over_batches_without_shared_memory_and_end_if_they_cannot() -> None:
    """The shared memory holds the semaphores of the workers, but no batch."""
    command = with_shared_memory("256k", [sys.executable, "-c", LOADING])
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environ, timeout=100, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    *batches, message = done.stdout.splitlines()
    assert batches == [f"[{i}.0, {i + 1}.0] [{i}, {i + 1}]" for i in (0, 2, 4)]
    assert message.startswith("A data worker could not hand over a batch: shared memory (/dev/shm) is full.")


class Pieces(Dataset[torch.Tensor]):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.full((index, 2), index, dtype=torch.int64)


@pytest.mark.parametrize("has_anonymous_memory", [True, False])
def test_a_worker_stacks_as_torch_does_in_memory_that_is_shared(
    monkeypatch: pytest.MonkeyPatch, has_anonymous_memory: bool
) -> None:
    if not has_anonymous_memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    for index, batch in enumerate(DataLoader(Pieces(), num_workers=1, collate_fn=stack, batch_size=1)):
        assert torch.equal(batch, torch.full((1, index, 2), index, dtype=torch.int64))
        assert batch.is_shared() or not batch.numel()


def test_a_small_shared_memory_is_named_with_what_the_batches_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_batches, "_free_shared_memory", lambda: 64_000_000)
    assert small_memory_line(1_000_000, batch_size=8, num_workers=2) is None
    assert small_memory_line(1_000_000, batch_size=8, num_workers=0) is None
    said = small_memory_line(1_000_001, batch_size=8, num_workers=2)
    assert said is not None
    assert said.startswith("Shared memory (/dev/shm) has 64 MB free, less than the 64 MB of")
    monkeypatch.setattr(shared_batches, "_free_shared_memory", lambda: None)
    assert small_memory_line(10**12, batch_size=8, num_workers=2) is None
