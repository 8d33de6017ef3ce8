"""The whole program: `train.main` on tiny data."""

import csv
from pathlib import Path

import pytest
import torch
import yaml

import train
from tests.helpers.pictures import draw_pairs
from tests.helpers.tiny_run import PATHS, TINY, Run, contents, load

ROOT = Path(train.__file__).parent


def history() -> list[dict[str, str]]:
    with Path("checkpoints/training_history.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_first_run_writes_the_files_of_the_contract_and_says_what_it_did(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*PATHS, *TINY, "--max_epochs=2") == 0
    said = capsys.readouterr().out
    assert sorted(path.name for path in Path("checkpoints").iterdir()) == [
        "best_model.pth",
        "checkpoint_epoch_1.pth",
        "checkpoint_epoch_2.pth",
        "config.yaml",
        "latest_checkpoint.pth",
        "training_history.csv",
        "training_history.png",
    ]
    for line in ("Device: C", "from Data/images and Data/gt", "Epoch 2/2", "Best: epoch", "--max_epochs 4"):
        assert line in said


def test_a_first_run_says_nothing_of_lightnings_own(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(*PATHS, *TINY, "--max_epochs=1") == 0
    everything = "".join(capfd.readouterr())
    for noise in ("Tip", "GPU available", "Warning", "warn", "ckpt_path=None"):
        assert noise not in everything


def test_a_checkpoint_tells_what_the_run_was(trained: Run) -> None:
    checkpoint = load("latest_checkpoint.pth")["run"]
    assert len(checkpoint["run_id"]) == 32
    assert checkpoint["resumed_from"] is None
    assert checkpoint["class_mapping"] == {"0": 0, "1": 1, "255": 1}
    assert checkpoint["versions"]["torch"] == str(torch.__version__)
    own_validation_set = {"val_image_path": None, "val_gt_path": None}
    assert checkpoint["data"] == {"image_path": "Data/images", "gt_path": "Data/gt", **own_validation_set}
    assert yaml.safe_load(checkpoint["config"])["trainer"]["max_epochs"] == 2
    assert Path("checkpoints/config.yaml").read_text(encoding="utf-8") == checkpoint["config"]


@pytest.mark.parametrize(
    ("ckpt_path", "first_epoch"),
    [
        ("latest", 3),
        ("last", 3),
        ("auto", 3),
        ("epoch", 3),
        ("checkpoints/latest_checkpoint.pth", 3),
        ("checkpoints/checkpoint_epoch_1.pth", 2),
    ],
)
def test_a_resume_goes_on_with_the_next_epoch(
    trained: Run, capsys: pytest.CaptureFixture[str], ckpt_path: str, first_epoch: int
) -> None:
    run_id = load("latest_checkpoint.pth")["run"]["run_id"]
    assert trained("--ckpt_path", ckpt_path, "--max_epochs", "3") == 0
    said = capsys.readouterr().out
    assert "Loading checkpoint from checkpoints" in said
    assert "Checkpoint loaded from checkpoints" in said
    assert f"Resuming training from epoch {first_epoch}/3" in said
    resumed = load("latest_checkpoint.pth")["run"]
    assert (resumed["run_id"], resumed["epoch"]) == (run_id, 3)
    assert resumed["resumed_from"]["run_id"] == run_id
    assert [row["epoch"] for row in history()] == ["1", "2", "3"]


def test_best_resumes_from_the_best_epoch(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    best = load("best_model.pth")["run"]["epoch"]
    assert trained("--resume", "best", "--max_epochs=3") == 0
    assert f"Resuming training from epoch {best + 1}/3" in capsys.readouterr().out


def test_a_resume_goes_on_with_the_settings_of_the_run_not_with_the_defaults(trained: Run) -> None:
    assert trained("--ckpt_path=latest", "--max_epochs=3", "--data.augmentation=[]") == 0
    saved = yaml.safe_load(Path("checkpoints/config.yaml").read_text(encoding="utf-8"))
    assert saved["model"]["init_args"]["network"]["init_args"]["width"] == 2
    assert saved["trainer"]["max_epochs"] == 3
    assert saved["data"]["init_args"]["augmentation"] == []
    assert "ckpt_path" not in saved


def test_a_finished_run_says_so_and_changes_nothing(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents()
    assert trained("--ckpt_path=latest") == 0
    said = capsys.readouterr().out
    assert "This run is finished: 2 epochs, 4 steps. Nothing was changed." in said
    assert "--max_epochs 4" in said
    assert contents() == before


def test_no_interactive_archives_the_old_run_whole_and_names_the_way_back(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {Path(name).name: data for name, data in contents().items()}
    old = load("latest_checkpoint.pth")["run"]["run_id"]
    assert trained("--no_interactive", *TINY, "--max_epochs=1") == 0
    said = capsys.readouterr().out
    (archived,) = Path("checkpoints/archive").iterdir()
    assert {Path(name).name: data for name, data in contents(str(archived)).items()} == before
    assert load("latest_checkpoint.pth")["run"]["run_id"] != old
    assert f"python train.py --ckpt_path {archived / 'latest_checkpoint.pth'}" in said
    assert [row["epoch"] for row in history()] == ["1"]


def test_the_archived_run_can_be_continued_and_the_present_one_is_archived_in_turn(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    old = load("latest_checkpoint.pth")["run"]["run_id"]
    assert trained("--no_interactive", *TINY, "--max_epochs=1") == 0
    (archived,) = Path("checkpoints/archive").iterdir()
    capsys.readouterr()
    assert trained("--ckpt_path", str(archived / "latest_checkpoint.pth"), "--max_epochs=3") == 0
    assert "Resuming training from epoch 3/3" in capsys.readouterr().out
    assert load("latest_checkpoint.pth")["run"]["run_id"] == old
    assert len(list(Path("checkpoints/archive").iterdir())) == 2


def test_a_checkpoint_path_wins_over_no_interactive(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert trained("--no_interactive", "--ckpt_path=latest", "--max_epochs=3") == 0
    assert "Resuming training from epoch 3/3" in capsys.readouterr().out
    assert not Path("checkpoints/archive").exists()


def test_other_data_are_taken_and_named_when_they_were_typed(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    draw_pairs(Path("Other"), 12)
    typed = ["--image_path", "Other/images", "--gt_path", "Other/gt"]
    assert trained("--ckpt_path=latest", "--max_epochs=3", *typed) == 0
    assert (
        "was trained on Data/images, Data/gt; from now on it is trained on Other/images, Other/gt"
        in capsys.readouterr().out
    )


def test_a_trial_run_writes_nothing_and_leaves_the_run_as_it_was(trained: Run) -> None:
    before = contents()
    assert trained("--ckpt_path=latest", "--max_epochs=3", "--trainer.fast_dev_run=true") == 0
    assert trained("--no_interactive", *TINY, "--trainer.fast_dev_run=true") == 0
    assert contents() == before


def test_the_progress_bar_can_be_turned_off(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*PATHS, *TINY, "--max_epochs=1", "--trainer.enable_progress_bar=false") == 0
    assert "Epoch 1/1" not in capsys.readouterr().out


def test_a_run_with_all_its_steps_is_finished(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*PATHS, *TINY, "--trainer.max_steps=3") == 0
    before = contents()
    assert run("--ckpt_path=latest") == 0
    assert "This run is finished" in capsys.readouterr().out
    assert contents() == before


def test_without_data_the_sample_set_is_trained_on_and_the_way_to_ones_own_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert train.main(["--max_epochs=1", "--data.sample_pairs=10", *TINY[1:3]]) == 0
    said = capsys.readouterr().out
    assert "built-in sample set" in said
    assert "--image_path" in said


def test_a_run_on_the_sample_set_goes_on_with_it_after_data_have_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert train.main(["--max_epochs=1", "--data.sample_pairs=10", *TINY[1:3]]) == 0
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


def test_print_config_prints_what_a_run_would_use_and_touches_nothing(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents()
    with pytest.raises(SystemExit) as leaving:
        trained("--max_epochs=7", "--print_config")
    assert leaving.value.code == 0
    assert yaml.safe_load(capsys.readouterr().out)["trainer"]["max_epochs"] == 7
    assert contents() == before


def test_an_abbreviated_flag_is_refused(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*PATHS, "--max_epoch", "3") == 2
    assert "max_epoch" in capsys.readouterr().err
