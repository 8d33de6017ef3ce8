"""A run that ends, also within an epoch: it is validated, saved and finished, and goes on as if it had never ended."""

import csv
import gc
import os
import shlex
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import train
from exactness.comparison import compare_runs, differences
from tests.helpers import tiny
from tests.helpers.pictures import draw_pairs
from tests.helpers.stopping import StopAsPlanned
from tests.helpers.tiny_run import contents

# Eight pairs for training in four batches, and four for validation in two.
TINY = ["--image_path=Data/images", "--gt_path=Data/gt", "--data.image_size=16", "--batch_size=2", "--no_interactive"]
TINY += ["--data.val_fraction=0.3", "--data.num_workers=0", "--model.network.width=2", "--model.network.depth=1"]
TINY += ["--model.network.dropout=0.3", "--model.optimizer.lr=0.02"]
# A schedule that does not depend on the length of the run.
TINY += ["--model.lr_scheduler=ExponentialLR", "--model.lr_scheduler.gamma=0.9", "--model.lr_scheduler_interval=step"]
STOPS_AS_PLANNED = "--trainer.callbacks+=tests.helpers.stopping.StopAsPlanned"
EARLY_STOPPING = ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val/loss"]
EARLY_STOPPING += ["--trainer.callbacks.min_delta=10"]  # so no validation after the first is an improvement
AVERAGED = ["--trainer.callbacks+=EMAWeightAveraging", "--trainer.callbacks.decay=0.5"]
PLATEAU = ["--model.lr_scheduler=lightning.pytorch.cli.ReduceLROnPlateau", "--model.lr_scheduler.monitor=val/loss"]
PLATEAU += ["--model.lr_scheduler.patience=0", "--model.lr_scheduler.threshold=10"]
PLATEAU += ["--model.lr_scheduler_interval=epoch"]
ONE_STEP_A_START = "{microseconds: 1}"

Go = Callable[..., int]


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    """Runs the program in a folder of the run's own, beside the data."""
    draw_pairs(tmp_path / "Data", 12)
    monkeypatch.chdir(tmp_path)
    # Drawing takes longer than these epochs and does not matter to what is compared.
    monkeypatch.setattr("callbacks.training_history.save_history", lambda path, *_: path.touch())

    def start(folder: str, *arguments: str) -> int:
        os.environ.pop("RESUME_DECISION", None)
        return train.main(["--checkpoint_dir", folder, *arguments])

    return start


def latest(folder: str) -> dict[str, Any]:
    return tiny.load(Path(folder, "latest_checkpoint.pth"))


def how_it_ended(folder: str) -> tuple[Any, ...]:
    """Epoch, batches of it, whether it is done, and why the run ended."""
    run = latest(folder)["run"]
    assert run["finished"]
    return run["epoch"], run["batch"], run["epoch_done"], run["ended_by"]


def history(folder: str) -> list[dict[str, str]]:
    with Path(folder, "training_history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{name: value for name, value in row.items() if name not in ("seconds", "resumed", "best")} for row in rows]


def differences_but_for_the_best(one: str, other: str) -> list[str]:
    """Of the last states and the histories. A validation that only the shorter run makes may find a better model."""
    states = [latest(folder) for folder in (one, other)]
    for state in states:
        scores = state["run"] | state["callbacks"]["CheckpointFiles"]
        for name in scores:
            if name.startswith("best_") or name in ("config", "max_epochs"):
                state["run"].pop(name, None)
                state["callbacks"]["CheckpointFiles"].pop(name, None)
    return [*differences(states[0], states[1]), *differences(history(one), history(other))]


@pytest.mark.parametrize(
    ("settings", "short", "long", "ended"),
    [
        pytest.param(
            [], ["--trainer.max_steps=6"], ["--trainer.max_steps=10"], (2, 2, False, "max_steps"), id="mid-epoch"
        ),
        pytest.param(
            ["--trainer.check_val_every_n_epoch=2", *EARLY_STOPPING, "--trainer.callbacks.patience=2"],
            ["--max_epochs=3"],
            ["--max_epochs=9"],
            (3, 4, True, "max_epochs"),
            id="epoch without validation",
            marks=pytest.mark.slow,
        ),
        *(
            pytest.param(settings, short, long, ended, id=name, marks=pytest.mark.slow)
            for name, settings, short, long, ended in [
                ("epoch end", [], ["--trainer.max_steps=8"], ["--trainer.max_steps=14"], (2, 4, True, "max_steps")),
                (
                    "at a validation",
                    ["--trainer.val_check_interval=2"],
                    ["--trainer.max_steps=6"],
                    ["--trainer.max_steps=12"],
                    (2, 2, False, "max_steps"),
                ),
                (
                    "accumulation",
                    ["--trainer.accumulate_grad_batches=3"],
                    ["--trainer.max_steps=3"],
                    ["--trainer.max_steps=6"],
                    (2, 3, False, "max_steps"),
                ),
                (
                    "no validation",
                    ["--trainer.limit_val_batches=0"],
                    ["--trainer.max_steps=6"],
                    ["--trainer.max_steps=11"],
                    (2, 2, False, "max_steps"),
                ),
                (
                    "interval that does not divide",
                    ["--trainer.val_check_interval=3"],
                    ["--max_epochs=2"],
                    ["--max_epochs=3"],
                    (2, 4, True, "max_epochs"),
                ),
                (
                    "validations by batches",
                    ["--trainer.val_check_interval=3", "--trainer.check_val_every_n_epoch=null"],
                    ["--max_epochs=2"],
                    ["--max_epochs=3"],
                    (2, 4, True, "max_epochs"),
                ),
                (
                    "averaged weights",
                    AVERAGED,
                    ["--trainer.max_steps=6"],
                    ["--trainer.max_steps=11"],
                    (2, 2, False, "max_steps"),
                ),
                (
                    "plateau, mid-epoch",
                    [*PLATEAU, "--trainer.check_val_every_n_epoch=2"],
                    ["--trainer.max_steps=10"],
                    ["--trainer.max_steps=-1", "--max_epochs=6"],
                    (3, 2, False, "max_steps"),
                ),
                (
                    "plateau, epoch without validation",
                    [*PLATEAU, "--trainer.check_val_every_n_epoch=2"],
                    ["--max_epochs=3"],
                    ["--max_epochs=6"],
                    (3, 4, True, "max_epochs"),
                ),
            ]
        ),
    ],
)
def test_a_run_with_a_higher_limit_goes_on_from_its_last_step_as_if_it_had_never_ended(
    go: Go, settings: list[str], short: list[str], long: list[str], ended: tuple[Any, ...]
) -> None:
    assert go("whole", *TINY, *settings, *long) == 0
    assert go("parts", *TINY, *settings, *short) == 0
    assert how_it_ended("parts") == ended
    assert (latest("parts")["run"]["score"] is None) == ("--trainer.limit_val_batches=0" in settings)
    assert go("parts", "--ckpt_path=latest", *long) == 0
    assert differences_but_for_the_best("whole", "parts") == []


def test_early_stopping_within_an_epoch_ends_the_run_there_and_the_printed_command_goes_on_exactly(
    go: Go, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [*TINY, "--max_epochs=4", "--trainer.val_check_interval=0.5", *EARLY_STOPPING]
    assert go("parts", *settings, "--trainer.callbacks.patience=2") == 0
    assert how_it_ended("parts") == (2, 2, False, "early_stopping")
    said = capsys.readouterr().out
    assert "Ended by early stopping: 1 epoch, 2 of 4 batches of epoch 2, 6 steps." in said
    assert "did not improve in the last 2 records" in said
    assert not Path("parts/checkpoint_epoch_2.pth").exists()

    before = contents("parts")
    assert go("parts", "--ckpt_path=auto") == 0
    finished = capsys.readouterr().out
    assert "ended by early stopping. Nothing was changed." in finished
    assert contents("parts") == before
    (command,) = {line.partition("python train.py ")[2] for line in (said + finished).splitlines() if "python" in line}

    assert go("whole", *settings, "--trainer.callbacks.patience=4") == 0
    assert go("parts", *shlex.split(command)) == 0
    assert differences_but_for_the_best("whole", "parts") == []


@pytest.mark.slow
def test_less_patience_trains_nothing_more_and_no_early_stopping_trains_to_the_end(
    go: Go, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [*TINY, "--max_epochs=2", "--trainer.val_check_interval=0.5", *EARLY_STOPPING]
    assert go("run", *settings, "--trainer.callbacks.patience=2") == 0
    capsys.readouterr()
    assert go("run", "--ckpt_path=auto", "--trainer.callbacks.patience=1") == 0
    assert "This run is finished" in capsys.readouterr().out
    assert go("run", "--ckpt_path=auto", "--trainer.callbacks=null") == 0
    assert how_it_ended("run") == (2, 4, True, "max_epochs")


@pytest.mark.parametrize(
    ("settings", "moment"),
    [
        pytest.param(["--max_epochs=5", "--trainer.max_steps=6"], ("val", 6), id="of the end, mid-epoch"),
        pytest.param(
            ["--max_epochs=3", "--trainer.check_val_every_n_epoch=2"],
            ("val", 12),
            id="of the end, epoch",
            marks=pytest.mark.slow,
        ),
        pytest.param(["--max_epochs=5", "--trainer.max_steps=8"], ("val", 8), id="due, epoch", marks=pytest.mark.slow),
        pytest.param(
            ["--max_epochs=5", "--trainer.max_steps=6", "--trainer.val_check_interval=2"],
            ("val", 6),
            id="due, mid-epoch",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_run_that_was_interrupted_in_its_last_validation_makes_it_in_the_next_start(
    go: Go, settings: list[str], moment: tuple[str, int]
) -> None:
    assert go("whole", *TINY, STOPS_AS_PLANNED, *settings) == 0
    StopAsPlanned.plan[:] = [moment]
    assert go("parts", *TINY, STOPS_AS_PLANNED, *settings) == 130
    assert go("parts", "--ckpt_path=auto") == 0
    assert compare_runs(Path("whole"), Path("parts")) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "limit",
    [
        [f"--trainer.max_time={ONE_STEP_A_START}"],
        ["--trainer.callbacks+=Timer", f"--trainer.callbacks.duration={ONE_STEP_A_START}"],
    ],
    ids=["max_time", "Timer"],
)
def test_a_used_up_time_is_a_stop_like_ctrl_c_and_each_start_has_all_of_it(
    go: Go, capsys: pytest.CaptureFixture[str], limit: list[str]
) -> None:
    settings = [*TINY, "--max_epochs=2", "--trainer.limit_train_batches=2", "--trainer.val_check_interval=0.5"]
    assert go("whole", *settings) == 0
    assert go("parts", *settings, *limit) == 0
    run = tiny.load(Path("parts/interrupted_checkpoint.pth"))["run"]
    assert (run["global_step"], run["epoch_done"], run["ended_by"]) == (1, False, "")
    for _ in range(3):
        said = capsys.readouterr().out
        assert "The time limit of trainer.max_time or a Timer is reached" in said
        command = said.rpartition("python train.py ")[2]
        assert go("parts", *shlex.split(command)) == 0
    assert how_it_ended("parts") == (2, 2, True, "max_epochs")
    found = [line for line in compare_runs(Path("whole"), Path("parts")) if "max_time" not in line]
    assert [line for line in found if "callbacks" not in line] == []


def test_a_wrong_max_time_is_refused_before_anything_is_written(go: Go, capsys: pytest.CaptureFixture[str]) -> None:
    assert go("run", *TINY, "--trainer.max_time=1h") == 2
    assert "trainer.max_time is '1h'; expected days, hours, minutes and seconds" in capsys.readouterr().err
    assert not Path("run").exists()


def test_a_stop_in_a_validation_leaves_no_thread_that_hands_work_to_workers(go: Go) -> None:
    StopAsPlanned.plan[:] = [("val", 4)]
    gc.disable()  # the collector would free the loaders at some later moment
    try:
        assert go("run", *TINY, "--max_epochs=2", "--data.num_workers=2", STOPS_AS_PLANNED) == 130
        threads = [thread for thread in threading.enumerate() if thread.name == "QueueFeederThread"]
        for thread in threads:
            thread.join(5)
        assert not any(thread.is_alive() for thread in threads)
    finally:
        gc.enable()
