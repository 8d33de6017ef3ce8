"""The command: configurations, their reference runs, chains until there are enough kills, and the table."""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.torture.board import PHASES
from benchmarks.torture.chains import ANY_TIME, Chain, LostError, Reference, Tally
from benchmarks.torture.configurations import draw_configuration, draw_images
from benchmarks.torture.starts import Starter, in_child

SIGNALS = ("KILL", "INT", "TERM")
_KILLS_PER_CONFIGURATION = 20
_MOST_FAILURES = 3


def main(argv: list[str]) -> int:
    """Torture; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", allow_abbrev=False)
    parser.add_argument("--kills", type=int, default=100, help="so many kills (100)")
    parser.add_argument("--seed", type=int, default=0, help="decides configurations and moments (0)")
    parser.add_argument("--signal", choices=SIGNALS, default="KILL", help="what stops the runs (KILL)")
    options = parser.parse_args(argv)
    if not hasattr(os, "fork"):
        print("The torture needs a POSIX system: its starts are forked.", file=sys.stderr)
        return 2
    began = time.monotonic()
    base = Path(tempfile.mkdtemp(prefix="torture-"))
    tally = Tally()
    _torture(base, tally, options.kills, options.seed, options.signal)
    seconds = time.monotonic() - began
    for line in table(tally, seconds):
        print(line)
    for failure in tally.failures:
        print(failure)
    if tally.failures:
        return 1
    shutil.rmtree(base)
    return 0


def _torture(base: Path, tally: Tally, kills: int, seed: int, name: str) -> None:
    in_child(draw_images, base / "data")
    references: list[Reference] = []
    folder, number = _new_folder(base, 0), 0
    while tally.kills < kills and len(tally.failures) < _MOST_FAILURES:
        rng = random.Random(f"{seed} {name} {number}")
        if len(references) <= tally.kills // _KILLS_PER_CONFIGURATION:
            references.append(_train_reference(base, rng, len(references)))
        starter = Starter(folder)
        chain = Chain(
            rng,
            getattr(signal, f"SIG{name}"),
            rng.choice(references),
            starter,
            folder / "checkpoints",
            tally,
            kills - tally.kills,
        )
        try:
            chain.run()
        except LostError as error:
            tally.failures.append(
                f"FAILED: --seed {seed} --signal {name}, chain {number}, in {folder}: {error}\n"
                f"  configuration: {chain.configuration}\n  " + "\n  ".join(chain.history)
            )
            folder = _new_folder(base, number + 1)
        finally:
            starter.end_workers()
        number += 1


def _new_folder(base: Path, number: int) -> Path:
    """A working folder whose checkpoint folder holds what is somebody else's."""
    folder = base / f"work{number}"
    others = folder / "checkpoints" / "archive" / "mine"
    others.mkdir(parents=True)
    for path in (others / "best_model.txt", others.parent / "notes.txt", others.parent.parent / "weights.pth"):
        path.write_text("not of this program", encoding="utf-8")
    return folder


def _train_reference(base: Path, rng: random.Random, number: int) -> Reference:
    configuration = draw_configuration(rng, base / "data")
    folder = base / f"reference{number}"
    folder.mkdir()
    start = Starter(folder).start([f"--checkpoint_dir={folder / 'checkpoints'}", *configuration.flags])
    if start.code != 0:
        raise RuntimeError(f"a run that nobody stopped ended with exit code {start.code}:\n{start.said}")
    return Reference(configuration, folder / "checkpoints", start)


def table(tally: Tally, seconds: float) -> list[str]:
    """The outcome, one line each."""
    lines = [f"{'phase':<28}{'asked for':>10}{'came':>10}"]
    phases = [phase for phase in (*PHASES, ANY_TIME) if tally.asked[phase]]
    lines += [f"  {phase:<26}{tally.asked[phase]:>10}{tally.came[phase]:>10}" for phase in phases]
    lost = ", ".join(f"{lost} (saved every {every})" for every, lost in sorted(tally.lost.items()))
    rows = {
        "kills": tally.kills,
        "starts": tally.starts,
        "resumes": tally.resumes,
        "damaged files found": tally.damaged,
        "damaged files offered": tally.offered,
        "leftover temporary files": tally.leftovers,
        "work lost at most, in steps": lost or "-",
        "identical": f"{tally.identical} of {tally.compared}",
        "seconds": f"{seconds:.0f} ({seconds / max(tally.kills, 1):.1f} a kill)",
    }
    return [*lines, *(f"{name:<28}{value!s:>20}" for name, value in rows.items())]
