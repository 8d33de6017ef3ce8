"""The folder of a run is moved, removed or replaced while it trains."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, Trainer

from callbacks import CheckpointFiles, SaveFailedError, TrainingHistory, TrainingInterrupted
from resume import ResumeError
from resume.checkpoints.catalog import read_catalog
from resume.run_files import BEST, CONFIG, HISTORY_CSV, HISTORY_PNG, INTERRUPTED, LATEST, LOCK, LOCK_RECORD, epoch_file
from resume.system import lock
from resume.system.lock import FolderLock
from tests.helpers import checkpoint_folders
from tests.helpers.stopping import SignalAtStep
from tests.helpers.tiny import BATCHES, load, names, train

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from resume.system.lock import FolderLock
with FolderLock(Path(sys.argv[1])) as lock:
    lock.take()
    print("taken", flush=True)
    sys.stdin.read()
"""
HISTORY = [HISTORY_CSV, HISTORY_PNG]
# Every file of the run but that of epoch 1.
AFTERWARDS = [*HISTORY, LOCK, LOCK_RECORD, epoch_file(2), epoch_file(3), BEST, LATEST]
posix = pytest.mark.skipif(os.name == "nt", reason="the open lock file keeps Windows from moving the folder")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lock, "PATIENCE", 0.05)
    return tmp_path / "runs" / "checkpoints"


@pytest.fixture
def held(folder: Path) -> Iterator[FolderLock]:
    with FolderLock(folder / LOCK) as taken:
        taken.take()
        yield taken


class AtEpoch(Callback):
    """Does something at the start of an epoch, counted from 1."""

    def __init__(self, epoch: int, act: Callable[[], object]) -> None:
        self.epoch = epoch
        self.act = act

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        if trainer.current_epoch + 1 == self.epoch:
            self.act()


def run(folder: Path, *callbacks: Callback, **settings: Any) -> CheckpointFiles:
    """Train three epochs, each better than the one before."""
    trainer = train(folder, [0.1, 0.2, 0.3], callbacks=[*callbacks, TrainingHistory(str(folder))], **settings)
    assert trainer.global_step == 3 * BATCHES
    return next(one for one in trainer.callbacks if isinstance(one, CheckpointFiles))  # type: ignore[attr-defined]


@contextmanager
def taken_by_another_process(folder: Path) -> Iterator[int]:
    """Within the block, another process has the lock of the folder; gives its number."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder / LOCK)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        yield process.pid
        process.kill()


def is_refused(folder: Path) -> bool:
    """Whether a second start in the folder is refused."""
    try:
        with FolderLock(folder / LOCK) as second:
            second.take()
    except ResumeError:
        return True
    return False


def removed(folder: Path) -> None:
    shutil.rmtree(folder)


def removed_with_its_parent(folder: Path) -> None:
    shutil.rmtree(folder.parent)


def moved(folder: Path) -> None:
    folder.rename(folder.with_name("away"))


def replaced_by_an_empty_one(folder: Path) -> None:
    moved(folder)
    folder.mkdir()


@posix
@pytest.mark.parametrize("act", [removed, removed_with_its_parent, moved, replaced_by_an_empty_one])
def test_a_folder_that_is_gone_is_made_again_whole_and_with_its_lock(
    folder: Path, held: FolderLock, capsys: pytest.CaptureFixture[str], act: Callable[[Path], None]
) -> None:
    files = run(folder, AtEpoch(2, partial(act, folder)))
    assert files.saves.failed == []
    assert names(folder) == sorted(AFTERWARDS)
    assert (folder / CONFIG).read_text(encoding="utf-8") == "trainer: {}\n"
    assert len((folder / HISTORY_CSV).read_text(encoding="utf-8").splitlines()) == 4
    assert is_refused(folder)
    said = capsys.readouterr().out
    assert said.count("while the run was training") == 1
    assert "Warning" not in said


@posix
def test_what_was_moved_stays_as_it_is_and_is_free(folder: Path, held: FolderLock) -> None:
    run(folder, AtEpoch(2, partial(moved, folder)))
    away = folder.with_name("away")
    assert load(away / LATEST)["run"]["epoch"] == 1
    assert not is_refused(away)


@posix
def test_a_save_within_the_epoch_writes_history_and_configuration_too(folder: Path, held: FolderLock) -> None:
    with pytest.raises(TrainingInterrupted):
        run(folder, AtEpoch(3, partial(moved, folder)), SignalAtStep(2 * BATCHES + 1))
    assert names(folder) == sorted([*HISTORY, LOCK, LOCK_RECORD, INTERRUPTED])
    assert (folder / CONFIG).exists()


def test_in_a_folder_that_was_emptied_everything_is_whole_again(
    folder: Path, held: FolderLock, capsys: pytest.CaptureFixture[str]
) -> None:
    def empty() -> None:
        for file in folder.glob("[!.]*"):
            file.unlink()

    assert run(folder, AtEpoch(2, empty)).saves.failed == []
    assert names(folder) == sorted(AFTERWARDS)
    assert (folder / CONFIG).exists()
    assert "while the run was training" not in capsys.readouterr().out


@posix
@pytest.mark.parametrize("how", ["lock", "there and back"])
def test_the_lock_is_taken_again_in_the_same_folder(
    folder: Path, held: FolderLock, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    def back() -> None:
        shutil.rmtree(folder)
        folder.with_name("away").rename(folder)

    changes = [AtEpoch(2, (folder / LOCK).unlink)]
    if how == "there and back":
        changes = [AtEpoch(2, partial(moved, folder)), AtEpoch(3, back)]
    assert run(folder, *changes).saves.failed == []
    assert load(folder / LATEST)["run"]["epoch"] == 3
    assert is_refused(folder)
    assert capsys.readouterr().out.count("while the run was training") == len(changes)


@posix
def test_a_file_in_its_place_is_left_alone_and_the_run_goes_on_once_it_is_gone(
    folder: Path, held: FolderLock, capsys: pytest.CaptureFixture[str]
) -> None:
    def put_a_file() -> None:
        moved(folder)
        folder.write_bytes(b"mine")

    def look_at_the_file() -> None:
        assert folder.read_bytes() == b"mine"
        folder.unlink()

    files = run(folder, AtEpoch(2, put_a_file), AtEpoch(3, look_at_the_file))
    assert len(files.saves.failed) == 1
    assert f"{LATEST}: {folder} is no folder any more" in files.saves.failed[0]
    assert load(folder / LATEST)["run"]["epoch"] == 3
    said = capsys.readouterr()
    assert said.out.count("Warning: not saved in epoch 2") == 1
    assert said.out.count("was moved away or removed") == 1
    assert "was not written" not in said.out + said.err


@posix
def test_nothing_is_written_into_a_folder_that_another_start_has_taken(
    folder: Path, held: FolderLock, capsys: pytest.CaptureFixture[str]
) -> None:
    before: dict[str, Any] = {}

    def come_between() -> None:
        moved(folder)
        other = others.enter_context(taken_by_another_process(folder))
        checkpoint_folders.fill(folder)
        before.update(checkpoint_folders.snapshot(folder), pid=other)

    with ExitStack() as others:
        files = run(folder, AtEpoch(2, come_between), keep_last=1)
        held.__exit__(None, None, None)
        other = before.pop("pid")
        assert checkpoint_folders.snapshot(folder) == before  # its lock is there too
    assert [f"is in use by process {other}" in said for said in files.saves.failed] == [True, True]


@posix
def test_nothing_is_written_into_a_folder_in_which_another_run_has_been(folder: Path, held: FolderLock) -> None:
    def come_between() -> None:
        moved(folder)
        checkpoint_folders.fill(folder)

    files = run(folder, AtEpoch(2, come_between), keep_last=1)
    assert (folder / epoch_file(1)).exists()
    assert [f"{folder} now holds another run" in said for said in files.saves.failed] == [True, True]
    assert read_catalog(folder).run_id == checkpoint_folders.RUN
    assert not {LOCK, LOCK_RECORD} & {*names(folder)}


@posix
def test_a_stop_that_has_nowhere_to_save_is_one_clear_error(folder: Path, held: FolderLock) -> None:
    def put_a_file() -> None:
        moved(folder)
        folder.write_bytes(b"mine")

    with pytest.raises(SaveFailedError, match=r"could not be saved \(.*is no folder any more\)"):
        run(folder, AtEpoch(2, put_a_file), SignalAtStep(BATCHES + 1))
    assert folder.read_bytes() == b"mine"


def test_without_a_lock_the_folder_is_made_when_it_is_missing(folder: Path) -> None:
    run(folder, AtEpoch(2, partial(removed, folder)))
    assert load(folder / LATEST)["run"]["epoch"] == 3
