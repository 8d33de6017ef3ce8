import os
import shlex
import subprocess
from pathlib import Path

import pytest

from resume.commands import command_to_resume


@pytest.mark.parametrize(
    ("started_as", "program"),
    [("train.py", "train.py"), ("../my project/train.py", "../my project/train.py"), ("/usr/bin/pytest", "train.py")],
)
def test_the_printed_command_starts_the_program_as_it_was_started(
    monkeypatch: pytest.MonkeyPatch, started_as: str, program: str
) -> None:
    monkeypatch.setattr("sys.argv", [started_as, "--no_interactive"])
    words = ["python", program, "--ckpt_path", "a b.pth"]
    command = command_to_resume(Path("a b.pth"))
    assert command == (subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words))
