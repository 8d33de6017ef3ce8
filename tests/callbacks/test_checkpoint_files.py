import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback

from callbacks import TrainingInterrupted
from resume.run_files import LATEST
from resume.system.durable_files import link
from tests.helpers.stopping import SignalAtStep
from tests.helpers.tiny import BATCHES, load, names, train


def test_one_run_leaves_latest_best_and_an_epoch_file_each_counted_from_one(tmp_path: Path) -> None:
    train(tmp_path, [0.1, 0.2])
    assert names(tmp_path) == [
        "best_model.pth",
        "checkpoint_epoch_1.pth",
        "checkpoint_epoch_2.pth",
        "latest_checkpoint.pth",
    ]
    assert load(tmp_path / "checkpoint_epoch_1.pth")["run"]["epoch"] == 1


def test_names_stay_exact_on_a_second_run_in_the_same_folder(tmp_path: Path) -> None:
    train(tmp_path, [0.1, 0.2])
    before = names(tmp_path)
    train(tmp_path, [0.1, 0.2])
    assert names(tmp_path) == before


def test_latest_is_the_newest_epoch_even_when_the_best_is_older(tmp_path: Path) -> None:
    train(tmp_path, [0.9, 0.1, 0.2])
    assert load(tmp_path / "latest_checkpoint.pth")["run"]["epoch"] == 3
    assert load(tmp_path / "best_model.pth")["run"]["epoch"] == 1


def test_the_names_of_one_epoch_are_one_file_with_the_state_up_to_date(tmp_path: Path) -> None:
    train(tmp_path, [0.1, 0.5])
    latest = tmp_path / "latest_checkpoint.pth"
    assert latest.samefile(tmp_path / "best_model.pth")
    assert latest.samefile(tmp_path / "checkpoint_epoch_2.pth")
    run = load(latest)["run"]
    assert (run["best_score"], run["best_epoch"], run["score"]) == (pytest.approx(0.5), 2, pytest.approx(0.5))
    assert load(latest)["callbacks"]["CheckpointFiles"]["best_epoch"] == 2


def test_saving_an_epoch_does_not_change_the_linked_files_of_the_one_before(tmp_path: Path) -> None:
    class KeepBytes(Callback):
        def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
            if trainer.current_epoch == 1:
                self.before = (tmp_path / "checkpoint_epoch_1.pth").read_bytes()

    keep = KeepBytes()
    train(tmp_path, [0.5, 0.1], callbacks=[keep])
    assert (tmp_path / "checkpoint_epoch_1.pth").read_bytes() == keep.before


def test_a_worse_model_after_a_resume_does_not_replace_the_best(tmp_path: Path) -> None:
    train(tmp_path, [0.9])
    train(tmp_path, [0.9, 0.1], ckpt_path=tmp_path / "latest_checkpoint.pth")
    assert load(tmp_path / "best_model.pth")["run"]["epoch"] == 1
    assert load(tmp_path / "latest_checkpoint.pth")["run"]["best_score"] == pytest.approx(0.9)


def test_the_best_survives_a_moved_folder(tmp_path: Path) -> None:
    train(tmp_path / "here", [0.9])
    shutil.move(tmp_path / "here", tmp_path / "there")
    train(tmp_path / "there", [0.9, 0.1], ckpt_path=tmp_path / "there" / "latest_checkpoint.pth")
    assert load(tmp_path / "there" / "best_model.pth")["run"]["epoch"] == 1


def test_a_resume_after_a_rewind_keeps_the_best_score_of_the_resumed_point(tmp_path: Path) -> None:
    train(tmp_path, [0.5, 0.2, 0.9])
    train(tmp_path, [0.5, 0.2, 0.3], ckpt_path=tmp_path / "checkpoint_epoch_2.pth")
    assert load(tmp_path / "latest_checkpoint.pth")["run"]["best_score"] == pytest.approx(0.5)


def test_a_missing_best_file_is_said_and_the_score_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path, [0.9])
    (tmp_path / "best_model.pth").unlink()
    train(tmp_path, [0.9, 0.1, 0.95], ckpt_path=tmp_path / "latest_checkpoint.pth")
    assert "best_model.pth (epoch 1, val/iou 0.9000) is not in" in capsys.readouterr().out
    assert load(tmp_path / "best_model.pth")["run"]["epoch"] == 3


def test_changed_settings_of_the_callback_do_not_lose_the_best_score(tmp_path: Path) -> None:
    train(tmp_path, [0.9])
    train(tmp_path, [0.9, 0.1], ckpt_path=tmp_path / "latest_checkpoint.pth", every_n_epochs=2)
    assert load(tmp_path / "latest_checkpoint.pth")["run"]["best_score"] == pytest.approx(0.9)


def test_another_monitor_starts_with_no_best_score(tmp_path: Path) -> None:
    train(tmp_path, [0.9])
    train(tmp_path, [0.9, 0.1], ckpt_path=tmp_path / "latest_checkpoint.pth", monitor="train/loss", mode="min")
    assert load(tmp_path / "best_model.pth")["run"]["epoch"] == 2


def test_the_lowest_value_is_the_best_in_mode_min(tmp_path: Path) -> None:
    train(tmp_path, [0.5, 0.1, 0.3], mode="min")
    assert load(tmp_path / "best_model.pth")["run"]["epoch"] == 2


def test_a_score_that_is_not_a_number_is_never_the_best_and_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, [math.nan, 0.1, math.nan])
    assert load(tmp_path / "best_model.pth")["run"]["epoch"] == 2
    assert capsys.readouterr().out.count("val/iou is NaN in epoch 1, so this epoch cannot be the best model") == 1


@pytest.mark.parametrize(("keep_last", "kept"), [(0, [1, 2, 3, 4]), (1, [4]), (2, [3, 4])])
def test_the_last_epoch_files_are_kept(tmp_path: Path, keep_last: int, kept: list[int]) -> None:
    train(tmp_path, [0.1, 0.2, 0.3, 0.4], keep_last=keep_last)
    assert [name for name in names(tmp_path) if "epoch" in name] == [f"checkpoint_epoch_{n}.pth" for n in kept]


def test_an_epoch_file_is_written_every_n_epochs_and_latest_after_each(tmp_path: Path) -> None:
    train(tmp_path, [0.1, 0.2, 0.3], every_n_epochs=2)
    assert [name for name in names(tmp_path) if "epoch" in name] == ["checkpoint_epoch_2.pth"]
    assert load(tmp_path / "latest_checkpoint.pth")["run"]["epoch"] == 3


def test_epochs_without_validation_write_latest_and_no_best(tmp_path: Path) -> None:
    settings = {"check_val_every_n_epoch": 2}
    with pytest.raises(TrainingInterrupted):
        train(tmp_path, [0.1, 0.2, 0.3, 0.4], callbacks=[SignalAtStep(3 * BATCHES)], trainer_settings=settings)
    assert load(tmp_path / "best_model.pth")["run"]["epoch"] == 2
    assert load(tmp_path / "latest_checkpoint.pth")["run"]["epoch"] == 3


def test_a_better_score_in_mid_epoch_is_saved_at_once(tmp_path: Path) -> None:
    train(tmp_path, [0.1], trainer_settings={"val_check_interval": 0.5})
    run = load(tmp_path / "best_model.pth")["run"]
    assert (run["epoch_done"], run["batch"], run["global_step"]) == (False, BATCHES // 2, BATCHES // 2)


def test_latest_is_also_written_within_an_epoch(tmp_path: Path) -> None:
    class StopAt(Callback):
        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            if trainer.global_step == BATCHES + 3:
                raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        train(tmp_path, [0.1, 0.2], callbacks=[StopAt()], save_every_minutes=1e-9)
    run = load(tmp_path / "latest_checkpoint.pth")["run"]
    assert (run["epoch"], run["epoch_done"], run["batch"]) == (2, False, 3)


def test_every_file_loads_with_weights_only_and_names_its_run(tmp_path: Path) -> None:
    train(tmp_path, [0.1])
    torch.load(tmp_path / "latest_checkpoint.pth", weights_only=True)
    run = load(tmp_path / "latest_checkpoint.pth")["run"]
    assert run["run_id"] == "f" * 32
    assert run["saved_at"].endswith("+00:00")
    assert (run["epoch_done"], run["finished"], run["global_step"]) == (True, True, BATCHES)


def test_fast_dev_run_writes_nothing(tmp_path: Path) -> None:
    train(tmp_path, [0.1], trainer_settings={"fast_dev_run": True})
    assert names(tmp_path) == []


@pytest.mark.parametrize("setting", [{"every_n_epochs": 0}, {"keep_last": -1}, {"save_every_minutes": -1}])
def test_settings_out_of_range_are_refused(tmp_path: Path, setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        train(tmp_path, [0.1], **setting)


def test_only_names_that_the_program_gives_are_dropped(tmp_path: Path) -> None:
    foreign = tmp_path / "checkpoint_epoch_007.pth"
    foreign.write_bytes(b"somebody's")
    train(tmp_path, [0.1] * 3, keep_last=1)
    assert foreign.read_bytes() == b"somebody's"


def test_a_save_is_complete_once_latest_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before: list[list[str]] = []

    def note(source: Path, target: Path, **settings: Any) -> None:
        if target.name == LATEST:
            before.append(names(tmp_path))
        link(source, target, **settings)

    monkeypatch.setattr("callbacks.linked_files.link", note)
    train(tmp_path, [0.3, 0.2, 0.1], keep_last=1)
    assert before[-1] == ["best_model.pth", "checkpoint_epoch_3.pth", "latest_checkpoint.pth"]


@pytest.mark.filterwarnings("ignore:.*LeafSpec")  # pytest.warns passes it on without its module
def test_an_epoch_file_that_cannot_be_deleted_is_a_warning_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name == "checkpoint_epoch_1.pth":
            raise PermissionError("open in another program")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.warns(UserWarning, match=r"checkpoint_epoch_1\.pth could not be deleted"):
        train(tmp_path, [0.1] * 3, keep_last=1)
    assert [name for name in names(tmp_path) if "epoch" in name] == ["checkpoint_epoch_1.pth", "checkpoint_epoch_3.pth"]
