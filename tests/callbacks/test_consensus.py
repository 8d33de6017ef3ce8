import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch

from callbacks import consensus
from callbacks.consensus import MOST_CALLS, Consensus


class Group:
    """Stands for a strategy of two processes, which are threads here; counts the collectives."""

    world_size = 2
    root_device = torch.device("cpu")

    def __init__(self) -> None:
        self._meeting = threading.Barrier(2, timeout=10)
        self._given: list[torch.Tensor] = []
        self.collectives = 0

    def reduce(self, values: torch.Tensor, reduce_op: str) -> torch.Tensor:
        assert reduce_op == "max"
        self._given.append(values)
        if self._meeting.wait() == 0:
            self.collectives += 1
        highest = torch.stack(self._given[-2:]).max(dim=0).values
        self._meeting.wait()
        return highest


def in_two_processes(group: Group, calls: Callable[[int, Consensus], list[int]]) -> list[list[int]]:
    answers: list[list[int]] = [[], []]

    def one(rank: int) -> None:
        answers[rank] = calls(rank, Consensus(group))  # type: ignore[arg-type]

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return answers


def test_a_single_process_has_its_result_at_once() -> None:
    class Single:
        world_size = 1

    common = Consensus(Single())  # type: ignore[arg-type]
    assert [common.highest(number) for number in (0, 15, 0)] == [0, 15, 0]


def test_all_processes_hear_of_a_signal_in_the_same_call() -> None:
    group = Group()

    def calls(rank: int, common: Consensus) -> list[int]:
        return [common.highest(15 if rank == 1 and call >= 5 else 0) for call in range(60)]

    first, other = in_two_processes(group, calls)
    assert first == other
    heard = first.index(15)
    assert 5 <= heard <= 5 + MOST_CALLS


def test_fast_steps_exchange_rarely() -> None:
    group = Group()
    in_two_processes(group, lambda _, common: [common.highest(0) for _ in range(10 * MOST_CALLS)])
    assert group.collectives <= 12


def test_slow_steps_exchange_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consensus, "SECONDS", 0.0)  # as if each step took longer than that
    group = Group()
    in_two_processes(group, lambda _, common: [common.highest(0) for _ in range(20)])
    assert group.collectives == 20


def test_the_slowest_process_decides_the_next_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group()

    def calls(rank: int, common: Consensus) -> list[int]:
        steps = 1 if rank == 1 else MOST_CALLS
        monkeypatch.setattr(common, "_calls_until_next", lambda: steps)
        return [common.highest(0) for _ in range(20)]

    in_two_processes(group, calls)
    assert group.collectives == 20


def test_an_exchange_can_be_asked_for_where_calls_change_their_pace() -> None:
    group = Group()

    def calls(rank: int, common: Consensus) -> list[int]:
        answers: list[Any] = [common.highest(0) for _ in range(3)]
        common.exchange_next()
        return [*answers, common.highest(2 + rank)]

    assert [answers[-1] for answers in in_two_processes(group, calls)] == [3, 3]
