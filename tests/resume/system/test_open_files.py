"""Files that Windows would not let go, simulated: there, one that is open can be neither renamed nor deleted."""

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from resume import ResumeError, StartOver, apply
from resume.checkpoints.catalog import read_catalog, stamps
from resume.decision import Decision
from resume.plan import plan_fresh
from resume.system import open_files
from tests.helpers import checkpoint_folders

pytestmark = pytest.mark.usefixtures("no_launch")
OPEN = "best_model.pth"


def start_over(folder: Path) -> StartOver:
    return StartOver(folder, stamps(folder, read_catalog(folder).owned))


def start_afresh(folder: Path) -> Decision:
    return plan_fresh(folder, read_catalog(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return checkpoint_folders.fill(tmp_path / "checkpoints")


def open_on_windows(monkeypatch: pytest.MonkeyPatch, is_open: Callable[[], bool]) -> None:
    """As long as `is_open` says so, the system refuses all that Windows refuses for an open file."""

    def guarded(call: Callable[..., None]) -> Callable[..., None]:
        def refuse_or_call(path: Path, *args: object, **settings: object) -> None:
            if Path(path).name == OPEN and is_open():
                raise PermissionError(13, "The process cannot access the file", str(path))
            call(path, *args, **settings)

        return refuse_or_call

    for name in ("rename", "replace", "unlink", "remove"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))


@pytest.mark.parametrize(
    ("plan", "consequence"), [(start_over, "No file was deleted."), (start_afresh, "Nothing was moved.")]
)
def test_an_open_file_is_named_before_anything_is_touched(
    folder: Path, monkeypatch: pytest.MonkeyPatch, plan: Callable[[Path], Decision], consequence: str
) -> None:
    decision, before = plan(folder), checkpoint_folders.snapshot(folder)
    monkeypatch.setattr(open_files, "PATIENCE", 0.0)
    open_on_windows(monkeypatch, lambda: True)
    with pytest.raises(ResumeError, match=rf"best_model\.pth is open in another program.*{consequence}"):
        apply(decision)
    assert checkpoint_folders.snapshot(folder) == before
    assert not (folder / "archive").exists()


@pytest.mark.parametrize("plan", [start_over, start_afresh])
def test_a_file_that_is_open_for_a_moment_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, plan: Callable[[Path], Decision]
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    open_on_windows(monkeypatch, lambda: len(pauses) < 3)
    apply(plan(folder))
    assert len(pauses) == 3
    assert not (folder / OPEN).exists()


def test_a_write_protected_file_is_named_before_anything_is_deleted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision, before = start_over(folder), checkpoint_folders.snapshot(folder)
    monkeypatch.setattr(open_files, "PATIENCE", 0.0)
    lstat = Path.lstat

    def on_windows(path: Path) -> object:
        status = lstat(path)
        attributes = stat.FILE_ATTRIBUTE_READONLY if path.name == OPEN else 0
        named = {name: getattr(status, name) for name in ("st_size", "st_mtime_ns", "st_mode", "st_dev", "st_ino")}
        return SimpleNamespace(**named, st_file_attributes=attributes)

    monkeypatch.setattr(Path, "lstat", on_windows)
    with pytest.raises(ResumeError, match=r"best_model\.pth is .*protected \(write-protected\)"):
        apply(decision)
    assert checkpoint_folders.snapshot(folder) == before
