"""Where nobody can answer, the stage before Lightning ends by itself; real processes, as a shell starts them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import checkpoint_folders

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the redirections are a POSIX shell's")

DRIVE = f"{sys.executable} {Path(__file__).parents[2] / 'helpers' / 'drive_menu.py'} --lang=en"
PATIENCE = 60


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return checkpoint_folders.fill(Path("checkpoints"))


@pytest.fixture
def silent_input() -> Iterator[int]:
    """The end of a pipe in which nothing comes, and that does not end."""
    reading, writing = os.pipe()
    yield reading
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("command", [
    f"{DRIVE} <&-", f"{DRIVE} </dev/null", f"{DRIVE}", f"{DRIVE} | cat", f"nohup {DRIVE}", f"{DRIVE} & wait $!",
    f"setsid {DRIVE}", f"(trap '' INT HUP; {DRIVE})",
])  # fmt: skip
def test_it_ends_by_itself_and_says_that_nothing_was_asked(command: str, silent_input: int) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", command], stdin=silent_input, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "No menu (input or output is not a terminal); continuing as with --no_interactive." in said
    assert "DECISION Fresh" in said


@pytest.mark.parametrize("closed", ["<&- >&-", "<&- >&- 2>&-"])
def test_it_ends_by_itself_without_any_stream(closed: str, folder: Path) -> None:
    done = subprocess.run(["/bin/sh", "-c", f"{DRIVE} {closed}"], timeout=PATIENCE, check=False)
    assert done.returncode == 0
    assert len(list((folder / "archive").iterdir())) == 1


def test_what_goes_to_a_closed_stream_does_not_end_up_in_the_next_file_that_is_opened(tmp_path: Path) -> None:
    program = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
from resume.system.output import open_missing_streams
open_missing_streams()
with open("file", "wb") as file:
    os.write(2, b"a message")
"""
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -c '{program.replace(chr(39), chr(34))}' <&- >&- 2>&-"], check=False
    )
    assert done.returncode == 0
    assert Path("file").read_bytes() == b""


@pytest.mark.terminal
def test_a_job_in_the_background_of_an_interactive_shell_is_not_stopped_by_its_terminal() -> None:
    pexpect = pytest.importorskip("pexpect")
    shell = pexpect.spawn("/bin/bash", ["--norc", "--noprofile", "-i"], encoding="utf-8", timeout=PATIENCE)
    try:
        shell.sendline(f"PS1='$ '; {DRIVE} &")
        shell.expect_exact("No menu (a job in the background); continuing as with --no_interactive.")
        shell.expect("DECISION Fresh")
        shell.sendline("wait %1; echo ended with $?")
        shell.expect("ended with 0")
    finally:
        shell.close(force=True)
