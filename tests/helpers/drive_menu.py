"""The stage before Lightning as train.py runs it, without torch; prints the decision. For tests of real streams."""

import importlib.abc
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))


class Forbidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in ("torch", "lightning", "numpy"):
            raise AssertionError(f"{name} is imported before the menu")


sys.meta_path.insert(0, Forbidden())

import resume  # noqa: E402 - only now
from resume.system.launch_info import Launch  # noqa: E402
from resume.system.output import say  # noqa: E402
from tests.helpers.carrying_out import carry_out  # noqa: E402


def main() -> int:
    try:
        arguments = resume.read_arguments(sys.argv[1:], Launch.from_environment())
        decision = resume.choose(arguments)
        if isinstance(decision, resume.Quit):
            say("DECISION Quit")
            os._exit(0)
        say(f"DECISION {type(decision).__name__} {getattr(decision, 'path', '')}")
        carry_out(decision)
    except resume.ResumeError as error:
        sys.stderr.write(f"train.py: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
