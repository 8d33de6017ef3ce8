"""The sides of pairs in a run: a pair that was trained on never validates, whatever changes between two starts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from datamodules import DataError, PairedImages

WritePairs = Callable[..., tuple[str, str]]
STEMS = [f"pair_{number}" for number in range(30)]


def data(paths: tuple[str | None, str | None], **settings: Any) -> PairedImages:
    return PairedImages(*paths, **{"image_size": 8, "num_workers": 0} | settings)


def sides(datamodule: PairedImages) -> tuple[set[str], set[str]]:
    """The stems for training and for validation."""
    found = []
    for loader in (datamodule.train_dataloader(), datamodule.val_dataloader()):
        source = loader.dataset._source  # type: ignore[attr-defined]
        images = [Path(source.image_file(index)) for index in range(len(source))]
        found.append({image.relative_to(source.image_path).with_suffix("").as_posix() for image in images})
    return found[0], found[1]


def resumed(before: PairedImages, paths: tuple[str | None, str | None], **settings: Any) -> PairedImages:
    after = data(paths, **settings)
    after.continue_from(before.state_dict())
    return after


@pytest.mark.parametrize("changed", [{"split_seed": 5}, {"val_fraction": 0.5}, {"fold": "2/3"}, {"group": r"\d$"}])
def test_pairs_of_a_run_keep_their_sides_under_any_other_rule(write_pairs: WritePairs, changed: dict[str, Any]) -> None:
    paths = write_pairs(STEMS)
    before = data(paths)
    after = resumed(before, paths, **changed)
    assert sides(data(paths, **changed)) != sides(before)
    assert sides(after) == sides(before)
    assert after.stayed


def test_new_files_go_where_the_rule_puts_them(write_pairs: WritePairs) -> None:
    before = data(write_pairs(STEMS))
    train, val = sides(before)
    paths = write_pairs([f"new_{number}" for number in range(30)])
    after = resumed(before, paths)
    assert sides(after) == sides(data(paths))
    assert train < sides(after)[0]
    assert val < sides(after)[1]
    assert not after.stayed


def test_a_pair_that_few_pairs_forced_into_validation_stays_there_when_more_come(write_pairs: WritePairs) -> None:
    before = data(write_pairs(["a", "b", "c"]), val_fraction=0.01)
    paths = write_pairs(STEMS)
    after = resumed(before, paths, val_fraction=0.01)
    assert sides(before)[1] <= sides(after)[1]
    assert sides(before)[0] <= sides(after)[0]


def write_sizes(folder: Path, stems: list[str]) -> None:
    """Pairs whose files have sizes of their own."""
    import numpy as np
    from PIL import Image

    for stem in stems:
        size = 8 + sum(stem.encode()) % 97
        for name, channels in (("images", (3,)), ("gt", ())):
            (folder / name).mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(list(stem.encode())).integers(0, 2, (size, size, *channels), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{stem}.png")


def test_renamed_files_keep_their_sides(tmp_path: Path) -> None:
    write_sizes(tmp_path, STEMS)
    paths = str(tmp_path / "images"), str(tmp_path / "gt")
    before = data(paths)
    expected = tuple({f"run_{stem}" for stem in side} for side in sides(before))
    for file in [*tmp_path.glob("*/*.png")]:
        file.rename(file.with_name(f"run_{file.name}"))
    assert sides(data(paths)) != expected
    after = resumed(before, paths)
    assert sides(after) == expected
    assert sides(resumed(after, paths)) == expected


def test_a_file_that_comes_back_has_its_side_again(write_pairs: WritePairs, tmp_path: Path) -> None:
    paths = write_pairs(STEMS)
    before = data(paths, split_seed=1)
    gone = sorted(sides(before)[0])[0]
    for folder in ("images", "gt"):
        (tmp_path / "data" / folder / f"{gone}.png").unlink()
    between = resumed(before, paths)
    assert gone not in sides(between)[0]
    write_pairs([gone])
    assert gone in sides(resumed(between, paths, val_fraction=0.9))[0]


def test_without_any_pair_of_the_runs_validation_nothing_validates(write_pairs: WritePairs, tmp_path: Path) -> None:
    paths = write_pairs(STEMS)
    before = data(paths)
    for stem in sides(before)[1]:
        for folder in ("images", "gt"):
            (tmp_path / "data" / folder / f"{stem}.png").unlink()
    with pytest.raises(DataError, match="No pair for validation is left"):
        resumed(before, paths).describe()


def test_lists_that_have_changed_move_no_pair_but_may_leave_pairs_out(write_pairs: WritePairs, tmp_path: Path) -> None:
    paths = write_pairs(["a", "b", "c", "d", "e"])
    lists = [str(tmp_path / "train.txt"), str(tmp_path / "val.txt")]

    def write_lists(train: str, val: str) -> None:
        for file, names in zip(lists, (train, val), strict=True):
            Path(file).write_text("\n".join(names))

    write_lists("ab", "c")
    before = data(paths, split=lists)
    assert sides(before) == ({"a", "b"}, {"c"})
    assert "2 pairs for training, 1 for validation, 2 left out (in no list), from" in before.describe()
    write_lists("ce", "ad")
    after = resumed(before, paths, split=lists)
    assert sides(after) == ({"a", "e"}, {"c", "d"})
    assert sorted(after.stayed) == ["a", "c"]


def test_a_new_file_of_a_group_goes_where_the_run_has_its_group(write_pairs: WritePairs) -> None:
    stems = [f"patient{number}_{image}" for number in range(6) for image in range(3)]
    before = data(write_pairs(stems), group="^[^_]+")
    paths = write_pairs([f"patient{number}_{image}" for number in range(9) for image in range(3, 20)])
    after = resumed(before, paths, group="^[^_]+")
    train, val = ({stem.partition("_")[0] for stem in side} for side in sides(after))
    assert not train & val
    assert len(train | val) == 9


def test_lists_must_not_divide_a_group(write_pairs: WritePairs, tmp_path: Path) -> None:
    paths = write_pairs(["p1_a", "p1_b", "p2_a"])
    (tmp_path / "train.txt").write_text("p1_a\np2_a")
    (tmp_path / "val.txt").write_text("p1_b")
    lists = [str(tmp_path / "train.txt"), str(tmp_path / "val.txt")]
    with pytest.raises(DataError, match="both sides: p1"):
        data(paths, split=lists, group="^[^_]+").describe()


def test_folders_must_not_share_a_group(write_pairs: WritePairs) -> None:
    paths, val_paths = write_pairs(["p1_a", "p2_a"]), write_pairs(["p2_b", "p3_a"], name="val")
    folders = {"val_image_path": val_paths[0], "val_gt_path": val_paths[1]}
    with pytest.raises(DataError, match=r"(?s)1 group is in training and in validation:.*p2"):
        data(paths, group="^[^_]+", **folders).describe()
    assert data(paths, group="^p(.*)$", **folders).describe()


def test_what_was_trained_on_beside_a_folder_for_validation_never_validates(write_pairs: WritePairs) -> None:
    paths, val_paths = write_pairs(STEMS), write_pairs(["a", "b"], name="val")
    before = data(paths, val_image_path=val_paths[0], val_gt_path=val_paths[1])
    with pytest.raises(DataError, match="No pair for validation is left"):
        resumed(before, paths).describe()


def test_the_folds_of_a_set_are_said_and_cover_it(write_pairs: WritePairs) -> None:
    paths = write_pairs(10)
    folds = [data(paths, fold=f"{number}/4") for number in range(1, 5)]
    assert sorted(stem for fold in folds for stem in sides(fold)[1]) == sorted(f"pair_{number}" for number in range(10))
    assert "7 pairs for training, 3 for validation (fold 1/4), from" in folds[0].describe()


def test_the_sample_set_of_a_run_is_that_of_its_split_seed() -> None:
    before = data((None, None), sample_pairs=30, split_seed=1)
    after = data((None, None), sample_pairs=40, split_seed=1, seed=7)
    after.continue_from(before.state_dict())
    assert not after.stayed
    first, second = (datamodule.example_image() for datamodule in (before, after))
    assert torch.equal(first, second)
    assert "seed 1" in after.describe()


@pytest.mark.parametrize("fold", ["0/5", "6/5", "1/1", "5", "a/b", "1/5/2", ""])
def test_a_fold_that_does_not_exist_is_refused(write_pairs: WritePairs, fold: str) -> None:
    with pytest.raises(DataError, match=r"--data\.fold"):
        data(write_pairs(8), fold=fold).check(every_gt=False)


def test_two_rules_at_once_are_refused(write_pairs: WritePairs) -> None:
    with pytest.raises(DataError, match=r"--data\.split, --data\.fold"):
        data(write_pairs(8), fold="1/2", split=["train.txt"]).check(every_gt=False)


def test_validation_is_the_same_for_the_same_pairs_only(write_pairs: WritePairs, tmp_path: Path) -> None:
    write_sizes(tmp_path, STEMS)
    paths = str(tmp_path / "images"), str(tmp_path / "gt")
    before = data(paths)
    assert resumed(before, paths, val_fraction=0.4).validates_as_before
    Path(paths[0]).rename(tmp_path / "moved")
    moved = str(tmp_path / "moved"), paths[1]
    assert resumed(before, moved).validates_as_before
    stem = sorted(sides(before)[1])[0]
    corrected = Path(paths[1], f"{stem}.png")
    corrected.write_bytes(corrected.read_bytes() + b"\0")
    assert not resumed(before, moved).validates_as_before


def test_a_state_that_something_else_has_written_is_refused(write_pairs: WritePairs) -> None:
    datamodule = data(write_pairs(4))
    state = datamodule.state_dict()
    for wrong in ({}, {**state["sides"], "stems": torch.zeros(4)}, {**state["sides"], "sizes": [1]}, None):
        with pytest.raises(DataError, match="does not say which pairs"):
            datamodule.continue_from({**state, "sides": wrong})


def test_a_checkpoint_of_an_earlier_version_has_no_sides(write_pairs: WritePairs) -> None:
    datamodule = data(write_pairs(8))
    before = sides(datamodule)
    datamodule.load_state_dict({"epoch": 1, "samples_done": 0, "samples": 0})
    assert sides(datamodule) == before


def test_only_pairs_that_a_run_has_not_used_are_unseen(
    write_pairs: WritePairs, write_pair: Callable[..., None]
) -> None:
    paths, val_paths = write_pairs(["a", "b", "c"]), write_pairs(["d", "e"], name="val")
    settings = {"val_image_path": val_paths[0], "val_gt_path": val_paths[1]}
    before = data(paths, **settings)
    assert [unseen.tolist() for unseen in before.run_pairs.partition.unseen] == [[True] * 3, [True] * 2]
    assert [unseen.any() for unseen in resumed(before, paths, **settings).run_pairs.partition.unseen] == [False, False]
    write_pair("b", size=9)
    write_pair("d", size=9, name="val")
    assert [unseen.tolist() for unseen in resumed(before, paths, **settings).run_pairs.partition.unseen] == [
        [False, True, False],
        [True, True],
    ]
