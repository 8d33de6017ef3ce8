"""A mistake is named in one message, before any file of the run changes. One case for each stage that checks."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.helpers.pictures import draw_pair, draw_pairs
from tests.helpers.tiny_run import TINY, Run, contents

NEW = "--no_interactive"
RESUME = ["--ckpt_path=latest", "--max_epochs=3"]


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ([NEW, "--image_path=Data/pictures"], ["Data/pictures"]),
        ([NEW, "--model.network.out_channels=5"], ["5", "expected"]),
        ([NEW, "--checkpoint.monitor=val/accuracy"], ["val/accuracy", "val/iou"]),
        ([NEW, "--checkpoint.keep_last=-1"], ["keep_last", "-1"]),
        ([*RESUME, "--model.network.width=3"], ["latest_checkpoint.pth", "shape", "expected"]),
        ([*RESUME, "--model.optimizer.lr=0.00001"], ["--model.optimizer"]),
    ],
    ids=["data", "network", "settings", "callback", "weights of a resume", "optimizer of a resume"],
)
def test_a_wrong_argument_is_named_and_every_file_stays(
    trained: Run, capsys: pytest.CaptureFixture[str], args: list[str], named: list[str]
) -> None:
    before = contents()
    assert trained(*TINY[:2], *args) == 2
    message = capsys.readouterr().err
    assert all(name in message for name in named), message
    assert contents() == before


def other_data_with_a_bad_pair() -> list[str]:
    """Only the last file is wrong, so a resume with other data has to look at every file."""
    draw_pair(Path("Other"), "cell_11", (0, 17, 255))
    return ["--image_path=Other/images", "--gt_path=Other/gt"]


def other_data_in_a_config() -> list[str]:
    Path("other.yaml").write_text("data: {image_path: Other/images, gt_path: Other/gt}", encoding="utf-8")
    return ["--config=other.yaml"]


@pytest.mark.parametrize(
    ("prepare", "named"),
    [(other_data_with_a_bad_pair, ["cell_11", "17"]), (other_data_in_a_config, ["Data/images", "Other/images"])],
)
def test_a_resume_with_other_data_that_cannot_be_meant_is_refused_and_every_file_stays(
    trained: Run, capsys: pytest.CaptureFixture[str], prepare: Callable[[], list[str]], named: list[str]
) -> None:
    draw_pairs(Path("Other"), 12)
    args = prepare()
    before = contents()
    assert trained(*RESUME, *args) == 2
    message = capsys.readouterr().err
    assert all(name in message for name in named), message
    assert contents() == before


def test_too_little_disk_is_named_and_every_file_stays(
    trained: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    assert trained(NEW, *TINY) == 2
    assert "1.0 kB are free on this disk" in capsys.readouterr().err
    assert contents() == before
