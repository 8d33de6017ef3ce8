from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping

from callbacks import Ending, TrainingInterrupted
from tests.helpers.stopping import SignalAtStep, StopRun
from tests.helpers.tiny import BATCHES, load, names, train

SCORES = [0.1, 0.2, 0.3]


def how_it_ended(folder: Path) -> tuple[Any, ...]:
    """Epoch, batches of it, whether it is done, steps, and why the run ended."""
    run = load(folder / "latest_checkpoint.pth")["run"]
    assert run["finished"]
    return tuple(run[name] for name in ("epoch", "batch", "epoch_done", "global_step", "ended_by"))


@pytest.mark.parametrize(
    ("stop", "settings", "ended"),
    [
        (StopRun("on_train_batch_end", 6), {}, (2, 2, False, 6, "callback")),
        (StopRun("on_train_batch_start", 6), {}, (2, 2, False, 6, "callback")),
        (StopRun("on_train_batch_end", 5), {"accumulate_grad_batches": 2}, (2, 2, False, 3, "callback")),
        # Its first batch is the place at which a state of this epoch can be saved.
        (StopRun("on_train_epoch_start", BATCHES), {}, (2, 1, False, 5, "callback")),
        (StopRun("on_validation_end", 6), {"val_check_interval": 2}, (2, 2, False, 6, "callback")),
        (StopRun("on_train_batch_end", 2 * BATCHES), {}, (2, 4, True, 8, "callback")),
        (StopRun("on_train_epoch_end", 2 * BATCHES), {}, (2, 4, True, 8, "callback")),
        (StopRun("on_train_batch_end", 6), {"min_steps": 7}, (2, 3, False, 7, "callback")),
        (StopRun("on_train_batch_end", 6), {"min_epochs": 2}, (2, 4, True, 8, "callback")),
        (StopRun("on_train_batch_end", 3 * BATCHES + 1), {}, (3, 4, True, 12, "max_epochs")),
        (StopRun("on_train_batch_end", 9), {"max_steps": 7}, (2, 3, False, 7, "max_steps")),
    ],
)
def test_a_stop_takes_effect_after_an_optimizer_step_and_an_epoch_that_it_cuts_short_is_not_done(
    tmp_path: Path, stop: Callback, settings: dict[str, Any], ended: tuple[Any, ...]
) -> None:
    train(tmp_path, SCORES, callbacks=[stop], trainer_settings=settings)
    assert how_it_ended(tmp_path) == ended
    done = ended[0] if ended[2] else ended[0] - 1
    assert [name for name in names(tmp_path) if "epoch" in name] == [
        f"checkpoint_epoch_{epoch}.pth" for epoch in range(1, done + 1)
    ]


def test_the_last_step_is_validated_once_and_its_score_is_saved(tmp_path: Path) -> None:
    validations: list[int] = []

    class Count(Callback):
        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            validations.append(trainer.global_step)

    train(tmp_path, SCORES, callbacks=[Count()], trainer_settings={"max_steps": 6})
    assert validations == [4, 6]
    run = load(tmp_path / "best_model.pth")["run"]
    assert (run["score"], run["best_step"], run["best_epoch"]) == (pytest.approx(0.2), 6, 2)


def test_a_run_without_validation_is_finished_at_its_last_step(tmp_path: Path) -> None:
    train(tmp_path, SCORES, trainer_settings={"max_steps": 6, "limit_val_batches": 0})
    assert how_it_ended(tmp_path) == (2, 2, False, 6, "max_steps")


def test_early_stopping_that_is_more_patient_now_continues_its_count_and_keeps_no_mark_of_the_stop(
    tmp_path: Path,
) -> None:
    settings = {"val_check_interval": 2}
    train(tmp_path, [0.3, 0.3, 0.3], callbacks=[EarlyStopping("val/iou", patience=2)], trainer_settings=settings)
    assert how_it_ended(tmp_path) == (2, 2, False, 6, "early_stopping")
    now = EarlyStopping("val/iou", patience=9)
    train(
        tmp_path,
        [0.3, 0.3, 0.3],
        callbacks=[now],
        trainer_settings=settings,
        ckpt_path=tmp_path / "latest_checkpoint.pth",
        ending=Ending(same_callbacks=False),
    )
    assert (now.patience, now.stopped_epoch, now.stopping_reason.name) == (9, 0, "NOT_STOPPED")
    assert now.wait_count == 5


def test_a_stop_that_waits_for_min_epochs_is_remembered_by_a_resume(tmp_path: Path) -> None:
    settings = {"min_epochs": 2}
    stop = StopRun("on_train_batch_end", 2)
    with pytest.raises(TrainingInterrupted):
        train(tmp_path, SCORES, callbacks=[stop, SignalAtStep(2)], trainer_settings=settings)
    train(tmp_path, SCORES, ckpt_path=tmp_path / "interrupted_checkpoint.pth", trainer_settings=settings)
    assert how_it_ended(tmp_path) == (2, 4, True, 8, "callback")


def test_an_error_in_the_last_validation_leaves_the_last_step_saved(tmp_path: Path) -> None:
    class Fail(Callback):
        def on_validation_batch_end(self, trainer: Any, *_: Any) -> None:
            if trainer.global_step == 6:
                raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        train(tmp_path, SCORES, callbacks=[Fail()], trainer_settings={"max_steps": 6})
    assert "interrupted_checkpoint.pth" not in names(tmp_path)
    run = load(tmp_path / "latest_checkpoint.pth")["run"]
    assert (run["global_step"], run["epoch_done"], run["ended_by"], run["finished"]) == (6, False, "max_steps", False)
    train(tmp_path, SCORES, ckpt_path=tmp_path / "latest_checkpoint.pth", trainer_settings={"max_steps": 6})
    assert how_it_ended(tmp_path) == (2, 2, False, 6, "max_steps")
