import pickle

import numpy as np

from datamodules.pairing.packed_names import PackedNames, Pair, Pairs, Places, flat, hashes_of

NAMES = ["a.png", "病例/甲.png", "", "f\udcfcr.png", "b.png"]


def test_packed_names_are_unchanged_also_in_another_process() -> None:
    block = pickle.loads(pickle.dumps(PackedNames(NAMES)))
    assert [block[index] for index in range(len(block))] == NAMES
    assert list(block) == NAMES
    assert list(PackedNames([])) == []


def test_names_are_taken_in_any_order_over_the_borders_of_chunks() -> None:
    many = [f"{number}{'é' * (number % 3)}.png" for number in range(70_000)]
    order = np.random.default_rng(0).permutation(len(many))[:66_000]
    packed = PackedNames(many)
    assert list(packed) == many
    assert list(packed.take(order)) == [many[index] for index in order.tolist()]
    assert list(packed.take(order[:0])) == []


def test_pairs_keep_one_and_several_files_of_ground_truth() -> None:
    some = [Pair("a", "a.png", "a/1.png", ("a/2.png", "a/3.png")), Pair("b", "b.png", "b/1.png"), Pair("c", "c", "c")]
    pairs = Pairs.of(some)
    assert list(pairs) == [pairs[index] for index in range(3)] == some
    assert list(pairs.take(np.array([2, 0]))) == [some[2], some[0]]
    assert list(Pairs.of(some[1:]).take(np.array([1]))) == some[2:]
    assert pairs == Pairs.of(some)
    assert pairs != Pairs.of(some[:2])
    assert pickle.loads(pickle.dumps(pairs)) == pairs


def test_places_are_those_of_the_first_or_of_the_only_text() -> None:
    texts = ["b", "a", "b", "c"]
    places = Places(hashes_of(texts, len(texts)))
    assert places.first(["a", "b", "x", None]) == [1, 0, -1, -1]
    assert places.first(["a", "b"], only_single=True) == [1, -1]
    assert places.has_same_texts(Places(hashes_of(["c", "a", "b"], 3)))
    assert not places.has_same_texts(Places(hashes_of(["a", "b"], 2)))


def test_ranges_are_laid_one_after_the_other() -> None:
    assert flat(np.array([5, 0, 2]), np.array([7, 0, 5])).tolist() == [5, 6, 2, 3, 4]
