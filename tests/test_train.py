"""The whole program: `train.main` on tiny data."""

import contextlib
import csv
import io
from pathlib import Path

import pytest
import torch
import yaml

import train
from tests.helpers import tiny
from tests.helpers.pictures import draw_pair, draw_pairs
from tests.helpers.tiny_run import PATHS, TINY, Run, contents, copy_run, load


def epochs_in_history(folder: Path = Path()) -> list[str]:
    with (folder / "checkpoints/training_history.csv").open(encoding="utf-8", newline="") as file:
        return [row["epoch"] for row in csv.DictReader(file)]


def test_a_first_run_writes_the_files_of_the_contract_and_prints_nothing_of_lightnings_own(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(*PATHS, *TINY, "--max_epochs=2") == 0
    printed = capfd.readouterr()
    assert sorted(path.name for path in Path("checkpoints").iterdir()) == [
        "best_model.pth",
        "checkpoint_epoch_1.pth",
        "checkpoint_epoch_2.pth",
        "config.yaml",
        "data_scan.json",
        "latest_checkpoint.pth",
        "training_history.csv",
        "training_history.png",
    ]
    for words in ("Device: C", "from Data/images and Data/gt", "Epoch 2/2", "Best: epoch", "--max_epochs 4"):
        assert words in printed.out
    for noise in ("Tip", "GPU available", "Warning", "warn", "ckpt_path=None"):
        assert noise not in printed.out + printed.err


def test_a_validation_without_foreground_is_named_and_chooses_no_best_model(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    draw_pair(Path("val"), "empty", values=(0,))
    validation = ["--data.val_image_path=val/images", "--data.val_gt_path=val/gt"]
    assert run(*PATHS, *TINY, *validation, "--max_epochs=2") == 0
    assert run("--ckpt_path=auto", "--max_epochs=3") == 0
    printed = capfd.readouterr().out
    # Once in each start.
    assert printed.count("no foreground, so val/iou, val/dice, val/iou_per_image are NaN.") == 2
    assert printed.count("val/iou is NaN in epoch") == 2
    assert printed.count("No best model: val/iou was NaN in all validations.") == 2
    assert not Path("checkpoints/best_model.pth").exists()
    entry = load("latest_checkpoint.pth")["run"]
    assert (entry["epoch"], entry["score"], entry["best_score"]) == (3, None, None)


def test_a_checkpoint_describes_its_run(trained_folder: Path) -> None:
    checkpoints = trained_folder / "checkpoints"
    entry = tiny.load(checkpoints / "latest_checkpoint.pth")["run"]
    assert len(entry["run_id"]) == 32
    assert entry["resumed_from"] is None
    assert entry["class_mapping"] == {"0": 0, "255": 1}
    assert entry["versions"]["torch"] == str(torch.__version__)
    own_validation_set = {"val_image_path": None, "val_gt_path": None}
    assert entry["data"] == {"image_path": "Data/images", "gt_path": "Data/gt", **own_validation_set}
    assert yaml.safe_load(entry["config"])["trainer"]["max_epochs"] == 2
    assert (checkpoints / "config.yaml").read_text(encoding="utf-8") == entry["config"]


class Resumed:
    """The run of `trained_folder`, copied and continued for one epoch, by --no_interactive with --ckpt_path."""

    def __init__(self, trained_folder: Path, folder: Path) -> None:
        copy_run(trained_folder, folder)
        self.folder = folder
        printed = io.StringIO()
        typed = ["--no_interactive", "--ckpt_path=latest", "--max_epochs=3", "--data.augmentation=[]"]
        with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
            assert train.main(typed) == 0
        self.printed = printed.getvalue()


@pytest.fixture(scope="module")
def resumed(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    return Resumed(trained_folder, tmp_path_factory.mktemp("resumed"))


def test_a_resume_continues_the_run_with_its_next_epoch(resumed: Resumed, trained_folder: Path) -> None:
    assert "Loading checkpoint from checkpoints" in resumed.printed
    assert "Checkpoint loaded from checkpoints" in resumed.printed
    assert "Resuming training from epoch 3/3" in resumed.printed
    before, after = (
        tiny.load(folder / "checkpoints/latest_checkpoint.pth")["run"] for folder in (trained_folder, resumed.folder)
    )
    assert (after["run_id"], after["epoch"]) == (before["run_id"], 3)
    assert after["resumed_from"]["run_id"] == before["run_id"]
    assert epochs_in_history(resumed.folder) == ["1", "2", "3"]


def test_a_resume_uses_the_settings_of_the_run_and_typed_flags_but_not_the_defaults(resumed: Resumed) -> None:
    saved = yaml.safe_load((resumed.folder / "checkpoints/config.yaml").read_text(encoding="utf-8"))
    assert saved["model"]["init_args"]["network"]["init_args"]["width"] == 2
    assert saved["trainer"]["max_epochs"] == 3
    assert saved["data"]["init_args"]["augmentation"] == []
    assert "ckpt_path" not in saved


def test_a_checkpoint_path_wins_over_no_interactive(resumed: Resumed) -> None:
    assert not (resumed.folder / "checkpoints/archive").exists()


def test_a_resume_from_an_older_file_with_other_typed_data_repeats_the_later_epochs_and_names_both_data(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_pairs(Path("Other"), 12)
    other = ["--image_path", "Other/images", "--gt_path", "Other/gt"]
    assert trained("--resume", "checkpoints/checkpoint_epoch_1.pth", "--max_epochs", "3", *other) == 0
    said = capsys.readouterr().out
    assert "was trained on Data/images, Data/gt; from now on it is trained on Other/images, Other/gt" in said
    assert "Resuming training from epoch 2/3" in said
    assert load("latest_checkpoint.pth")["run"]["epoch"] == 3
    assert epochs_in_history() == ["1", "2", "3"]


def test_a_resume_of_a_run_with_all_its_steps_says_that_it_is_finished_and_changes_nothing(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents()
    assert trained("--ckpt_path=latest", "--max_epochs=3", "--trainer.max_steps=4") == 0
    said = capsys.readouterr().out
    assert "This run is finished: 2 epochs, 4 steps; ended by max_steps. Nothing was changed." in said
    assert "--trainer.max_steps 8" in said
    assert contents() == before


def test_no_interactive_archives_the_old_run_whole_and_prints_the_command_that_continues_it(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {Path(name).name: data for name, data in contents().items()}
    old = load("latest_checkpoint.pth")["run"]["run_id"]
    assert trained("--no_interactive", *TINY, "--max_epochs=1") == 0
    (archived,) = Path("checkpoints/archive").iterdir()
    assert {Path(name).name: data for name, data in contents(str(archived)).items()} == before
    assert load("latest_checkpoint.pth")["run"]["run_id"] != old
    assert epochs_in_history() == ["1"]
    command = f"python train.py --ckpt_path {archived / 'latest_checkpoint.pth'}"
    assert command in capsys.readouterr().out

    assert trained(*command.split()[2:], "--max_epochs=3") == 0  # which archives the present run in turn
    assert "Resuming training from epoch 3/3" in capsys.readouterr().out
    assert load("latest_checkpoint.pth")["run"]["run_id"] == old
    assert len(list(Path("checkpoints/archive").iterdir())) == 2


def test_a_run_without_data_and_progress_bar_uses_the_sample_set_and_keeps_it_when_data_have_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["--data.sample_pairs=10", *TINY[1:3], "--max_epochs=1", "--trainer.enable_progress_bar=false"]
    assert train.main(small) == 0
    said = capsys.readouterr().out
    assert "Epoch 1/1" not in said
    assert "built-in sample set" in said
    assert "--image_path" in said  # the way to one's own data

    draw_pairs(tmp_path / "Data", 12)
    assert train.main(["--ckpt_path=latest", "--max_epochs=2"]) == 0
    assert "built-in sample set" in capsys.readouterr().out.rpartition("Loading")[2]
    assert load("latest_checkpoint.pth")["run"]["data"]["image_path"] is None


def test_help_shows_the_everyday_flags_first_and_asks_nothing(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        trained("--help")
    said = capsys.readouterr().out
    assert leaving.value.code == 0
    assert said.index("--image_path FOLDER") < said.index("--ckpt_path PATH") < said.index("--trainer.precision")


def test_a_run_with_a_time_budget_keeps_its_plan(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(*PATHS, *TINY, "--train_minutes=0.03") == 0
    assert "0.03 minutes are " in capfd.readouterr().out
    trainer = yaml.safe_load(Path("checkpoints/config.yaml").read_text(encoding="utf-8"))["trainer"]
    assert max(trainer["max_epochs"], trainer["max_steps"]) >= 10
    assert run("--ckpt_path=latest", "--train_minutes=0.03") == 0
    assert "This run is finished" in capfd.readouterr().out
