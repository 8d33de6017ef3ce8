"""What makes way comes back, or goes, whole: killed at every moment, and at any moment of the recovery, too."""

import os
import random
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from resume import ResumeError, StartOver, apply, choose, end, finish, read_arguments
from resume.checkpoints.catalog import read_catalog, stamps
from resume.checkpoints.description import describe
from resume.decision import Decision, Resume
from resume.plan import plan_fresh, plan_resume
from resume.run_files import JOURNAL, LEFTOVER, LOCK, LOCK_RECORD, role_of
from resume.system.durable_files import write_text
from resume.system.lock import FolderLock
from tests.helpers import checkpoint_folders
from tests.helpers.carrying_out import carry_out

pytestmark = pytest.mark.usefixtures("own_folder")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink")
NEW_RUN = "c" * 32
NEVER_BEFORE = datetime.now(UTC)  # no file of `checkpoint_folders` is as new


@pytest.fixture
def folder() -> Path:
    return fill(Path("checkpoints"))


def fill(folder: Path) -> Path:
    """A run of three epochs, with a file of the user's, a link between its files and one that leads elsewhere."""
    checkpoint_folders.fill(folder)
    checkpoint_folders.save(folder.parent / "store/big.pth", 3)
    checkpoint_folders.symlink(folder / "interrupted_checkpoint.pth", "../store/big.pth")
    checkpoint_folders.symlink(folder / "best_model.pth", "checkpoint_epoch_2.pth")
    (folder / "notes.txt").write_bytes(b"mine")
    log(folder, checkpoint_folders.RUN)
    return folder


def log(folder: Path, run_id: str) -> None:
    """Let the loggers of a run write, in their folder of this run or in a new one."""
    logs = folder / "training_logs"
    (logs / "csv").mkdir(parents=True, exist_ok=True)
    (logs / ".run_id").write_text(f"{run_id}\n", encoding="ascii")
    with (logs / "csv" / "metrics.csv").open("a", encoding="ascii") as file:
        file.write(f"a row of {run_id}\n")


def start_over(folder: Path) -> StartOver:
    return StartOver(folder, stamps(folder, read_catalog(folder).owned))


def start_over_at_once(folder: Path) -> StartOver:
    return StartOver(folder, stamps(folder, read_catalog(folder).owned), at_once=True)


def fresh(folder: Path) -> Decision:
    return plan_fresh(folder, read_catalog(folder))


def rewind(folder: Path) -> Decision:
    return plan_resume(describe(folder / "checkpoint_epoch_1.pth", "epoch"), folder)


def state(folder: Path) -> dict[str, Any]:
    """What a folder holds, without what the next start removes; for links, where they lead."""
    links = {path.name: os.readlink(path) for path in folder.iterdir() if path.is_symlink()}  # noqa: PTH115
    files = checkpoint_folders.snapshot(folder)
    notes = {LOCK, LOCK_RECORD, *(name for name in files if role_of(name) == LEFTOVER)}
    return {name: files[name] for name in files.keys() - notes} | {"links": links}


def train(decision: Decision, *, saves: bool) -> None:
    """What a training does in the folder up to its first save, and then its end."""
    folder = decision.checkpoint_dir
    write_text(folder / "config.yaml", "lang: en\n")
    write_text(folder / "training_history.csv", "new")
    new = NEW_RUN if not isinstance(decision, Resume) else checkpoint_folders.RUN
    log(folder, new)
    if saves:
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        staged = checkpoint_folders.save(Path("saved.pth"), 2, run_id=new, saved_at=now)
        staged.replace(folder / "latest_checkpoint.pth")
        finish(decision)
    end(decision)


def has_saved(folder: Path) -> bool:
    latest = read_catalog(folder).find("latest")
    return latest is not None and latest.saved_at > NEVER_BEFORE


def in_child(action: Callable[[], object], dies_before: int) -> bool:
    """Do something in another process, which is killed before its change of this number; whether it was killed."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        changes = iter(range(dies_before))

        def count(event: str, args: tuple[Any, ...]) -> None:
            is_write = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
            if (event in CHANGES or is_write) and next(changes, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            action()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def recover() -> None:
    choose(read_arguments(["--lang=en", "--ckpt_path=auto"]))


def make_way_and_train(decide: Callable[[Path], Decision], folder: Path, *, saves: bool) -> None:
    decision = decide(folder)
    with FolderLock(folder / LOCK) as lock:
        lock.take()
        apply(decision)
        train(decision, saves=saves)


def check_kill(decide: Callable[[Path], Decision], home: Path, moments: list[int], *, saves: bool) -> bool:
    """Kill a start, and then each recovery, at these moments; returns whether the start was killed at all."""
    home.mkdir()
    os.chdir(home)
    folder = fill(Path("checkpoints"))
    before = state(folder)
    was_killed = in_child(lambda: make_way_and_train(decide, folder, saves=saves), moments[0])
    saved = saves and has_saved(folder)
    for moment in moments[1:]:
        in_child(recover, moment)
    recover()
    if saved:
        assert not (folder / ".set_aside").exists()
        assert not (folder / JOURNAL).exists()
        assert has_saved(folder)
        old = {name for name in before if name.startswith("checkpoint_epoch")} - {"checkpoint_epoch_1.pth"}
        assert not old & set(state(folder))
        archived = [path.name for path in folder.glob("archive/**/*") if path.is_file()]
        assert len(archived) == (0 if decide in (start_over, start_over_at_once) else 11 if decide is fresh else 5)
    elif decide is start_over_at_once and was_killed:
        whole = state(folder)
        assert whole == before or not [name for name in whole if name.endswith(".pth")]
    elif decide is not start_over_at_once:
        assert state(folder) == before
    return was_killed


@forks
@pytest.mark.slow
@pytest.mark.parametrize("saves", [True, False], ids=["after a save", "without a save"])
@pytest.mark.parametrize("decide", [start_over, fresh, rewind, start_over_at_once])
def test_a_start_that_is_killed_before_any_of_its_changes_leaves_one_state_or_the_other(
    decide: Callable[[Path], Decision], saves: bool, tmp_path: Path
) -> None:
    for moment in range(200):
        if not check_kill(decide, tmp_path / str(moment), [moment], saves=saves):
            break
    assert 30 < moment < 200


@forks
@pytest.mark.parametrize(("seed", "draws"), [(0, 15), pytest.param(1, 100, marks=pytest.mark.slow)])
def test_a_start_and_the_recoveries_after_it_are_killed_at_drawn_moments(seed: int, draws: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    for number in range(draws):
        decide = draw.choice([start_over, fresh, rewind, start_over_at_once])
        moments = [draw.randrange(70), *(draw.randrange(30) for _ in range(draw.randrange(4)))]
        check_kill(decide, tmp_path / str(number), moments, saves=draw.random() < 0.5)


@pytest.mark.parametrize("decide", [start_over, fresh, rewind])
def test_a_run_that_ends_before_its_first_save_gives_everything_back_and_says_so(
    decide: Callable[[Path], Decision], folder: Path
) -> None:
    before = state(folder)
    decision = decide(folder)
    apply(decision)
    write_text(folder / "config.yaml", "lang: en\n")
    (said,) = end(decision)
    assert state(folder) == before
    count = 5 if decide is rewind else 10
    assert said.startswith(f"The new run ended before its first save: {count} files that had made way are back")
    assert said.endswith("No file was deleted.") == (decide is start_over)
    assert end(decision) == finish(decision) == []


def test_the_next_start_says_what_a_killed_one_had_set_aside(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(folder)
    apply(start_over(folder))
    capsys.readouterr()
    recover()
    assert state(folder) == before
    assert "An earlier start was killed.\nThe new run ended before its first save: 10 files" in capsys.readouterr().out
    recover()
    assert capsys.readouterr().out == ""


def test_a_checkpoint_that_the_new_run_cannot_have_written_is_archived_and_not_replaced(folder: Path) -> None:
    apply(start_over(folder))
    backup = checkpoint_folders.save(folder / "latest_checkpoint.pth", 1, run_id=NEW_RUN).read_bytes()
    recover()
    assert read_catalog(folder).run_id == checkpoint_folders.RUN
    (archived,) = folder.glob("archive/*/*")
    assert (archived.name, archived.read_bytes()) == ("latest_checkpoint.pth", backup)


def test_files_that_were_saved_with_a_clock_ahead_are_not_taken_for_the_new_runs(folder: Path) -> None:
    checkpoint_folders.save(folder / "latest_checkpoint.pth", 3, saved_at="2126-01-01T00:00:00+00:00")
    before = state(folder)
    apply(rewind(folder))
    recover()
    assert state(folder) == before


def test_what_the_system_refuses_to_delete_goes_with_the_next_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unlink = Path.unlink

    def refuse_best(self: Path, missing_ok: bool = False) -> None:
        if self.name == "best_model.pth":
            raise PermissionError(13, "Permission denied", str(self))
        unlink(self, missing_ok)

    decision = start_over(folder)
    apply(decision)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse_best)
        with pytest.raises(ResumeError, match=r"cannot be removed \(Permission denied\)\. The next start tries again"):
            finish(decision)
    recover()
    assert set(state(folder)) == {"notes.txt", "links"}
    assert "Deleted 10 files." in capsys.readouterr().out


def test_what_cannot_be_moved_back_is_named_and_comes_back_with_the_next_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(folder)
    rename = Path.rename

    def refuse_best(self: Path, target: Path) -> Path:
        if self.name == "best_model.pth" and self.parent.name == ".set_aside":
            raise PermissionError(13, "Permission denied", str(self))
        return rename(self, target)

    decision = fresh(folder)
    apply(decision)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse_best)
        with pytest.raises(ResumeError, match=r"cannot be moved back to checkpoints: best_model\.pth\. The next start"):
            end(decision)
    recover()
    assert state(folder) == before


def test_a_file_in_the_place_of_what_is_set_aside_is_an_error_and_stays(folder: Path) -> None:
    (folder / ".set_aside").mkdir()
    (folder / ".set_aside" / "best_model.pth").write_bytes(b"mine")
    before = state(folder)
    with pytest.raises(ResumeError, match=r"\.set_aside holds other files: best_model\.pth\. .* No file was"):
        carry_out(start_over(folder))
    assert state(folder) == before


def test_where_the_disk_is_too_full_for_the_journal_only_what_goes_at_once_is_deleted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = state(folder)
    monkeypatch.setattr("resume.set_aside.write_journal", refuse)
    with pytest.raises(ResumeError, match=r"cannot be written \(No space left on device\)\. No file was deleted\."):
        apply(start_over(folder))
    assert state(folder) == before
    apply(start_over_at_once(folder))
    assert set(state(folder)) == {"notes.txt", "links"}


def test_a_folder_in_use_is_not_recovered(folder: Path) -> None:
    apply(start_over(folder))
    with FolderLock(folder / LOCK) as lock:
        lock.take()
        with pytest.raises(ResumeError, match="in use by"):
            recover()
        assert (folder / ".set_aside" / "latest_checkpoint.pth").exists()
