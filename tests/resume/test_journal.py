import os
import re
import signal
from pathlib import Path

import pytest

from resume import apply, choose, read_arguments
from resume.checkpoints.catalog import read_catalog
from resume.plan import plan_fresh
from resume.run_files import JOURNAL, LOCK
from resume.system.lock import FolderLock
from tests.helpers import checkpoint_folders

pytestmark = [
    pytest.mark.usefixtures("own_folder"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
]
FILES = 9


@pytest.fixture
def folder() -> Path:
    return checkpoint_folders.fill(Path("checkpoints"))


def archive_and_die(folder: Path, moved: int) -> None:
    """Archive the run in another process, which is killed once so many files have moved."""
    decision = plan_fresh(folder, read_catalog(folder))
    child = os.fork()
    if child == 0:
        rename, calls = Path.rename, iter(range(moved))

        def rename_or_die(path: Path, target: Path) -> Path:
            if next(calls, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return rename(path, target)

        Path.rename = rename_or_die  # type: ignore[assignment, method-assign]
        unlink = Path.unlink

        def unlink_or_die(path: Path, missing_ok: bool = False) -> None:
            if path.name == JOURNAL:
                os.kill(os.getpid(), signal.SIGKILL)
            unlink(path, missing_ok)

        Path.unlink = unlink_or_die  # type: ignore[assignment, method-assign]
        try:
            apply(decision)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def start(*argv: str) -> None:
    arguments = read_arguments(["--lang=en", *argv])
    decision = choose(arguments)
    with FolderLock(decision.checkpoint_dir / LOCK) as lock:
        lock.take()
        apply(decision)


def test_the_next_start_tells_where_the_files_of_a_killed_archive_lie_and_the_one_after_does_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive_and_die(folder, moved=2)
    (archived,) = (folder / "archive").iterdir()
    start("--ckpt_path=latest")
    said = capsys.readouterr().out
    assert f"killed while it moved files of this run to {archived}. Moved so far: training_history.csv, train" in said
    assert f"Still in {folder}: checkpoint_epoch_1.pth, " in said
    start("--ckpt_path=latest")
    assert capsys.readouterr().out == ""


def test_an_archive_killed_after_its_last_file_is_told_with_the_command_that_continues_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive_and_die(folder, moved=FILES)
    (archived,) = (folder / "archive").iterdir()
    start("--no_interactive")
    said = capsys.readouterr().out
    assert "Still in" not in said
    command = re.search(r"To continue it: python train\.py --ckpt_path (.*)", said)
    assert command is not None
    assert Path(command[1]).parent == archived
    assert Path(command[1]).is_file()


def test_an_archive_killed_before_its_first_file_needs_no_words(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = checkpoint_folders.snapshot(folder)
    archive_and_die(folder, moved=0)
    start("--ckpt_path=latest")
    assert capsys.readouterr().out == ""
    assert checkpoint_folders.snapshot(folder) == before


@pytest.mark.parametrize("content", [b"", b"[]", b'{"target": 1}', b'{"target": ["a"], "files": 3}', b"\xff"])
def test_another_file_of_that_name_is_left_alone(
    folder: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (folder / JOURNAL).write_bytes(content)
    start("--ckpt_path=latest")
    assert capsys.readouterr().out == ""
    assert (folder / JOURNAL).read_bytes() == content


def test_what_a_killed_save_left_goes_with_the_next_start_a_resume_too(folder: Path) -> None:
    stale = [".latest_checkpoint.pth.7.tmp", "..training_run.json.8.tmp"]
    foreign = [".notes.txt.7.tmp", ".latest_checkpoint.pth.tmp"]
    for name in [*stale, *foreign]:
        (folder / name).write_bytes(b"half")
    start("--ckpt_path=latest")
    left = {path.name for path in folder.iterdir()}
    assert not left & set(stale)
    assert left >= set(foreign)
