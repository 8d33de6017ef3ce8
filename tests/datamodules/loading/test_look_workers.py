"""Work in processes: results in order, and no process is left when one of them is lost."""

import multiprocessing
import os

import pytest
from torch.utils.data import Dataset

from datamodules.loading.look_workers import in_workers


class Numbers(Dataset[int]):
    """Work that ends its process at the first index."""

    def __init__(self, count: int, *, is_deadly: bool = False) -> None:
        self.count, self.is_deadly = count, is_deadly

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> int:
        if index == 0 and self.is_deadly:
            os._exit(3)
        return -index


@pytest.mark.parametrize("count", [0, 1, 200])
def test_results_come_in_the_order_of_the_indices(count: int) -> None:
    assert list(in_workers(Numbers(count), 2)) == [-index for index in range(count)]
    assert multiprocessing.active_children() == []


def test_no_process_is_left_when_one_is_lost_although_the_error_is_kept() -> None:
    with pytest.raises(RuntimeError, match="DataLoader worker") as error:
        list(in_workers(Numbers(500, is_deadly=True), 2))
    assert multiprocessing.active_children() == [], error.value
