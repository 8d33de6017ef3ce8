"""A resumed run keeps its split, whatever is typed, and says so."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import resume
from datamodules.seeding import mix
from launch.cli import TrainCLI
from launch.config_errors import ConfigError
from launch.trust import settle
from resume.system.launch_info import SHELL
from tests.helpers.built import built_cli, checked
from tests.helpers.pictures import draw_pair
from tests.helpers.tiny_run import PATHS, TINY, Run

RESUME = ["--ckpt_path=latest", "--max_epochs=3"]


def start(*argv: str) -> TrainCLI:
    arguments = resume.read_arguments(["--lang=en", *argv], SHELL)
    decision = resume.choose(arguments)
    run_config = decision.checkpoint.config if isinstance(decision, resume.Resume) else None
    configs = settle(arguments, decision).configs
    cli = built_cli(arguments.for_lightning(decision, configs), run_config=run_config)
    checked(cli, arguments, decision)
    return cli


def names(cli: TrainCLI) -> tuple[list[str], list[str]]:
    loaders = cli.datamodule.train_dataloader(), cli.datamodule.val_dataloader()
    sources = [loader.dataset._source for loader in loaders]  # type: ignore[attr-defined]
    train, val = ([source.image_file(index) for index in range(len(source))] for source in sources)
    return train, val


def saved(cli: TrainCLI) -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load(cli.config_text())["data"]["init_args"]
    return settings


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--seed_everything=5"], "seed_everything 0 (not 5)"),
        pytest.param(["--data.val_fraction=0.5"], "data.val_fraction 0.3 (not 0.5)", marks=pytest.mark.slow),
        pytest.param(["--data.split_seed=3"], "data.split_seed 0 (not 3)", marks=pytest.mark.slow),
        (["--data.fold=1/3"], "data.fold None (not 1/3)"),
        pytest.param(["--data.group=.$"], "data.group None (not .$)", marks=pytest.mark.slow),
        pytest.param(["--data.split", "train.txt"], "data.split None (not ['train.txt'])", marks=pytest.mark.slow),
    ],
)
def test_a_resume_keeps_the_split_of_the_run_and_says_so(
    trained: Run, typed: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = start(*RESUME)
    assert "keeps its own split" not in capsys.readouterr().out
    after = start(*RESUME, *typed)
    assert names(after) == names(before)
    line = next(line for line in capsys.readouterr().out.splitlines() if "keeps its own split" in line)
    assert said in line
    assert ("no longer the same" in line) == ("seed_everything" in said)
    assert {key: saved(after)[key] for key in ("split_seed", "val_fraction", "fold", "group", "split")} == {
        "split_seed": 0,
        "val_fraction": 0.3,
        "fold": None,
        "group": None,
        "split": None,
    }


def test_a_split_that_was_edited_in_the_runs_config_file_is_not_taken(trained: Run) -> None:
    before = names(start(*RESUME))
    config = Path("checkpoints/config.yaml")
    config.write_text(config.read_text(encoding="utf-8").replace("val_fraction: 0.3", "val_fraction: 0.6"))
    assert names(start(*RESUME)) == before


def test_a_run_of_an_earlier_version_keeps_the_split_of_its_seed(trained: Run) -> None:
    from launch.own_split import settle_split

    cli = start(*RESUME)
    before = yaml.safe_load(cli.config_text())
    for name in ("split_seed", "fold", "group", "split"):
        before["data"]["init_args"].pop(name)
    cli.config.data.init_args["split_seed"] = None
    overruled = settle_split(cli.config, 5, yaml.safe_dump(before))
    assert cli.config.data.init_args["split_seed"] == 0
    assert overruled == {"seed_everything": (0, 5)}


def test_the_configuration_of_a_new_run_names_the_seed_of_its_split(run: Run) -> None:
    cli = start("--no_interactive", *PATHS, *TINY, "--seed_everything=4")
    assert saved(cli)["split_seed"] == 4


def test_lists_whose_files_have_moved_may_be_typed_again(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    Path("train.txt").write_text("\n".join(f"cell_{number}.png" for number in range(8)))
    Path("val.txt").write_text("cell_9\ncell_10")
    lists = ["--data.split", "train.txt", "val.txt"]
    fraction = next(word for word in TINY if "val_fraction" in word)
    typed = [word for word in TINY if word != fraction]
    assert run("--no_interactive", *PATHS, *typed, "--max_epochs=1", *lists) == 0
    assert "8 pairs for training, 2 for validation, 2 left out (in no list)" in capsys.readouterr().out
    Path("lists").mkdir()
    for name in ("train.txt", "val.txt"):
        Path(name).rename(Path("lists", name))
    cli = start(*RESUME, "--data.split", "lists/train.txt", "lists/val.txt")
    assert saved(cli)["split"] == ["lists/train.txt", "lists/val.txt"]
    assert [len(side) for side in names(cli)] == [8, 2]
    assert "keeps its own" not in capsys.readouterr().out


def test_a_renamed_pair_that_stays_against_the_split_is_named(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = names(start(*RESUME))
    old = Path(before[0][0])
    new = next(name for name in map(str, range(100)) if mix(0, "split", name) < 0.1 * 2**63)
    for folder in ("images", "gt"):
        Path("Data", folder, old.name).rename(Path("Data", folder, f"{new}.png"))
    capsys.readouterr()
    train, val = names(start(*RESUME))
    assert str(Path("Data/images", f"{new}.png")) in train
    assert val == before[1]
    assert f"has used it: {new}\n" in capsys.readouterr().out


def test_a_share_that_was_typed_beside_folds_is_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match="each says how many pairs are for validation"):
        start("--no_interactive", *PATHS, *TINY, "--data.fold=1/3")


def test_a_share_that_was_typed_beside_lists_is_not_ignored_in_silence(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folds.csv").write_text("\n".join(f"cell_{number},{'val' if number < 3 else 'train'}" for number in range(12)))
    cli = start("--no_interactive", *PATHS, *TINY, "--data.split=folds.csv")
    assert [len(side) for side in names(cli)] == [9, 3]
    assert "--data.val_fraction decides nothing: --data.split says" in capsys.readouterr().out


def test_folders_for_validation_that_are_typed_for_a_run_of_folds_end_its_folds(run: Run) -> None:
    typed = [word for word in TINY if "val_fraction" not in word]
    assert run("--no_interactive", *PATHS, *typed, "--max_epochs=1", "--data.fold=1/3") == 0
    for stem in ("x", "y"):
        draw_pair(Path("Other"), stem)
    cli = start(*RESUME, "--data.val_image_path=Other/images", "--data.val_gt_path=Other/gt")
    assert [len(side) for side in names(cli)] == [12, 2]


def test_a_data_class_of_the_users_own_without_these_settings_is_resumed(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own_data.py").write_text(
        "from datamodules import PairedImages\n"
        "class OwnData(PairedImages):\n"
        "    def __init__(self, image_path: str, gt_path: str, val_image_path: str | None = None,\n"
        "                 val_gt_path: str | None = None, num_classes: int = 2, ignore_index: int | None = None,\n"
        "                 image_size: int = 16, batch_size: int = 4, seed: int = 0) -> None:\n"
        "        super().__init__(image_path, gt_path, num_classes=num_classes, ignore_index=ignore_index,\n"
        "                         image_size=image_size, batch_size=batch_size, num_workers=0, split_seed=1,\n"
        "                         seed=seed)\n"
    )
    monkeypatch.syspath_prepend(".")
    Path("own.yaml").write_text(
        "data: {class_path: own_data.OwnData, init_args: {image_path: Data/images, gt_path: Data/gt}}"
    )
    network = [word for word in TINY if "model." in word]
    assert run("--no_interactive", "--config=own.yaml", *network, "--max_epochs=1") == 0
    before = names(start(*RESUME))
    capsys.readouterr()
    assert names(start(*RESUME, "--seed_everything=4")) == before
    assert "keeps its own" not in capsys.readouterr().out
