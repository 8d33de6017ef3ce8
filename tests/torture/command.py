"""The command: configurations, their reference runs, chains until there are enough kills, and the table."""

import argparse
import gc
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path

from tests.torture.board import PHASES
from tests.torture.chains import Chain, LostError, Reference, Tally
from tests.torture.configurations import draw_configuration, draw_images
from tests.torture.disk import disk_at
from tests.torture.harms import ANY_TIME, FullDisk, Harm, Signal
from tests.torture.starts import Starter, in_child

SIGNALS = ("KILL", "INT", "TERM")
ANY = "ANY"
_KILLS_PER_CONFIGURATION = 20
_MOST_FAILURES = 3


def main(argv: list[str]) -> int:
    """Torture; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", allow_abbrev=False)
    parser.add_argument("--kills", type=int, default=100, help="so many kills (100)")
    parser.add_argument("--seed", type=int, default=0, help="decides configurations and moments (0)")
    harms = parser.add_mutually_exclusive_group()
    harms.add_argument(
        "--signal", choices=(*SIGNALS, ANY), default="KILL", help="what stops the runs (KILL); ANY: another each time"
    )
    harms.add_argument("--disk-full", action="store_true", help="no signal: the disk fills up")
    options = parser.parse_args(argv)
    gc.freeze()  # else each forked process copies the memory of what it has imported
    base = Path(tempfile.mkdtemp(prefix="torture-"))
    in_child(draw_images, base / "data")
    began = time.monotonic()
    tally = Tally()
    if options.disk_full:
        with disk_at(base / "disk") as disk:
            _torture(base, tally, options, (FullDisk(disk),), "--disk-full")
    else:
        names = SIGNALS if options.signal == ANY else (options.signal,)
        signals = tuple(Signal(getattr(signal, f"SIG{name}")) for name in names)
        _torture(base, tally, options, signals, f"--signal {options.signal}")
    for line in [*table(tally, time.monotonic() - began), *tally.failures]:
        print(line)
    if tally.failures:
        return 1
    shutil.rmtree(base)
    return 0


def _torture(base: Path, tally: Tally, options: argparse.Namespace, harms: tuple[Harm, ...], flag: str) -> None:
    """Run chains until there are enough kills."""
    references: list[Reference] = []
    starter, number = Starter(_new_folder(base, 0), base), 0
    while tally.kills < options.kills and len(tally.failures) < _MOST_FAILURES:
        rng = random.Random(f"{options.seed} {flag} {number}")
        if len(references) <= tally.kills // _KILLS_PER_CONFIGURATION:
            references.append(_train_reference(base, rng, len(references)))
        chain = Chain(rng, harms, rng.choice(references), starter, tally, options.kills - tally.kills)
        try:
            chain.run()
        except LostError as error:
            kept = _keep(starter.folder, base / f"failed{number}")
            tally.failures.append(
                f"FAILED: --seed {options.seed} {flag}, chain {number}, kept in {kept}: {error}\n"
                f"  configuration: {chain.configuration}\n  " + "\n  ".join(chain.history)
            )
            starter.end_workers()
            starter = Starter(_new_folder(base, number + 1), base)
        finally:
            starter.end_workers()
        number += 1


def _keep(folder: Path, kept: Path) -> Path:
    """Copy what failed from a disk that goes when all is over."""
    shutil.copytree(folder, kept)
    return kept


def _new_folder(base: Path, number: int) -> Path:
    """A working folder whose checkpoint folder holds what is somebody else's."""
    disk = base / "disk"
    folder = (disk if disk.exists() else base) / f"work{number}"
    others = folder / "checkpoints" / "archive" / "mine"
    others.mkdir(parents=True)
    for path in (others / "best_model.txt", others.parent / "notes.txt", others.parent.parent / "weights.pth"):
        path.write_text("not of this program", encoding="utf-8")
    return folder


def _train_reference(base: Path, rng: random.Random, number: int) -> Reference:
    configuration = draw_configuration(rng, base / "data")
    folder = base / f"reference{number}"
    folder.mkdir()
    start = Starter(folder, base).start([f"--checkpoint_dir={folder / 'checkpoints'}", *configuration.flags])
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
