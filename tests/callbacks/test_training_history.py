import csv
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from callbacks.training_history import TrainingHistory

STEPS = 3


class Scripted(LightningModule):
    """Logs a given score in each epoch."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.scores = scores
        self.weight = torch.nn.Parameter(torch.ones(()))

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        loss = self.weight * batch[0].mean()
        self.log("train/loss", loss, on_step=False, on_epoch=True)
        self.log("train/extra", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        score = self.scores[self.current_epoch]
        self.log_dict({"val/iou": score, "val/loss": 1 - score, "val/dice": score / 2})

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=1.0)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (step + 1))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class StopHereError(Exception):
    pass


class SaveAndStop(Callback):
    def __init__(self, path: Path, epoch: int, batch: int) -> None:
        self.path, self.at = path, (epoch, batch)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (trainer.current_epoch + 1, batch_idx + 1) == self.at:
            trainer.save_checkpoint(self.path)
            raise StopHereError


def run(
    folder: Path,
    scores: list[float],
    *callbacks: Callback,
    epochs: int | None = None,
    ckpt_path: Path | None = None,
    history: TrainingHistory | None = None,
    **settings: Any,
) -> tuple[TrainingHistory, Trainer]:
    history = history or TrainingHistory(str(folder))
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs or len(scores),
        callbacks=[history, *callbacks],
        default_root_dir=folder,
        **{
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
            **settings,
        },
    )
    batches = [DataLoader(TensorDataset(torch.ones(count))) for count in (STEPS, 2)]
    trainer.fit(Scripted(scores), batches[0], batches[1], ckpt_path=ckpt_path)
    return history, trainer


@pytest.fixture
def without_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than these trainings, and does not matter to the table."""
    monkeypatch.setattr("callbacks.training_history.save_history", lambda path, *_: path.touch())


quick = pytest.mark.usefixtures("without_drawing")


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "training_history.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def column(folder: Path, name: str) -> list[str]:
    return [row[name] for row in table(folder)]


def test_each_epoch_has_a_row_and_the_plot_is_drawn(tmp_path: Path) -> None:
    run(tmp_path, [0.25, 0.75, 0.5])
    rows = table(tmp_path)
    assert list(rows[0]) == [
        *("epoch", "global_step", "train/loss", "val/loss", "val/dice", "val/iou"),
        *("lr", "seconds", "best", "resumed"),
    ]
    assert column(tmp_path, "epoch") == ["1", "2", "3"]
    assert column(tmp_path, "global_step") == ["3", "6", "9"]
    assert column(tmp_path, "val/iou") == ["0.25", "0.75", "0.5"]
    assert column(tmp_path, "best") == ["", "1", ""]
    assert all(float(row["seconds"]) >= 0 for row in rows)
    assert (tmp_path / "training_history.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"training_history.csv", "training_history.png"}


@quick
def test_the_rate_is_that_of_the_last_step_of_the_epoch(tmp_path: Path) -> None:
    history, _ = run(tmp_path, [0.5, 0.5])
    assert [row["lr"] for row in history.rows] == [pytest.approx(1 / 3), pytest.approx(1 / 6)]


@quick
def test_with_mode_min_the_lowest_score_is_best(tmp_path: Path) -> None:
    run(tmp_path, [0.1, 0.3, 0.2], history=TrainingHistory(str(tmp_path), monitor="val/loss", mode="min"))
    assert column(tmp_path, "best") == ["", "1", ""]


@quick
def test_the_first_of_equal_scores_is_best(tmp_path: Path) -> None:
    history, _ = run(tmp_path, [0.5, 0.5])
    assert history.best_epoch == 1


@quick
def test_the_sanity_check_is_not_a_validation_of_the_first_epoch(tmp_path: Path) -> None:
    history, _ = run(tmp_path, [0.5, 0.6], num_sanity_val_steps=2, check_val_every_n_epoch=2)
    assert "val/iou" not in history.rows[0]


@quick
def test_epochs_without_validation_have_empty_cells(tmp_path: Path) -> None:
    run(tmp_path, [0.25, 0.5, 0.25, 0.75], check_val_every_n_epoch=2)
    assert column(tmp_path, "val/iou") == ["", "0.5", "", "0.75"]
    assert column(tmp_path, "train/loss").count("") == 0


@quick
def test_nan_and_infinity_are_written_but_are_never_best(tmp_path: Path) -> None:
    run(tmp_path, [math.nan, 0.5, math.inf])
    assert column(tmp_path, "val/iou") == ["nan", "0.5", "inf"]
    assert column(tmp_path, "best") == ["", "1", ""]


@quick
def test_without_a_finite_score_there_is_no_best_epoch(tmp_path: Path) -> None:
    history, _ = run(tmp_path, [math.nan])
    assert history.best_epoch is None


@quick
def test_a_resumed_run_continues_the_whole_history(tmp_path: Path) -> None:
    _, trainer = run(tmp_path, [0.1, 0.2])
    trainer.save_checkpoint(tmp_path / "two.pth")
    history, _ = run(tmp_path, [0.1, 0.2, 0.3, 0.4], ckpt_path=tmp_path / "two.pth")
    assert column(tmp_path, "epoch") == ["1", "2", "3", "4"]
    assert column(tmp_path, "resumed") == ["", "", "1", ""]
    assert history.resumes == [{"epoch": 3, "global_step": 6}]


@quick
def test_an_epoch_resumed_after_its_start_is_marked_and_keeps_its_earlier_time(tmp_path: Path) -> None:
    path = tmp_path / "stopped.pth"
    with pytest.raises(StopHereError):
        run(tmp_path, [0.1, 0.2], SaveAndStop(path, epoch=2, batch=2))
    saved = torch.load(path, weights_only=True)
    (state,) = [state for key, state in saved["callbacks"].items() if key.startswith("TrainingHistory")]
    state["seconds"] = 1000.0
    torch.save(saved, path)
    history, _ = run(tmp_path, [0.1, 0.2, 0.3], ckpt_path=path)
    assert history.resumes == [{"epoch": 2, "global_step": 5}]
    assert [(row["seconds"] or 0) > 999 for row in history.rows] == [False, True, False]
    assert column(tmp_path, "resumed") == ["", "1", ""]


@quick
def test_a_repeated_epoch_replaces_its_row_and_removes_later_rows(tmp_path: Path) -> None:
    history, trainer = run(tmp_path, [0.1, 0.2])
    trainer.save_checkpoint(tmp_path / "two.pth")
    later = history.state_dict()
    later["rows"] += [{**later["rows"][1], "epoch": epoch, "val/iou": 9.0} for epoch in (3, 4)]
    saved = torch.load(tmp_path / "two.pth", weights_only=True)
    saved["callbacks"] = dict.fromkeys(saved["callbacks"], later)
    torch.save(saved, tmp_path / "two.pth")
    run(tmp_path, [0.1, 0.2, 0.3], ckpt_path=tmp_path / "two.pth")
    assert column(tmp_path, "epoch") == ["1", "2", "3"]
    assert [float(score) for score in column(tmp_path, "val/iou")] == pytest.approx([0.1, 0.2, 0.3])


@quick
def test_the_state_is_a_copy_of_plain_values(tmp_path: Path) -> None:
    history, _ = run(tmp_path, [0.1])
    state = history.state_dict()
    state["rows"][0]["epoch"] = 77
    assert history.rows[0]["epoch"] == 1
    assert {type(value) for value in history.rows[0].values()} == {int, float}


def test_a_file_that_cannot_be_written_is_a_warning_and_the_other_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "training_history.csv").mkdir()
    history = TrainingHistory(str(tmp_path))
    history.rows = [{"epoch": 1, "val/iou": 0.5, "lr": 0.1}]
    with pytest.warns(
        UserWarning, match=r"training_history.csv was not written: .*next attempt is after the next epoch"
    ):
        history.write()
    assert {path.name for path in tmp_path.iterdir()} == {"training_history.csv", "training_history.png"}


def test_fast_dev_run_writes_nothing(tmp_path: Path) -> None:
    run(tmp_path, [0.1], fast_dev_run=True)
    assert not list(tmp_path.iterdir())
