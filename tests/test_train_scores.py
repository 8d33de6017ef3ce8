"""The whole program: a resume whose scores are of something else keeps the old best model and chooses a new one."""

import csv
from pathlib import Path

import pytest

from tests.helpers.tiny_run import Run, load

BEST = Path("checkpoints/best_model.pth")
RESUME = ["--max_epochs=3", "--checkpoint.monitor=val/loss", "--checkpoint.mode=min"]


def kept() -> list[Path]:
    return sorted(Path("checkpoints/archive").glob("*/best_model.pth"))


def best_epochs() -> list[str]:
    with Path("checkpoints/training_history.csv").open(encoding="utf-8", newline="") as file:
        return [row["epoch"] for row in csv.DictReader(file) if row["best"]]


@pytest.mark.parametrize(
    "ckpt_path",
    [
        "best",
        pytest.param("latest", marks=pytest.mark.slow),
        pytest.param("checkpoints/checkpoint_epoch_1.pth", marks=pytest.mark.slow),
    ],
)
def test_another_monitor_keeps_the_best_model_so_far_and_begins_its_scores_anew(
    trained: Run, capsys: pytest.CaptureFixture[str], ckpt_path: str
) -> None:
    before = BEST.read_bytes()
    first = load("best_model.pth")["run"]["epoch"] if ckpt_path == "best" else {"latest": 2}.get(ckpt_path, 1)
    assert trained("--ckpt_path", ckpt_path, *RESUME) == 0
    printed = capsys.readouterr().out
    assert "The best score starts anew" in printed
    assert "checkpoint.monitor val/iou → val/loss" in printed
    assert [path.read_bytes() for path in kept()] == [before]
    assert str(kept()[0].parent) in printed
    run = load("best_model.pth")["run"]
    assert run["monitor"] == "val/loss"
    assert run["best_epoch"] > first
    assert [int(epoch) for epoch in best_epochs()] == [run["best_epoch"]]
    assert trained("--ckpt_path=latest", "--max_epochs=4") == 0
    assert "The best score starts anew" not in capsys.readouterr().out
    assert len(kept()) == 1


def test_a_start_that_fails_after_it_made_way_is_repeated_without_loss_and_without_a_second_copy(
    trained: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = BEST.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("launch.building.fit", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            trained("--ckpt_path=latest", *RESUME)
    assert BEST.read_bytes() == before
    assert trained("--ckpt_path=latest", *RESUME) == 0
    assert [path.read_bytes() for path in kept()] == [before]
    assert load("best_model.pth")["run"]["monitor"] == "val/loss"


def test_the_old_monitor_is_taken_up_again_if_nothing_was_saved_with_the_new_one(
    trained: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("launch.building.fit", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            trained("--ckpt_path=latest", *RESUME)
    score = load("best_model.pth")["run"]["best_score"]
    capsys.readouterr()
    assert trained("--ckpt_path=latest", "--max_epochs=3") == 0
    assert "starts anew" not in capsys.readouterr().out
    assert load("latest_checkpoint.pth")["run"]["best_score"] >= score


def test_a_larger_image_size_keeps_the_best_model_so_far(trained: Run) -> None:
    before = BEST.read_bytes()
    assert trained("--ckpt_path=latest", "--max_epochs=3", "--data.image_size=32") == 0
    assert [path.read_bytes() for path in kept()] == [before]
    assert load("best_model.pth")["run"]["best_epoch"] == 3
