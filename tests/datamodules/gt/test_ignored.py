import pytest

from datamodules.gt.ignored import Void, ignored_of, void_of


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 5, 15, 255], Void.IGNORED),  # three of the classes of VOC
        ([0, 7, 11, 255], Void.IGNORED),
        ([0, 7, 11, 26, 33, 255], Void.IGNORED),  # a street scene
        ([*range(19), 255], Void.IGNORED),
        ([0, 1, 65535], Void.IGNORED),
        ([*range(0, 183, 2), 255], Void.IGNORED),
        ([0, 26, 255], Void.UNCLEAR),
        ([0, 40, 255], Void.UNCLEAR),
        ([0, 50, 255], Void.CLASS),  # grey levels
        ([0, 128, 255], Void.CLASS),
        ([0, 32, 64, 96, 128, 159, 191, 223, 255], Void.CLASS),
        ([*range(0, 255, 8), 255], Void.CLASS),
        ([*range(0, 251, 10), 255], Void.CLASS),
        ([0, 255], Void.CLASS),
        ([0, 1, 2], Void.CLASS),
        ([0, 1, 254], Void.CLASS),
    ],
)
def test_the_largest_number_beside_small_ones_is_ignored(values: list[int], expected: Void) -> None:
    assert void_of(values) is expected


def test_negative_numbers_are_ignored() -> None:
    assert ignored_of([-2, -1, 0, 1]) == [-2, -1]
    assert ignored_of([-1, 0, 1, 2, 255]) == [-1, 255]
    assert ignored_of([0, 128, 255]) == []
