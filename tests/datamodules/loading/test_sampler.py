import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from datamodules.loading.sampler import EpochSampler, Position

BEGINNING = Position()


def indices(
    n: int,
    batch_size: int = 4,
    epoch: int = 0,
    rank: int = 0,
    world_size: int = 1,
    start: Position = BEGINNING,
) -> list[int]:
    sampler = EpochSampler(TensorDataset(torch.arange(n)), 0, batch_size, rank, world_size, start)
    sampler.set_epoch(epoch)
    pairs = list(sampler)
    assert {at for at, _ in pairs} <= {epoch}
    return [index for _, index in pairs]


def test_each_epoch_has_every_sample_once_in_its_own_order() -> None:
    assert sorted(indices(20)) == list(range(20))
    assert indices(20, epoch=3) == indices(20, epoch=3)
    assert indices(20, epoch=3) != indices(20, epoch=4)


def test_the_order_is_the_same_on_every_system() -> None:
    assert indices(6, epoch=2) == [2, 3, 4, 1, 5, 0]


@pytest.mark.parametrize("done", [0, 4, 12, 18])
def test_the_first_epoch_begins_after_the_done_samples(done: int) -> None:
    assert indices(20, epoch=2, start=Position(2, done, 20)) == indices(20, epoch=2)[done:]
    assert indices(20, epoch=3, start=Position(2, done, 20)) == indices(20, epoch=3)


def test_without_set_epoch_it_begins_in_the_epoch_of_the_position() -> None:
    sampler = EpochSampler(TensorDataset(torch.arange(4)), 0, 2, start=Position(5, 2, 4))
    assert [epoch for epoch, _ in sampler] == [5, 5]


@pytest.mark.parametrize(("n", "batch_size", "sizes"), [
    (20, 8, [8, 8, 4]), (17, 8, [8, 8]), (18, 8, [8, 8, 2]), (3, 1, [1, 1, 1]), (1, 8, [1]),
])  # fmt: skip
def test_a_short_batch_is_kept_unless_it_holds_a_single_sample(n: int, batch_size: int, sizes: list[int]) -> None:
    dataset = TensorDataset(torch.arange(n))
    sampler = EpochSampler(dataset, 0, batch_size)
    loader = DataLoader(dataset, batch_size, sampler=sampler, collate_fn=len)
    sampler_keys = [len(list(batch)) for batch in loader.batch_sampler or []]
    assert sampler_keys == sizes
    assert len(loader) == len(sizes)


def test_the_sample_that_is_left_out_differs_from_epoch_to_epoch() -> None:
    left_out = {(set(range(17)) - set(indices(17, 8, epoch))).pop() for epoch in range(20)}
    assert len(left_out) > 5


@pytest.mark.parametrize("done", [0, 8])
def test_ranks_share_an_epoch_evenly(done: int) -> None:
    start = Position(1, done, 22)
    shares = [indices(22, 2, 1, rank, 4, start) for rank in range(4)]
    together = [index for step in zip(*shares, strict=True) for index in step]
    order = indices(22, 2, 1)
    assert together == order[done : done + len(together)]
    assert len(together) >= 22 - done - 2 * 4


@pytest.mark.parametrize("n", [20, 21, 23])
@pytest.mark.parametrize("done", [0, 4, 8, 12])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 7, 32])
def test_after_a_change_of_batch_size_the_epoch_ends_at_the_usual_batch_number(
    n: int, done: int, batch_size: int
) -> None:
    sampler = EpochSampler(TensorDataset(torch.arange(n)), 0, batch_size, start=Position(0, done, n))
    whole = len(DataLoader(sampler.dataset, batch_size, sampler=sampler))
    rest = -(-len(list(sampler)) // batch_size)
    assert sampler.first_batch(0) + rest == whole
    assert sampler.position(0, sampler.first_batch(0)).samples_done == done
    assert sampler.position(0, sampler.first_batch(0) + 1).samples_done == min(done + batch_size, n)
    assert sampler.first_batch(1) == 0


@pytest.mark.parametrize("before", [3, 19, 21, 100])
def test_with_another_number_of_samples_the_epoch_starts_again(before: int) -> None:
    assert indices(20, epoch=2, start=Position(2, 2, before)) == indices(20, epoch=2)


@pytest.mark.parametrize("n", [40, 41, 43])
@pytest.mark.parametrize("sizes", [(2, 1, 2), (1, 2, 1), (4, 1, 3), (3, 2, 4)])
@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_with_another_number_of_processes_no_sample_is_repeated_or_missed(
    n: int, sizes: tuple[int, ...], batch_size: int
) -> None:
    seen: list[int] = []
    start = Position(1, 0, n)
    for number, world_size in enumerate(sizes):
        shares = [indices(n, batch_size, 1, rank, world_size, start) for rank in range(world_size)]
        done = 2 * batch_size if number < len(sizes) - 1 else n  # two batches, or the rest
        seen += [index for share in shares for index in share[:done]]
        sampler = EpochSampler(TensorDataset(torch.arange(n)), 0, batch_size, 0, world_size, start)
        start = sampler.position(1, sampler.first_batch(1) + 2)
    assert len(seen) == len(set(seen))
    assert n - len(seen) <= 2 * sizes[-1] - 1  # the uneven rest, and single samples of a last batch
