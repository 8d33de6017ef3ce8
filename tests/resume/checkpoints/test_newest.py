from pathlib import Path

import pytest

from resume.checkpoints.catalog import read_catalog
from resume.checkpoints.newest import newest_first, refusal, why_not
from tests.helpers import checkpoint_folders


def order(folder: Path) -> list[str]:
    return [found.path.name for found in newest_first(read_catalog(folder))]


def test_the_newest_comes_first_and_every_file_once(tmp_path: Path) -> None:
    checkpoint_folders.fill(tmp_path, 3)
    assert order(tmp_path) == [
        "latest_checkpoint.pth",
        "checkpoint_epoch_3.pth",
        "interrupted_checkpoint.pth",
        "best_model.pth",
        "checkpoint_epoch_2.pth",
        "checkpoint_epoch_1.pth",
    ]


def test_files_of_unknown_age_come_before_those_that_they_may_be_newer_than(tmp_path: Path) -> None:
    checkpoint_folders.fill(tmp_path, 3)
    for name in ("interrupted_checkpoint.pth", "checkpoint_epoch_1.pth"):
        (tmp_path / name).write_bytes(b"")
    checkpoint_folders.damage(checkpoint_folders.save(tmp_path / "checkpoint_epoch_9.pth", 9))
    names = order(tmp_path)
    assert names[:3] == ["interrupted_checkpoint.pth", "checkpoint_epoch_9.pth", "latest_checkpoint.pth"]
    assert names[3] == "checkpoint_epoch_1.pth"
    assert len(names) == len(set(names)) == 7


def test_epoch_files_behind_the_newest_are_not_opened_before_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_folders.fill(tmp_path, 5)
    catalog = read_catalog(tmp_path)
    monkeypatch.setattr("resume.checkpoints.newest.describe", None)
    assert next(newest_first(catalog)) == catalog.newest


def test_among_many_damaged_files_the_one_sound_epoch_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("catalog", "newest"):
        monkeypatch.setattr(f"resume.checkpoints.{module}.SEARCHED_EPOCH_FILES", 2)
    for epoch in range(1, 9):
        checkpoint_folders.save(tmp_path / f"checkpoint_epoch_{epoch}.pth", epoch)
        if epoch != 3:
            (tmp_path / f"checkpoint_epoch_{epoch}.pth").write_bytes(b"")
    catalog = read_catalog(tmp_path)
    sound = [found for found in newest_first(catalog) if why_not(found, catalog.run_id) is None]
    assert [found.path.name for found in sound] == ["checkpoint_epoch_3.pth"]
    assert len(order(tmp_path)) == 8


def test_why_not_names_the_first_reason(tmp_path: Path) -> None:
    checkpoint_folders.fill(tmp_path, 2)
    latest = read_catalog(tmp_path).shown[0]
    assert why_not(latest, checkpoint_folders.RUN) is None
    assert why_not(latest, None) is None
    assert why_not(latest, checkpoint_folders.OTHER_RUN) == "of another run"
    checkpoint_folders.flip_a_bit(latest.path)
    assert why_not(latest, checkpoint_folders.RUN) == "damaged content (archive/data/0)"


def test_a_refusal_names_the_newest_sound_file_that_is_not_the_same_under_another_name(tmp_path: Path) -> None:
    checkpoint_folders.fill(tmp_path, 3, interrupted=False)
    latest = tmp_path / "latest_checkpoint.pth"  # and checkpoint_epoch_3.pth
    assert refusal(latest, "damaged") == (
        f"{latest} cannot be loaded: damaged. "
        f"Use --ckpt_path {tmp_path / 'best_model.pth'}, the newest usable checkpoint in this folder."
    )
    checkpoint_folders.flip_a_bit(tmp_path / "best_model.pth")  # and checkpoint_epoch_2.pth
    assert "checkpoint_epoch_1.pth" in refusal(latest, "damaged")
    checkpoint_folders.flip_a_bit(tmp_path / "checkpoint_epoch_1.pth")
    assert refusal(latest, "damaged").endswith("in this folder. Use --no_interactive for a new run.")


def test_a_refusal_outside_of_any_run_advises_a_new_one(tmp_path: Path) -> None:
    assert refusal(tmp_path / "a.pth", "damaged").endswith("Use --no_interactive for a new run.")
    assert refusal(tmp_path / "none" / "a.pth", "damaged").endswith("Use --no_interactive for a new run.")
