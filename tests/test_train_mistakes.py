"""Whatever is wrong is named in one message, before anything is touched."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from tests.helpers.pictures import draw_pair, draw_pairs
from tests.helpers.tiny_run import TINY, Run, contents

NEW = "--no_interactive"
RESUME = ["--ckpt_path=latest", "--max_epochs=3"]
OTHER = ["--image_path=Other/images", "--gt_path=Other/gt"]


def missing_partner() -> None:
    Path("Data/gt/cell_3.png").unlink()


def different_sizes() -> None:
    Image.new("L", (15, 16)).save("Data/gt/cell_3.png")


def no_image() -> None:
    Path("Data/images/cell_3.png").write_text("no image", encoding="utf-8")


PLATEAU = "--model.lr_scheduler=lightning.pytorch.cli.ReduceLROnPlateau"


def more_values() -> None:
    draw_pair(Path("Data"), "cell_3", (0, 17, 255))


def colours() -> None:
    Image.new("RGB", (16, 16), (10, 20, 30)).save("Data/gt/cell_3.png")


def other_data_with_a_bad_pair() -> None:
    draw_pairs(Path("Other"), 12)
    draw_pair(Path("Other"), "cell_11", (0, 17, 255))


def other_data_in_a_config() -> None:
    draw_pairs(Path("Other"), 12)
    Path("other.yaml").write_text("data: {image_path: Other/images, gt_path: Other/gt}", encoding="utf-8")


def other_validation_set_in_a_config() -> None:
    draw_pairs(Path("Other"), 12)
    paths = "{val_image_path: Other/images, val_gt_path: Other/gt}"
    Path("other.yaml").write_text(f"data: {paths}", encoding="utf-8")


def damaged_checkpoint() -> None:
    path = Path("checkpoints/latest_checkpoint.pth")
    path.write_bytes(path.read_bytes()[:-2000])


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ([NEW, "--trainer.max_epoch=3"], ["max_epoch"]),
        (["--ckpt_path=checkpoints/checkpoint_epoch_9.pth"], ["checkpoint_epoch_9.pth", "best_model.pth"]),
        ([NEW, "--image_path=Data/pictures"], ["Data/pictures"]),
        ([NEW, "--model.network.out_channels=5"], ["5", "expected"]),
        ([NEW, "--checkpoint.monitor=val/accuracy"], ["val/accuracy", "val/iou"]),
        ([NEW, "--checkpoint.monitor=val/loss"], ["val/loss", "--checkpoint.mode min"]),
        ([NEW, "--checkpoint.keep_last=-1"], ["keep_last", "-1"]),
        ([NEW, "--model.optimizer.lr=-1"], ["learning rate", "-1"]),
        ([NEW, "--trainer.val_check_interval=1000"], ["val_check_interval", "1000"]),
        (
            [NEW, "--batch_size=2", "--trainer.val_check_interval=3", "--trainer.accumulate_grad_batches=2"],
            ["in the middle of an optimizer step", "such as 2"],
        ),
        ([NEW, PLATEAU, "--model.lr_scheduler.monitor=train/loss"], ["monitors 'train/loss'", "val/iou"]),
        ([NEW, PLATEAU, "--model.lr_scheduler.monitor=val/loss", "--model.lr_scheduler_interval=step"], ["epoch"]),
        ([NEW, "--trainer.overfit_batches=1"], ["overfit_batches"]),
        ([*RESUME, "--model.network.width=3"], ["latest_checkpoint.pth", "shape", "expected"]),
        ([*RESUME, "--model.optimizer.lr=0.00001"], ["--model.optimizer"]),
        ([*RESUME, "--model.optimizer=torch.optim.SGD"], ["--model.optimizer"]),
    ],
)
def test_a_wrong_argument_is_named_and_every_file_stays(
    trained: Run, capsys: pytest.CaptureFixture[str], args: list[str], named: list[str]
) -> None:
    before = contents()
    assert trained(*TINY[:2], *args) == 2
    message = capsys.readouterr().err
    assert all(name in message for name in named), message
    assert contents() == before


@pytest.mark.parametrize(
    ("spoil", "args", "named"),
    [
        (missing_partner, [NEW], ["cell_3"]),
        (different_sizes, [NEW], ["cell_3", "15", "16"]),
        (no_image, [NEW], ["cell_3.png"]),
        (more_values, [NEW], ["cell_3.png", "17", "num_classes"]),
        (colours, [NEW], ["cell_3.png"]),
        (other_data_with_a_bad_pair, [*RESUME, *OTHER], ["cell_11", "17"]),
        (other_data_in_a_config, [*RESUME, "--config=other.yaml"], ["Data/images", "Other/images"]),
        (other_validation_set_in_a_config, [*RESUME, "--config=other.yaml"], ["Other/images"]),
        (damaged_checkpoint, RESUME, ["latest_checkpoint.pth"]),
    ],
)
def test_a_wrong_file_is_named_and_every_file_of_the_run_stays(
    trained: Run, capsys: pytest.CaptureFixture[str], spoil: Callable[[], None], args: list[str], named: list[str]
) -> None:
    spoil()
    before = contents()
    assert trained(*TINY[:2], *args) == 2
    message = capsys.readouterr().err
    assert all(name in message for name in named), message
    assert contents() == before


def test_too_little_disk_is_named_and_every_file_stays(
    trained: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    assert trained("--no_interactive", *TINY) == 2
    assert "this disk has 1.0 kB free" in capsys.readouterr().err
    assert contents() == before
