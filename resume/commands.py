"""Command lines that the program prints for its user."""

import os
import sys
from pathlib import Path


def command_to_resume(ckpt_path: Path) -> str:
    """The command line, ready to paste, that resumes from a file."""
    import shlex  # these two take 20 ms, for which the menu would have to wait
    import subprocess

    # As it was started; in a process of another program, such as a test runner, that would not run.
    program = sys.argv[0] if Path(sys.argv[0]).name == "train.py" else "train.py"
    words = ["python", program, "--ckpt_path", str(ckpt_path)]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
