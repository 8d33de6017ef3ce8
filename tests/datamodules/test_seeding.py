import random

import numpy as np
import torch

from datamodules.seeding import all_seeded, mix, torch_seeded


def test_mix_is_the_same_on_every_system_and_differs_from_key_to_key() -> None:
    assert mix(0, "order", 3) == 8244215730568551301
    assert len({mix(0, 1), mix(1, 0), mix(0, 1, 0), mix("0", 1), mix(1, 1)}) == 5


def test_random_numbers_depend_on_the_key() -> None:
    def draw(key: int) -> tuple[float, float, float]:
        with all_seeded(key):
            return torch.rand(()).item(), random.random(), float(np.random.rand())

    assert draw(1) == draw(1)
    assert all(a != b for a, b in zip(draw(1), draw(2), strict=True))


def test_the_global_generators_are_restored_after_the_block() -> None:
    def draw() -> tuple[float, float, float]:
        return torch.rand(()).item(), random.random(), float(np.random.rand())

    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    expected = [draw(), draw()]
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    actual = [draw()]
    with all_seeded(1), torch_seeded(2):
        draw()
    assert [*actual, draw()] == expected
