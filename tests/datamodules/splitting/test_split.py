from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest

from datamodules.data_errors import DataError
from datamodules.splitting.split import FEW, by_fold, by_share, groups_by_share, groups_of

STEMS = [f"pair_{number}" for number in range(400)]


def names(stems: Sequence[str], val_fraction: float = 0.2, seed: int = 0) -> tuple[set[str], set[str]]:
    validated = by_share(stems, val_fraction, seed)
    val = {stem for stem, is_val in zip(stems, validated, strict=True) if is_val}
    return set(stems) - val, val


def test_about_the_fraction_is_for_validation() -> None:
    assert 60 < sum(by_share(STEMS, 0.2, 0)) < 100


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
    assert names(["a", "b", "c", "d", "e", "f", "细胞"], 0.5) == ({"a", "c", "d", "细胞"}, {"b", "e", "f"})


@pytest.mark.parametrize("val_fraction", [1e-9, 0.2, 0.5, 1 - 1e-9])
def test_few_pairs_have_one_for_validation_and_half_for_training(val_fraction: float) -> None:
    for count in range(2, FEW):
        for seed in range(20):
            val = sum(by_share(STEMS[:count], val_fraction, seed))
            assert 1 <= val <= count // 2


def test_a_larger_set_may_validate_with_more_than_half() -> None:
    assert sum(by_share(STEMS, 0.8, 0)) > 300
    assert sum(by_share(STEMS, 1 - 1e-9, 0)) == 399


def test_one_pair_is_too_few_to_split() -> None:
    with pytest.raises(DataError, match="val_image_path"):
        by_share(["a"], 0.2, 0)


def sizes_to_groups(sizes: Sequence[int]) -> list[str]:
    return [f"patient {number}" for number, size in enumerate(sizes) for _ in range(size)]


@pytest.mark.parametrize("sizes", [[5] * 30, [1, 2, 3, 40, 5, 60, 7, 8, 9, 10], list(range(1, 60)), [100, *[1] * 50]])
@pytest.mark.parametrize("seed", range(5))
def test_whole_groups_validate_and_their_pairs_are_about_the_share(sizes: list[int], seed: int) -> None:
    groups = sizes_to_groups(sizes)
    validated = by_group(groups, groups_by_share(groups, 0.2, seed))
    assert all(len(sides) == 1 for sides in validated.values())
    share = sum(size for size, sides in zip(sizes, validated.values(), strict=True) if True in sides) / len(groups)
    assert share == pytest.approx(0.2, abs=0.05)


def by_group(groups: Sequence[str], validated: Sequence[bool]) -> dict[str, set[bool]]:
    sides: dict[str, set[bool]] = defaultdict(set)
    for group, is_val in zip(groups, validated, strict=True):
        sides[group].add(is_val)
    return sides


@pytest.mark.parametrize("sizes", [[1, 1], [1, 99], [99, 1], [50, 50], [40, 30, 30], [1] * 5])
@pytest.mark.parametrize("val_fraction", [0.01, 0.2, 0.5, 0.9])
def test_few_groups_have_one_for_validation_and_half_of_the_pairs_for_training(
    sizes: list[int], val_fraction: float
) -> None:
    groups = sizes_to_groups(sizes)
    for seed in range(10):
        assert 1 <= sum(groups_by_share(groups, val_fraction, seed)) <= len(groups) / 2


def test_one_group_is_too_few_to_split() -> None:
    with pytest.raises(DataError, match="found 1 "):
        groups_by_share(["patient 1"] * 9, 0.2, 0)


@pytest.mark.parametrize(("pairs", "count"), [(2, 2), (5, 5), (7, 3), (100, 5), (400, 10)])
def test_each_pair_is_in_one_fold_and_the_folds_are_about_equal(pairs: int, count: int) -> None:
    folds = [by_fold(STEMS[:pairs], number, count, 0) for number in range(1, count + 1)]
    assert [sum(validated) for validated in zip(*folds, strict=True)] == [1] * pairs
    sizes = [sum(fold) for fold in folds]
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= (1 if pairs < FEW * count else 0.6 * pairs / count)


def test_a_new_file_moves_no_other_one_to_another_fold() -> None:
    before = dict(zip(STEMS, by_fold(STEMS, 2, 5, 0), strict=True))
    stems = ["new", *STEMS, "newer"]
    after = dict(zip(stems, by_fold(stems, 2, 5, 0), strict=True))
    assert all(after[stem] == side for stem, side in before.items())


def test_each_group_is_in_one_fold_and_the_folds_have_about_as_many_pairs() -> None:
    groups = sizes_to_groups([9, 1, 8, 2, 7, 3, 6, 4, 5, 5])
    folds = [by_fold(groups, number, 4, 0) for number in range(1, 5)]
    assert [sum(validated) for validated in zip(*folds, strict=True)] == [1] * len(groups)
    assert all(len(sides) == 1 for fold in folds for sides in by_group(groups, fold).values())
    assert {sum(fold) for fold in folds} <= {11, 12, 13, 14}


@pytest.mark.parametrize("groups", [["a", "b"], ["a", "a", "b", "b"]])
def test_fewer_pairs_or_groups_than_folds_are_an_error(groups: list[str]) -> None:
    with pytest.raises(DataError, match=r"found 2.*expected at least 3"):
        by_fold(groups, 1, 3, 0)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [(r"^[^_]+", ["p1", "p1", "p2"]), (r"p(\d+)_", ["1", "1", "2"]), (r"(?:p)(\d)_(\d)", ["1", "1", "2"])],
)
def test_the_group_is_the_first_parentheses_or_the_whole_match(pattern: str, expected: list[str]) -> None:
    assert groups_of(["p1_1", "p1_2", "p2_1"], pattern) == expected


def test_names_without_a_group_are_named() -> None:
    with pytest.raises(DataError, match=r"(?s)p\(\\d\{1\}\).*2 names without a group:.*- x\n.*- y"):
        groups_of(["p1", "x", "y"], r"p(\d{1})")
    with pytest.raises(DataError, match="1 name without"):
        groups_of(["p1", "p"], r"p(\d)?")


def test_a_pattern_that_is_no_regular_expression_is_an_error() -> None:
    with pytest.raises(DataError, match=r"--data.group \(: .*|is not a regular expression"):
        groups_of(["p1"], "(")


def test_the_groups_of_a_large_set_are_all_counted() -> None:
    assert sum(Counter(groups_of(STEMS, r"pair_(\d)")).values()) == 400
