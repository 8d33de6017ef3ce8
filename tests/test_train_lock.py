"""One run at a time in a folder, seen from the whole program."""

import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import resume
import train
from resume.run_files import LOCK, LOCK_RECORD
from resume.system import lock as lock_module
from tests.helpers.tiny_run import TINY, Run, contents

FOLDER = Path("checkpoints")
RESUME = ["--ckpt_path=latest", "--max_epochs=3"]


@pytest.fixture
def in_use(trained: Run) -> Iterator[Run]:
    with lock_module.FolderLock(FOLDER / LOCK) as lock:
        lock.take()
        yield trained


def left_on_another_host() -> None:
    values = {"host": "node7", "pid": 12, "started_at": "2026-03-01 12:00:00 UTC"}
    (FOLDER / LOCK_RECORD).write_text(
        json.dumps({**values, "slurm_job_id": None, "process_start": "1"}), encoding="utf-8"
    )


def test_a_second_start_ends_before_the_slow_imports_and_loses_nothing(
    in_use: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "train", lambda *_: pytest.fail("the imports have begun"))
    before = contents()
    assert in_use("--no_interactive") == 2
    user = f"in use by process {os.getpid()} on {socket.gethostname()}, "
    assert user in capsys.readouterr().err
    for argv in (RESUME, ["--ckpt_path=auto", "--break_lock"], []):
        with pytest.raises(resume.ResumeError, match=re.escape(user)):
            resume.choose(resume.read_arguments(["--lang=en", *argv]))
    assert contents() == before


def test_a_start_that_passed_the_first_look_is_refused_by_the_lock_before_anything_is_touched(
    trained: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "PATIENCE", 0.0)
    before = contents()
    with lock_module.FolderLock(FOLDER / LOCK) as other:

        def begin_meanwhile(decision: resume.Decision, *_: object) -> resume.Decision:
            other.take()
            before.update(contents())
            return decision

        monkeypatch.setattr(resume, "require_space", begin_meanwhile)
        assert trained("--no_interactive", *TINY) == 2
        assert "is in use by process" in capsys.readouterr().err
        assert contents() == before


def test_the_lock_is_held_while_files_are_touched_and_neither_lock_nor_break_lock_leaves_a_trace(
    trained: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left_on_another_host()
    with pytest.raises(resume.ResumeError, match="on node7"):
        resume.choose(resume.read_arguments(RESUME))
    users: list[object] = []
    monkeypatch.setattr(resume, "apply", lambda *_, **__: users.append(lock_module.who_uses(FOLDER / LOCK)))
    assert trained(*RESUME, "--break_lock") == 0
    assert [user is not None for user in users] == [True]
    assert not [name for name in contents() if "training_run" in name]
    assert "break_lock" not in (FOLDER / "config.yaml").read_text(encoding="utf-8")


def test_a_trial_and_a_look_at_the_settings_need_no_lock_and_change_nothing(
    in_use: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents()
    assert in_use(*RESUME, "--trainer.fast_dev_run=true") == 0
    assert in_use("--no_interactive", *TINY, "--trainer.fast_dev_run=true") == 0
    capsys.readouterr()
    with pytest.raises(SystemExit) as leaving:
        in_use("--max_epochs=7", "--print_config")
    assert leaving.value.code == 0
    assert yaml.safe_load(capsys.readouterr().out)["trainer"]["max_epochs"] == 7
    assert contents() == before
