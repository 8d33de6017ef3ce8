"""Resume real runs with changed flags, drawn at random, and see that each is the same run or says that it is not.

python -m tests.draws --count 200 --seed 0

Exit code 0: all promises were kept; 1: not, and each broken one is shown with its seed.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest.mock import patch

from tests.draws.checking import Draws
from tests.draws.drawing import draw


def main(argv: list[str]) -> int:
    """Try the draws; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.draws", allow_abbrev=False)
    parser.add_argument("--count", type=int, default=200, help="so many draws (200)")
    parser.add_argument("--seed", type=int, default=0, help="of the first draw (0); the next has the next seed")
    options = parser.parse_args(argv)
    began, kept, broken = time.monotonic(), Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder, patch("callbacks.training_history.save_history", _no_picture):
        draws = Draws(Path(folder))
        for seed in range(options.seed, options.seed + options.count):
            drawn = draw(seed)
            problems = draws.problems(drawn)
            if problems:
                broken += 1
                print(f"\n{drawn}\n" + "\n".join(problems), flush=True)
            else:
                kept[drawn.change.verdict.name] += 1
    counts = ", ".join(f"{count} {name}" for name, count in sorted(kept.items()))
    seconds = time.monotonic() - began
    print(f"{options.count} draws from seed {options.seed} in {seconds:.0f} s: {counts}, {broken} broken")
    return 1 if broken else 0


def _no_picture(path: Path, *_: object) -> None:
    """Drawing the history takes longer than these epochs."""
    path.touch()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
