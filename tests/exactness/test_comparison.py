"""Two run folders are the same run only if every bit that was trained is."""

from pathlib import Path
from typing import Any

import pytest
import torch

from callbacks import AtomicCheckpointIO
from exactness.comparison import compare_runs
from tests.helpers import checkpoint_folders

NAMES = ("latest_checkpoint.pth", "best_model.pth", "checkpoint_epoch_1.pth")


def write_run(folder: Path, run: dict[str, Any] | None = None, **changes: Any) -> Path:
    folder.mkdir()
    checkpoint = {
        "state_dict": {"weight": torch.tensor([0.0, float("nan")]), "count": torch.tensor(3)},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(2.0)}}, "param_groups": [{"lr": 0.1}]}],
        "callbacks": {"TrainingHistory": {"rows": [{"epoch": 1, "val/loss": float("nan"), "seconds": 1.5}]}},
        "run": checkpoint_folders.entry(
            1,
            run_id=folder.name,
            saved_at=f"2026-01-0{folder.name}T00:00:00+00:00",
            **{"config": f"lr: 0.1\ncheckpoint_dir: {folder.name}\n", "best_score": 0.5, **(run or {})},
        ),
    }
    for name in NAMES:
        AtomicCheckpointIO().save_checkpoint(checkpoint | changes, folder / name)
    (folder / "config.yaml").write_text(f"lr: 0.1\ncheckpoint_dir: {folder.name}\n", encoding="utf-8")
    (folder / "training_history.csv").write_text(f"epoch,val/loss,seconds\n1,0.5,{folder.name}\n", encoding="utf-8")
    (folder / "training_history.png").write_bytes(folder.name.encode())
    return folder


def test_runs_that_differ_in_clock_and_place_alone_are_the_same(tmp_path: Path) -> None:
    assert compare_runs(write_run(tmp_path / "1"), write_run(tmp_path / "2")) == []


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"state_dict": {"weight": torch.tensor([-0.0, float("nan")]), "count": torch.tensor(3)}}, "state_dict.weight"),
        ({"state_dict": {"weight": torch.tensor([0.0]), "count": torch.tensor(3)}}, "state_dict.weight"),
        ({"state_dict": {"weight": torch.tensor([0.0, float("nan")])}}, "state_dict.count"),
        ({"optimizer_states": []}, "optimizer_states"),
        ({"lr_schedulers": [{"last_epoch": 1}]}, "lr_schedulers"),
        ({"run": {"best_score": 0.5 + 2**-52}}, "run.best_score"),
        ({"run": {"config": "lr: 0.2\ncheckpoint_dir: 2\n"}}, "run.config.lr"),
    ],
)
def test_a_difference_of_one_bit_is_named_with_its_file_and_place(
    tmp_path: Path, changes: dict[str, Any], place: str
) -> None:
    found = compare_runs(write_run(tmp_path / "1"), write_run(tmp_path / "2", **changes))
    assert [line.split(": ")[:2] for line in found] == [[name, place] for name in sorted(NAMES)]


def test_a_figure_of_the_history_counts_and_its_seconds_do_not(tmp_path: Path) -> None:
    one, other = write_run(tmp_path / "1"), write_run(tmp_path / "2")
    (other / "training_history.csv").write_text("epoch,val/loss,seconds\n1,0.5000001,1\n", encoding="utf-8")
    assert compare_runs(one, other) == ["training_history.csv: [0].val/loss: '0.5' and '0.5000001'"]


def test_missing_and_damaged_files_are_differences(tmp_path: Path) -> None:
    one, other = write_run(tmp_path / "1"), write_run(tmp_path / "2")
    (other / "best_model.pth").unlink()
    (one / "latest_checkpoint.pth").write_bytes(b"PK")
    found = compare_runs(one, other)
    assert found[0] == f"best_model.pth: missing in {other}"
    assert found[1].startswith(f"latest_checkpoint.pth: in {one} it cannot be read")


def test_two_empty_folders_are_no_run(tmp_path: Path) -> None:
    assert compare_runs(tmp_path, tmp_path) != []
