import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback

from callbacks import TrainingInterrupted
from resume.system.signals import STOP_SIGNALS, Stopped, stop_at_once
from tests.helpers.stopping import PlannedError, SignalAtStep, StopAsPlanned
from tests.helpers.tiny import BATCHES, load, names, train


class CountValidation(Callback):
    def __init__(self) -> None:
        self.batches: list[int] = []

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self.batches.append(batch_idx)


def interrupted(folder: Path) -> dict[str, Any]:
    run: dict[str, Any] = load(folder / "interrupted_checkpoint.pth")["run"]
    return run


def test_a_signal_finishes_the_step_in_hand_and_saves_there(tmp_path: Path) -> None:
    with pytest.raises(TrainingInterrupted) as stop:
        train(tmp_path, [0.1, 0.2], callbacks=[SignalAtStep(BATCHES + 1)])
    run = interrupted(tmp_path)
    assert (run["epoch"], run["epoch_done"], run["batch"], run["global_step"]) == (2, False, 2, BATCHES + 2)
    assert (stop.value.epoch, stop.value.global_step, stop.value.signum) == (2, BATCHES + 2, signal.SIGINT)
    assert stop.value.saved == tmp_path / "interrupted_checkpoint.pth"


def test_the_epoch_that_was_interrupted_does_not_count_as_done(tmp_path: Path) -> None:
    with pytest.raises(TrainingInterrupted):
        train(tmp_path, [0.1, 0.2], callbacks=[SignalAtStep(BATCHES)])
    assert load(tmp_path / "latest_checkpoint.pth")["run"]["epoch"] == 1
    assert "checkpoint_epoch_2.pth" not in names(tmp_path)


def test_a_signal_in_the_epochs_last_step_stops_in_its_validation_which_the_resume_makes_anew(tmp_path: Path) -> None:
    with pytest.raises(TrainingInterrupted):
        train(tmp_path, [0.1, 0.2], callbacks=[SignalAtStep(BATCHES - 1)])
    assert "checkpoint_epoch_1.pth" not in names(tmp_path)
    assert (interrupted(tmp_path)["epoch_done"], interrupted(tmp_path)["batch"]) == (False, BATCHES)
    count = CountValidation()
    train(tmp_path, [0.1, 0.2], callbacks=[count], ckpt_path=tmp_path / "interrupted_checkpoint.pth")
    assert count.batches == [0, 1, 0, 1]
    assert {"checkpoint_epoch_1.pth", "checkpoint_epoch_2.pth"} <= set(names(tmp_path))


def test_a_signal_at_the_epochs_very_end_lets_its_files_be_written(tmp_path: Path) -> None:
    class SignalAfterValidation(Callback):
        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(TrainingInterrupted):
        train(tmp_path, [0.1, 0.2], callbacks=[SignalAfterValidation()])
    assert "checkpoint_epoch_1.pth" in names(tmp_path)
    assert interrupted(tmp_path)["epoch_done"]


@pytest.mark.parametrize("step", [0, 1, BATCHES - 1, BATCHES, 2 * BATCHES - 2])
def test_a_resume_after_an_interruption_makes_the_steps_that_were_left(tmp_path: Path, step: int) -> None:
    with pytest.raises(TrainingInterrupted):
        train(tmp_path, [0.1, 0.2], callbacks=[SignalAtStep(step)])
    trainer = train(tmp_path, [0.1, 0.2], ckpt_path=tmp_path / "interrupted_checkpoint.pth")
    assert (trainer.global_step, trainer.current_epoch) == (2 * BATCHES, 2)


def test_a_fresh_start_after_an_interruption_begins_at_step_0(tmp_path: Path) -> None:
    class FirstStep(Callback):
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            self.step = trainer.global_step

    with pytest.raises(TrainingInterrupted):
        train(tmp_path, [0.1, 0.2], callbacks=[SignalAtStep(1)])
    first = FirstStep()
    train(tmp_path, [0.1, 0.2], callbacks=[first])
    assert first.step == 0


def test_the_interrupted_file_stays_when_a_later_run_ends_well(tmp_path: Path) -> None:
    with pytest.raises(TrainingInterrupted):
        train(tmp_path, [0.1], callbacks=[SignalAtStep(1)])
    train(tmp_path, [0.1], ckpt_path=tmp_path / "interrupted_checkpoint.pth")
    assert "interrupted_checkpoint.pth" in names(tmp_path)


def test_a_stop_waits_for_the_optimizer_step_of_accumulated_gradients(tmp_path: Path) -> None:
    class SignalInFirstBatch(Callback):
        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == 0:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(TrainingInterrupted):
        train(tmp_path, [0.1], callbacks=[SignalInFirstBatch()], trainer_settings={"accumulate_grad_batches": 2})
    assert (interrupted(tmp_path)["batch"], interrupted(tmp_path)["global_step"]) == (2, 1)


@pytest.mark.parametrize("signum", STOP_SIGNALS)
def test_every_signal_that_stops_saves_and_has_its_own_exit_code(tmp_path: Path, signum: int) -> None:
    with pytest.raises(TrainingInterrupted) as stop:
        train(tmp_path, [0.1], callbacks=[SignalAtStep(1, signum)])
    assert stop.value.exit_code == 128 + signum
    assert interrupted(tmp_path)["global_step"] == 2


@pytest.mark.parametrize("signum", STOP_SIGNALS)
def test_a_signal_before_training_stops_at_once_and_writes_nothing(tmp_path: Path, signum: int) -> None:
    class SignalInSanityCheck(Callback):
        def on_sanity_check_start(self, trainer: Any, pl_module: Any) -> None:
            signal.raise_signal(signum)
            raise AssertionError("still there")

    with pytest.raises(Stopped) as stop, stop_at_once():
        train(tmp_path, [0.1], callbacks=[SignalInSanityCheck()], trainer_settings={"num_sanity_val_steps": 1})
    assert stop.value.signum == signum
    assert names(tmp_path) == []


def test_an_exception_in_a_step_saves_the_steps_before_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class BadBatch(Callback):
        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            if trainer.global_step == 2:
                raise RuntimeError("a bad batch")

    with pytest.raises(RuntimeError, match="a bad batch"):
        train(tmp_path, [0.1], callbacks=[BadBatch()])
    assert interrupted(tmp_path)["global_step"] == 2
    assert "All steps before that (2) are saved in" in capsys.readouterr().out


def test_an_exception_while_the_weights_change_saves_nothing(tmp_path: Path) -> None:
    class BadStep(Callback):
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            def fail(*_: Any) -> None:
                raise RuntimeError("a bad step")

            trainer.optimizers[0].register_step_post_hook(fail)

    with pytest.raises(RuntimeError, match="a bad step"):
        train(tmp_path, [0.1], callbacks=[BadStep()])
    assert "interrupted_checkpoint.pth" not in names(tmp_path)


def test_a_second_signal_leaves_at_once_without_saving(tmp_path: Path) -> None:
    program = f"""
import signal, sys
from pathlib import Path
sys.path[:0] = {[str(Path(__file__).parents[2])]!r}
from lightning.pytorch import Callback
from tests.helpers.stopping import PlannedError, SignalAtStep, StopAsPlanned
from tests.helpers.tiny import train
class Twice(Callback):
    def on_train_batch_start(self, *args):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        print("still there")
train(Path({str(tmp_path)!r}), [0.1], callbacks=[Twice()])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert "still there" not in done.stdout
    assert names(tmp_path) == []


def handlers() -> list[Any]:
    return [signal.getsignal(signum) for signum in STOP_SIGNALS]


def test_signal_handlers_are_put_back_after_training(tmp_path: Path) -> None:
    before = handlers()
    train(tmp_path, [0.1])
    assert handlers() == before


def test_signal_handlers_are_put_back_after_an_interruption(tmp_path: Path) -> None:
    before = handlers()
    with pytest.raises(TrainingInterrupted), stop_at_once():
        train(tmp_path, [0.1], callbacks=[SignalAtStep(1)])
    assert handlers() == before


def test_an_exception_in_validation_saves_the_epoch_and_a_resume_validates_it_in_full(tmp_path: Path) -> None:
    class BadImage(Callback):
        def on_validation_batch_start(
            self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
        ) -> None:
            if trainer.global_step == 2 * BATCHES and batch_idx == 1:
                raise RuntimeError("a bad image")

    with pytest.raises(RuntimeError, match="a bad image"):
        train(tmp_path, [0.1, 0.2], callbacks=[BadImage()])
    assert interrupted(tmp_path)["global_step"] == 2 * BATCHES
    count = CountValidation()
    trainer = train(tmp_path, [0.1, 0.2], callbacks=[count], ckpt_path=tmp_path / "interrupted_checkpoint.pth")
    assert (trainer.global_step, count.batches) == (2 * BATCHES, [0, 1])
    assert load(tmp_path / "latest_checkpoint.pth")["run"]["best_epoch"] == 2


@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_stop_around_a_validation_in_mid_epoch_does_not_lose_it(tmp_path: Path, step: int) -> None:
    settings: dict[str, Any] = {"trainer_settings": {"val_check_interval": 0.5}}
    train(tmp_path / "whole", [0.2, 0.1], **settings)
    with pytest.raises(TrainingInterrupted):
        train(tmp_path / "parts", [0.2, 0.1], callbacks=[SignalAtStep(step)], **settings)
    train(tmp_path / "parts", [0.2, 0.1], ckpt_path=tmp_path / "parts" / "interrupted_checkpoint.pth", **settings)
    whole, parts = (load(tmp_path / name / "latest_checkpoint.pth")["run"] for name in ("whole", "parts"))
    assert whole["best_step"] == BATCHES // 2
    for fact in ("global_step", "best_step", "best_epoch", "best_score", "score"):
        assert parts[fact] == whole[fact], fact


def test_a_validation_that_was_made_anew_is_not_made_a_third_time(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"trainer_settings": {"val_check_interval": 0.5}}
    file = tmp_path / "interrupted_checkpoint.pth"
    StopAsPlanned.plan[:] = [("val", BATCHES // 2), ("batch", BATCHES // 2)]
    with pytest.raises(TrainingInterrupted):
        train(tmp_path, [0.1], callbacks=[StopAsPlanned()], **settings)
    with pytest.raises(PlannedError):
        train(tmp_path, [0.1], callbacks=[StopAsPlanned()], ckpt_path=file, **settings)
    count = CountValidation()
    train(tmp_path, [0.1], callbacks=[count], ckpt_path=file, **settings)
    assert count.batches == [0, 1]  # the one at the epoch's end
