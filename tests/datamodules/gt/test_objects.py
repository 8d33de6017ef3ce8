"""Drawn sets of numbered objects and of classes: which of them are told apart, and that none is taken for the other."""

from collections.abc import Callable

import numpy as np
import pytest

from datamodules.data_errors import DataError
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
