import pytest

from datamodules.data_errors import DataError
from datamodules.split import split

STEMS = [f"pair_{number}" for number in range(400)]


def names(stems: list[str], val_fraction: float = 0.2, seed: int = 0) -> tuple[set[str], set[str]]:
    train, val = split(stems, val_fraction, seed)
    return {stems[index] for index in train}, {stems[index] for index in val}


def test_about_the_fraction_is_for_validation_and_no_pair_is_on_both_sides() -> None:
    train, val = names(STEMS)
    assert 60 < len(val) < 100
    assert train | val == set(STEMS)
    assert not train & val


def test_new_files_move_no_other_file() -> None:
    train, val = names(STEMS)
    more_train, more_val = names(sorted([*STEMS, "a_new_one", "zz", "pair_12b"]))
    assert train <= more_train
    assert val <= more_val


def test_a_larger_fraction_only_adds_pairs_to_validation() -> None:
    assert names(STEMS, 0.2)[1] < names(STEMS, 0.3)[1]


def test_another_seed_gives_another_split() -> None:
    assert names(STEMS, seed=0) != names(STEMS, seed=1)


def test_the_split_is_the_same_on_every_system() -> None:
    assert split(["a", "b", "c", "d", "e", "f", "细胞"], 0.5, 0) == ([0, 2, 3], [1, 4, 5, 6])


@pytest.mark.parametrize("val_fraction", [1e-9, 1 - 1e-9])
def test_neither_side_is_empty_at_extreme_fractions(val_fraction: float) -> None:
    train, val = split(["a", "b", "c"], val_fraction, 0)
    assert train
    assert val


def test_one_pair_is_too_few_to_split() -> None:
    with pytest.raises(DataError, match="val_image_path"):
        split(["a"], 0.2, 0)
