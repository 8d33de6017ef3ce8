"""A mistake is named in one message, before any file of the run changes.

The last stages that find mistakes. tests/launch/test_preparation.py has the stages before them, test_train_menu.py a
mistake after the menu, test_train_damage.py the checkpoints.
"""

import shutil
from types import SimpleNamespace

import pytest

from tests.helpers.tiny_run import TINY, Run, contents

NEW = "--no_interactive"


def test_a_flag_that_does_not_exist_is_all_that_is_said(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--no_such", NEW, "--lang=en") == 2
    assert capsys.readouterr() == ("", "train.py: --no_such: no such flag. All flags: python train.py --help\n")


def test_a_wrong_setting_of_a_callback_which_is_found_last_is_named_and_every_file_stays(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents()
    assert trained(NEW, *TINY, "--checkpoint.keep_last=-1") == 2
    said = capsys.readouterr().err
    assert "keep_last" in said
    assert "-1" in said
    assert "Traceback" not in said
    assert contents() == before


def test_too_little_disk_is_named_and_every_file_stays(
    trained: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    assert trained(NEW, *TINY) == 2
    assert "this disk has 1.0 kB free" in capsys.readouterr().err
    assert contents() == before
