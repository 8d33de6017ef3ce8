"""Drawn sets of numbered objects and of classes: which of them are told apart, and that none is taken for the other."""

from collections.abc import Callable

import numpy as np
import pytest

from datamodules.data_errors import DataError
from datamodules.gt.objects import Kind, Pieces, kind_of, measure
from datamodules.gt.structure import GtStructure
from tests.helpers.drawn_gt import Generator, Map, cells, decided, disc, organs, regions

DRAWS = 8


def reading_of(maps: list[Map]) -> str:
    try:
        return decided(maps).reading
    except DataError:
        return "doubt"


def several(rng: Generator, draw: Callable[[Generator], Map], least: int = 3, most: int = 9) -> list[Map]:
    return [draw(rng) for _ in range(rng.integers(least, most))]


def crop(rng: Generator) -> Map:
    top, left = rng.integers(0, 60, 2)
    return cells(rng, 30, 140)[top : top + 80, left : left + 80]


def liver(rng: Generator) -> Map:
    row, column = rng.uniform(40, 56, 2)
    labels = np.where(disc(96, row, column, rng.uniform(15, 30)), 1, 0)
    for _ in range(rng.integers(0, 4)):
        labels[disc(96, rng.normal(row, 6), rng.normal(column, 6), rng.uniform(2, 5))] = 2
    return labels.astype(np.uint8)


def heart(rng: Generator) -> Map:
    row, column = rng.uniform(40, 56, 2)
    radius, slice_ = rng.uniform(6, 16), rng.random()
    labels = np.zeros((96, 96), np.uint8)
    if slice_ < 0.8:
        labels[disc(96, row, column - 1.3 * radius, radius * rng.uniform(0.6, 1.1), 1.4)] = 1
    labels[disc(96, row, column, radius)] = 2
    if slice_ > 0.1:
        labels[disc(96, row, column, radius * rng.uniform(0.5, 0.75))] = 3
    return labels


OBJECTS: dict[str, Callable[[Generator], list[Map]]] = {
    "cells": lambda rng: several(rng, lambda rng: cells(rng, int(rng.integers(3, 21)))),
    "crops of larger maps": lambda rng: several(rng, crop),
    "numbers that go on over the files": lambda rng: [cells(rng, 5, first=1 + 6 * number) for number in range(6)],
}
CLASSES: dict[str, Callable[[Generator], list[Map]]] = {
    "a street": lambda rng: several(
        rng, lambda rng: regions(rng, rng.choice(np.arange(1, 13), 6, replace=False).tolist())
    ),
    "all of five": lambda rng: several(rng, lambda rng: regions(rng, rng.permutation(np.arange(1, 6)).tolist())),
    "organs": lambda rng: several(rng, lambda rng: organs(rng, (14, 3, 4, 6, 10)), 4, 12),
    "a liver with tumours": lambda rng: several(rng, liver, 6, 12),
    "slices of a heart": lambda rng: several(rng, heart, 6, 16),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_numbered_objects_are_never_taken_for_classes(name: str) -> None:
    found = [reading_of(OBJECTS[name](np.random.default_rng([draw, 1]))) for draw in range(DRAWS)]
    assert "values" not in found
    assert found.count("nonzero") >= DRAWS - 1, found


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_never_taken_for_objects(name: str) -> None:
    found = [reading_of(CLASSES[name](np.random.default_rng([draw, 2]))) for draw in range(DRAWS)]
    assert "nonzero" not in found
    assert found.count("values") >= DRAWS - 1, found


# --- where each threshold lies

COUNTING = Pieces(areas=20, single=1.0, counts=[5, 4, 6, 5], consecutive=1.0, by_value=0.2, f=1.0, distinct=6)
SCATTERED = COUNTING._replace(single=0.7)
GAPS = COUNTING._replace(consecutive=0.5)  # objects of the crop of a larger map, or classes of which some are absent
ANYTHING = COUNTING._replace(single=0.1)  # classes, unless another rule says otherwise


@pytest.mark.parametrize(
    ("pieces", "change", "before", "other", "after"),
    [
        (COUNTING, {"by_value": 0.49}, Kind.OBJECTS, {"by_value": 0.5}, Kind.CLASSES),
        (COUNTING, {"consecutive": 0.9}, Kind.OBJECTS, {"consecutive": 0.89}, Kind.UNCLEAR),
        (COUNTING, {"counts": [1, 2, 4]}, Kind.OBJECTS, {"counts": [1, 2, 3]}, Kind.UNCLEAR),
        (COUNTING, {"counts": [7, 7, 7]}, Kind.CLASSES, {"counts": [8, 8, 8]}, Kind.UNCLEAR),
        (GAPS, {"f": 2.4}, Kind.UNCLEAR, {"f": 2.5}, Kind.CLASSES),
        (GAPS, {"distinct": 18}, Kind.UNCLEAR, {"distinct": 19}, Kind.OBJECTS),
        (GAPS, {"areas": 7, "distinct": 7}, Kind.UNCLEAR, {"areas": 8, "distinct": 8}, Kind.OBJECTS),
        (GAPS, {"counts": [7, 6]}, Kind.UNCLEAR, {"counts": [8, 6]}, Kind.OBJECTS),
        (GAPS, {"counts": [8, 6], "single": 0.89}, Kind.UNCLEAR, {"counts": [8, 6], "single": 0.9}, Kind.OBJECTS),
        (GAPS, {"counts": [4, 2]}, Kind.UNCLEAR, {"counts": [3, 2]}, Kind.CLASSES),
        (SCATTERED, {"single": 0.5}, Kind.OBJECTS, {"single": 0.49}, Kind.CLASSES),
        (SCATTERED, {"counts": [4, 5, 6, 4, 5]}, Kind.OBJECTS, {"counts": [4, 5, 4, 5]}, Kind.CLASSES),
        (SCATTERED, {"counts": [4, 5, 3, 6]}, Kind.OBJECTS, {"counts": [4, 5, 3]}, Kind.CLASSES),
        (SCATTERED, {"counts": [4] * 6 + [5, 6, 7, 8]}, Kind.OBJECTS, {"counts": [4] * 7 + [5, 6, 7]}, Kind.CLASSES),
    ],
)  # fmt: skip
def test_a_measure_decides_up_to_its_threshold(
    pieces: Pieces, change: dict[str, object], before: Kind, other: dict[str, object], after: Kind
) -> None:
    found = [kind_of([], pieces._replace(**one), pieces.distinct, False) for one in (change, other)]  # type: ignore[arg-type]
    assert found == [before, after]


def test_more_than_64_numbers_are_objects_if_most_are_one_piece() -> None:
    assert [kind_of([], GAPS, distinct, True) for distinct in (64, 65)] == [Kind.CLASSES, Kind.OBJECTS]
    scattered = GAPS._replace(single=0.79)
    assert kind_of([], scattered, 65, False) is Kind.CLASSES
    assert kind_of([], scattered._replace(single=0.8), 65, False) is Kind.OBJECTS


def test_areas_are_compared_by_value_from_two_areas_a_value_on() -> None:
    def file(*values: int) -> GtStructure:
        ones = (1,) * len(values)
        return GtStructure(values, ones, tuple(10 * value for value in values), ones, ones, ones)

    assert measure([file(1, 2, 3), file(1, 2, 3)], int).by_value == 1
    assert measure([file(1, 2, 3), file(1, 2)], int).by_value is None


def painted(first: int = 10, higher: int = 4, beside: int = 4, open_: int = 4, largest: int = 20) -> list[GtStructure]:
    """Objects in two colours: pieces of each, how many of the higher one lie beside the lower one and touch a 0."""
    both = GtStructure((1, 2), (first, higher), (10 * first, 40), (largest, 10), (first, open_), (0, beside))
    return [both] * 4


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        (painted(first=5), painted(first=4, higher=3, beside=3, open_=3, largest=10)),
        (painted(beside=3), painted(beside=2)),
        (painted(first=20, higher=10, beside=10, open_=9), painted(first=20, higher=10, beside=10, open_=8)),
        (painted(largest=40), painted(largest=41)),
    ],
)
def test_objects_are_painted_apart_up_to_each_threshold(inside: list[GtStructure], outside: list[GtStructure]) -> None:
    assert kind_of(inside, ANYTHING, 2, False) is Kind.PAINTED
    assert kind_of(outside, ANYTHING, 2, False) is Kind.CLASSES


def test_more_than_8_colours_do_not_only_keep_objects_apart() -> None:
    found = [kind_of(painted(), ANYTHING, distinct, False) for distinct in (8, 9)]
    assert found == [Kind.PAINTED, Kind.CLASSES]


def nested(files: int = 3, reaching: int = 5, enclosed: int = 1) -> list[GtStructure]:
    """Two values of ten pieces a file; of each, so many reach a 0."""
    return [GtStructure((1, 2), (10, 10), (500, 100), (99, 20), (reaching, enclosed), (0, 9))] * files


@pytest.mark.parametrize("outside", [nested(files=2), nested(reaching=4), nested(enclosed=2)])
def test_a_value_that_lies_in_another_is_a_class_from_each_threshold_on(outside: list[GtStructure]) -> None:
    assert kind_of(nested(), COUNTING, 65, False) is Kind.CLASSES
    assert kind_of(outside, COUNTING, 65, False) is Kind.OBJECTS
