import numpy as np
import pytest

from datamodules.gt.structure import structure

MAP = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 5, 5, 5, 0, 9, 0],
        [0, 5, 2, 5, 0, 0, 9],
        [0, 5, 5, 5, 0, 0, 0],
        [0, 0, 0, 0, 2, 0, 5],
    ]
)


def test_pieces_are_counted_by_value_with_what_they_touch() -> None:
    found = structure(MAP)
    assert found.values == (2, 5, 9)
    assert found.pieces == (2, 2, 1)  # corners connect
    assert found.areas == (2, 9, 2)
    assert found.largest == (1, 8, 2)
    assert found.open == (1, 2, 1)  # a 2 lies within the 5
    assert found.above == (0, 1, 0)


def test_ignored_values_are_neither_object_nor_background() -> None:
    found = structure(np.where(MAP == 5, 255, MAP), frozenset({255}))
    assert found.values == (2, 9)
    assert found.open == (1, 1)
    assert structure(np.full((3, 3), 7)).open == (0,)
    assert structure(np.zeros((3, 3), np.uint16)).values == ()


@pytest.mark.parametrize("step", [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)])
def test_a_piece_touches_each_of_its_eight_neighbours(step: tuple[int, int]) -> None:
    around = np.full((3, 3), 255)
    around[1, 1] = 2
    for neighbour, touches in ((0, (1, 0)), (1, (0, 1))):
        around[1 + step[0], 1 + step[1]] = neighbour
        found = structure(around, frozenset({255}))
        assert (found.open[-1], found.above[-1]) == touches
