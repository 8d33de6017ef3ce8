"""Command lines that the program prints for its users."""

import os
import sys
from pathlib import Path


def command_to_resume(ckpt_path: Path, *more: str) -> str:
    """The command line, ready to paste, that resumes from a file; `more` follows it."""
    import shlex  # these two imports take 20 ms, which would delay the menu
    import subprocess

    # The name under which this program was started; in another program, such as a test runner, that name is wrong.
    program = sys.argv[0] if Path(sys.argv[0]).name == "train.py" else "train.py"
    words = ["python", program, "--ckpt_path", str(ckpt_path), *more]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
