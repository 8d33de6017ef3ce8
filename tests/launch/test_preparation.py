"""What a start does before it touches any file: each mistake is found by one of its stages, and every file stays."""

from pathlib import Path

import pytest
import torch

import resume
from launch.building import build_trainer
from launch.trust import settle
from resume.system.launch_info import SHELL
from resume.system.output import ExplainedError
from tests.helpers import checkpoint_folders, shards
from tests.helpers.built import built_cli, checked
from tests.helpers.pictures import draw_pairs
from tests.helpers.tiny_run import TINY, Run, contents

NEW = "--no_interactive"
RESUME = ["--ckpt_path=latest", "--max_epochs=3"]
OTHER = ["--image_path=Other/images", "--gt_path=Other/gt"]


def prepare(*argv: str) -> None:
    """Choose, configure, check and build, as train.py does before it makes way for the run."""
    arguments = resume.read_arguments(["--lang=en", *argv], SHELL)
    decision = resume.choose(arguments)
    run_config = decision.checkpoint.config if isinstance(decision, resume.Resume) else None
    configs = settle(arguments, decision).configs
    cli = built_cli(arguments.for_lightning(decision, configs), run_config=run_config)
    build_trainer(cli, arguments, decision, checked(cli, arguments, decision))


def problem_of(*argv: str) -> str:
    before = contents()
    with pytest.raises(ExplainedError) as error:
        prepare(*argv)
    assert contents() == before
    return str(error.value)


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ([NEW, "--trainer.max_epoch=3"], ["max_epoch"]),
        ([NEW, "--image_path=Data/pictures"], ["Data/pictures"]),
        ([NEW, "--model.network.out_channels=5"], ["5", "expected"]),
        ([NEW, "--checkpoint.monitor=val/accuracy"], ["val/accuracy", "val/iou"]),
        ([NEW, "--checkpoint.keep_last=-1"], ["keep_last", "-1"]),
        (["--ckpt_path=checkpoints/checkpoint_epoch_9.pth"], ["checkpoint_epoch_9.pth", "best_model.pth"]),
        ([*RESUME, "--model.network.width=3"], ["latest_checkpoint.pth", "shape", "expected"]),
        ([*RESUME, "--model.optimizer.amsgrad=true"], ["--model.optimizer.amsgrad", "cannot be changed", "max_exp"]),
        ([*RESUME, "--model.optimizer=torch.optim.SGD"], ["--model.optimizer"]),
    ],
    ids=["flag", "data", "network", "settings", "callback", "checkpoint", "weights", "optimizer state", "optimizer"],
)
def test_a_wrong_argument_is_named(trained: Run, args: list[str], named: list[str]) -> None:
    message = problem_of(*TINY[:2], *args)
    assert all(words in message for words in named), message


def test_a_new_run_and_a_resume_with_other_data_look_at_every_pair(trained: Run) -> None:
    draw_pairs(Path("Other"), 12)
    Path("Other/gt/cell_11.png").write_bytes(b"no image")
    for argv in ([NEW, *TINY[:2]], RESUME):
        message = problem_of(*argv, *OTHER)
        assert "cell_11" in message
        assert "not an image" in message


@pytest.mark.parametrize(
    "data",
    ["{image_path: Other/images, gt_path: Other/gt}", "{val_image_path: Other/images, val_gt_path: Other/gt}"],
    ids=["training", "validation"],
)
def test_other_data_that_only_a_config_file_names_are_refused_for_a_resume(trained: Run, data: str) -> None:
    draw_pairs(Path("Other"), 12)
    Path("other.yaml").write_text(f"data: {data}", encoding="utf-8")
    message = problem_of(*RESUME, "--config=other.yaml")
    assert "Data/images" in message
    assert "Other/images" in message


def test_a_folder_of_shards_is_refused_by_a_strategy_that_cannot_read_it(trained: Run) -> None:
    latest = Path("checkpoints/latest_checkpoint.pth")
    rest = torch.load(latest, weights_only=True)
    path = shards.save(Path("shards.pth"), 2, rest.pop("state_dict"))
    rest.pop("optimizer_states")
    shards.save_rest(path, rest, checkpoint_folders.run_of(latest))
    message = problem_of("--ckpt_path=shards.pth", "--checkpoint_dir=checkpoints", "--max_epochs=3")
    assert "is a folder of shards; only --trainer.strategy fsdp or model_parallel" in message
