"""Scores of different things are not compared: what is another thing, and what is not."""

from pathlib import Path

import pytest

import resume
from launch.scores import changed_scores, with_other_scores
from launch.trust import settle
from resume.checkpoints.description import describe
from resume.decision import Resume
from resume.system.launch_info import SHELL
from tests.helpers.built import built_cli, checked
from tests.helpers.pictures import draw_pair
from tests.helpers.tiny_run import PATHS, TINY, Run

RESUME = ["--ckpt_path=latest", "--max_epochs=3"]
BY_LOSS = ["--checkpoint.monitor=val/loss", "--checkpoint.mode=min"]


def changes(*argv: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """What makes the scores of a resume scores of something else, and of which metrics."""
    arguments = resume.read_arguments(["--lang=en", *argv], SHELL)
    decision = resume.choose(arguments)
    assert isinstance(decision, Resume)
    configs = settle(arguments, decision).configs
    cli = built_cli(arguments.for_lightning(decision, configs), run_config=decision.checkpoint.config)
    run = checked(cli, arguments, decision)
    decided = with_other_scores(cli, decision, run)
    assert isinstance(decided, Resume)
    return decided.other_scores, changed_scores(cli, run)


@pytest.mark.parametrize(
    ("typed", "expected", "metrics"),
    [
        ([], [], 0),
        (["--data.image_size=32"], ["data.image_size 16 × 16 → 32 × 32"], 4),
        (["--data.image_size=[16]"], [], 0),
        (["--data.class_values=[0,255]"], [], 0),
        (["--data.class_values=[255,0]"], ["data.class_values [0, 255] → [255, 0]"], 4),
        (["--data.ignore_index=7"], ["data.ignore_index None → 7"], 4),
        (["--trainer.limit_val_batches=1"], ["trainer.limit_val_batches None → 1"], 4),
        (["--batch_size=2"], [], 0),
        (["--model.dice_weight=0.5"], [], 1),
        (BY_LOSS, ["checkpoint.monitor val/iou → val/loss", "checkpoint.mode max → min"], 0),
        (["--model.optimizer.lr=0.01", "--seed_everything=3", "--data.augmentation=[]"], [], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_changed_setting_makes_other_scores_or_does_not(
    trained: Run, typed: list[str], expected: list[str], metrics: int
) -> None:
    found, changed = changes(*RESUME, *typed)
    assert list(found) == expected
    assert len(changed) == metrics


def test_another_loss_makes_other_scores_where_the_loss_chooses_the_best_model(run: Run) -> None:
    assert run("--no_interactive", *PATHS, *TINY, *BY_LOSS, "--max_epochs=1") == 0
    found, changed = changes(*RESUME, "--model.dice_weight=0.5")
    assert found == ("model.dice_weight 1.0 → 0.5",)
    assert changed == {"val/loss"}


def test_the_same_number_of_batches_of_another_size_is_another_validation(run: Run) -> None:
    limited = "--trainer.limit_val_batches=1"
    assert run("--no_interactive", *PATHS, *TINY, limited, "--max_epochs=1") == 0
    assert changes(*RESUME, "--batch_size=2")[0] == ("data.batch_size 4 → 2",)


def test_new_pairs_for_validation_make_other_scores_and_new_pairs_for_training_do_not(trained: Run) -> None:
    stems = iter("abcdefghijklmnopqrstuvwxyz")
    draw_pair(Path("Data"), "bb")  # for training
    assert changes(*RESUME) == ((), frozenset())
    while not changes(*RESUME)[0]:
        draw_pair(Path("Data"), next(stems) * 3)
    assert changes(*RESUME)[0] == ("the pairs for validation",)


def test_the_same_data_in_another_place_keep_their_scores(trained: Run) -> None:
    Path("Data").rename("Moved")
    moved = ["--image_path=Moved/images", "--gt_path=Moved/gt"]
    assert changes(*RESUME, *moved) == ((), frozenset())


def test_folders_for_validation_that_are_typed_for_a_resume_make_other_scores(trained: Run) -> None:
    draw_pair(Path("Other"), "x")
    typed = ["--data.val_image_path=Other/images", "--data.val_gt_path=Other/gt"]
    assert changes(*RESUME, *typed)[0] == ("the pairs for validation",)


def test_the_best_model_of_other_scores_is_not_linked_again(trained: Run) -> None:
    Path("checkpoints/best_model.pth").unlink()
    arguments = resume.read_arguments(["--lang=en", *RESUME, *BY_LOSS], SHELL)
    decision = resume.choose(arguments)
    assert isinstance(decision, Resume)
    assert decision.best_from is not None
    configs = settle(arguments, decision).configs
    cli = built_cli(arguments.for_lightning(decision, configs), run_config=describe(decision.path).config)
    decided = with_other_scores(cli, decision, checked(cli, arguments, decision))
    assert isinstance(decided, Resume)
    assert decided.best_from is None
