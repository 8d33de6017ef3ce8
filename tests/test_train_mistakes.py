"""A mistake is named in one message, before any file of the run changes.

One case for each stage that checks; test_train_menu.py has one of the network, test_train_damage.py those of the
checkpoint. The cases of each stage are in the tests of the stage.
"""

import shutil
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
        ([NEW, "--checkpoint.monitor=val/accuracy"], ["val/accuracy", "val/iou"]),
        ([NEW, "--checkpoint.keep_last=-1"], ["keep_last", "-1"]),
        ([*RESUME, "--model.optimizer.lr=0.00001"], ["--model.optimizer"]),
    ],
    ids=["settings", "callback", "optimizer of a resume"],
)
def test_a_wrong_argument_is_named_and_every_file_stays(
    trained: Run, capsys: pytest.CaptureFixture[str], args: list[str], named: list[str]
) -> None:
    before = contents()
    assert trained(*TINY[:2], *args) == 2
    message = capsys.readouterr().err
    assert all(name in message for name in named), message
    assert contents() == before


def test_a_resume_with_other_data_looks_at_every_pair_and_every_file_stays(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_pairs(Path("Other"), 12)
    draw_pair(Path("Other"), "cell_11", (0, 17, 255))
    before = contents()
    assert trained(*RESUME, "--image_path=Other/images", "--gt_path=Other/gt") == 2
    message = capsys.readouterr().err
    assert "cell_11" in message
    assert "17" in message
    assert contents() == before


def test_too_little_disk_is_named_and_every_file_stays(
    trained: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    assert trained(NEW, *TINY) == 2
    assert "this disk has 1.0 kB free" in capsys.readouterr().err
    assert contents() == before
