"""A chain: a run that is killed at drawn moments and resumed each time, in the folder that the chain before it left."""

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from exactness.comparison import compare_runs
from tests.torture.checks import SET_ASIDE, Found, foreign_files, look, places_problems, run_files_of
from tests.torture.configurations import Configuration
from tests.torture.harms import ANY_TIME, Harm, Signal
from tests.torture.moments import Aim
from tests.torture.starts import Start, Starter, in_child

_TOLD = "An earlier start was killed."
_KILLED = 137


class LostError(Exception):
    """What must never happen; the message says what did."""


@dataclass
class Tally:
    """What has been seen so far."""

    asked: Counter[str] = field(default_factory=Counter)
    came: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    resumes: int = 0
    damaged: int = 0
    offered: int = 0
    leftovers: int = 0
    lost: dict[int, int] = field(default_factory=dict)  # at most, by save interval
    compared: int = 0
    identical: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(self.came.values())


@dataclass(frozen=True)
class Reference:
    """The run that was never stopped."""

    configuration: Configuration
    folder: Path
    start: Start

    @property
    def steps(self) -> int:
        return self.start.steps


class Chain:
    """One chain.

    Args:
        rng: Draws everything.
        harms: What stops the run: one of them each time.
        starter: Starts it; what an earlier chain left in its folder `checkpoints` is archived or wiped.
        wanted: After so many kills, the run goes on to its end.
    """

    def __init__(
        self,
        rng: random.Random,
        harms: tuple[Harm, ...],
        reference: Reference,
        starter: Starter,
        tally: Tally,
        wanted: int,
    ) -> None:
        self._rng = rng
        self._harms = harms
        self._harm = harms[0]  # of the present start
        self._reference = reference
        self._starter = starter
        self._folder = starter.folder / "checkpoints"
        self._tally = tally
        self._left = min(wanted, rng.randint(1, 6))
        self._is_finished_at_last = rng.random() < 0.8 or self._left == wanted
        self._found = Found()
        self.history: list[str] = []

    @property
    def configuration(self) -> Configuration:
        return self._reference.configuration

    def run(self) -> None:
        """Run the chain to its end.

        Raises:
            LostError: Something was lost, or is not the same.
        """
        start = self._make_way()
        while start.code != 0:
            if self._left == 0 and not self._is_finished_at_last:
                return
            start = self._resume()
        if self._found.leftovers:
            raise LostError(f"temporary files have stayed to the end: {self._found.leftovers}")
        if self._found.newest != self._reference.steps:
            raise LostError(f"the run has ended at step {self._found.newest}, expected {self._reference.steps}")
        differences = in_child(compare_runs, self._reference.folder, self._folder)
        self._tally.compared += 1
        if differences:
            raise LostError("the run is not the same:\n  " + "\n  ".join(differences))
        self._tally.identical += 1

    def _make_way(self) -> Start:
        """Start anew, as often as it takes until the new run is there, not the old one; returns the last start."""
        before, foreign = run_files_of(self._folder), foreign_files(self._folder)
        old = in_child(look, self._folder).runs
        is_wipe = bool(before) and self._rng.random() < 0.5
        answers = "N\ny\n" if is_wipe else None
        flags = [flag for flag in self._reference.configuration.flags if not (is_wipe and flag == "--no_interactive")]
        phase = self._rng.choice(["set aside", "going"]) if before and self._rng.random() < 0.7 else None
        is_told = False
        while True:
            start = self._start(flags, answers, phase, events=2 * len(before) + 8)
            phase = None
            if is_told and _TOLD not in start.said and start.began_at >= 0:
                raise LostError("a start that was killed with files set aside was not told")
            self._see_foreign(foreign)
            has_saved = bool(self._found.runs - old)
            if not (is_wipe and has_saved) and (problems := places_problems(self._folder, before, set(foreign))):
                raise LostError("; ".join(problems))
            if has_saved or (start.began_at >= 0 and not before):
                break
            self._found = Found()  # what there is is of the old run
            is_told = bool(list((self._folder / SET_ASIDE).glob("*")))
            if is_told and start.code != _KILLED:
                raise LostError("a start that saved nothing ended by itself, and the old run is not back")
        left = old & self._found.runs
        if left:
            raise LostError(f"checkpoints of the old run are still in the folder: {left}")
        return start

    def _see_foreign(self, foreign: dict[str, tuple[int, int]]) -> None:
        now = foreign_files(self._folder)
        gone = [name for name, known in foreign.items() if now.get(name) != known]
        if gone:
            raise LostError(f"foreign files were touched: {gone}")

    def _resume(self) -> Start:
        before = self._found
        flags = ["--no_interactive", "--ckpt_path", "auto"]
        if not before.steps:  # nothing was saved yet: a fresh start, which has to be told everything
            flags += [flag for flag in self._reference.configuration.flags if flag != "--no_interactive"]
        self._tally.resumes += bool(before.steps)
        start = self._start(flags)
        if self._found.newest < before.newest:
            raise LostError(f"step {before.newest} was saved, and now the newest is {self._found.newest}")
        if start.began_at >= 0 and start.began_at != before.newest:
            raise LostError(f"step {before.newest} was saved, and the next start began at {start.began_at}")
        stayed = before.leftovers & self._found.leftovers
        if start.began_at >= 0 and stayed:
            raise LostError(f"temporary files of a killed start have stayed: {stayed}")
        return start

    def _start(
        self, flags: list[str], answers: str | None = None, phase: str | None = None, *, events: int = 0
    ) -> Start:
        """Start, stop at a drawn moment if this is to be stopped, and see what there is afterwards."""
        argv = [f"--checkpoint_dir={self._folder}", *flags]
        aim, after = None, None
        if self._left or phase:
            self._harm = self._rng.choice(self._harms)
            phase = phase or self._draw_phase()
            self._tally.asked[phase] += 1
            share = self._rng.random()
            if isinstance(self._harm, Signal) and phase == ANY_TIME:
                after = share * self._reference.start.seconds, self._harm.signum
            else:
                aim = Aim(phase, 1 + int(share * (events or self._events_left(phase))))
        harm = self._harm
        start = self._starter.start(argv, aim, harm.act, lasting=harm.lasting, answers=answers, after=after)
        harm.end()
        self._tally.starts += 1
        came = start.came and start.code != 0
        kind = "resume" if "auto" in flags else "start anew" if answers is None else "N, y"
        moment = f"after {after[0]:.2f} s" if after else aim
        self.history.append(f"{kind}: {harm} {moment}, came: {came}, code {start.code}, step {start.steps}")
        if came:
            assert phase is not None
            self._tally.came[phase] += 1
            self._left = max(0, self._left - 1)
        self._see_code(start, phase)
        self._see_files(start)
        return start

    def _draw_phase(self) -> str:
        """One that this configuration has."""
        counts, weights = self._reference.start.counts, self._harm.weights
        possible = [phase for phase in weights if phase == ANY_TIME or counts[phase]]
        return self._rng.choices(possible, [weights[phase] for phase in possible])[0]

    def _events_left(self, phase: str) -> int:
        """About how many events of a phase are still to come."""
        count = self._reference.start.counts[phase]
        share = 1 if phase in ("start-up", "making way") else 1 - self._found.newest / self._reference.steps
        return max(1, round(count * share))

    def _see_code(self, start: Start, phase: str | None) -> None:
        expected = self._harm.exit_codes(start, phase)
        if start.code not in expected:
            raise LostError(f"exit code {start.code}, expected {expected}; it said:\n{start.said[-3000:]}")

    def _see_files(self, start: Start) -> None:
        """Look at every file; count what was lost."""
        self._found = found = in_child(look, self._folder)
        self._tally.damaged += len(found.damaged)
        self._tally.offered += len(found.offered)
        self._tally.leftovers += len(found.leftovers)
        if found.damaged or found.offered:
            raise LostError(f"damaged: {found.damaged}, offered all the same: {found.offered}")
        if start.began_at < 0:
            return
        if self._harm.lasting and found.leftovers:
            raise LostError(f"temporary files have stayed: {found.leftovers}")
        lost, configuration = start.steps - found.newest, self.configuration
        most = self._harm.lost_at_most(configuration)
        if most is None:
            return
        self._tally.lost[configuration.interval] = max(lost, self._tally.lost.get(configuration.interval, 0))
        if lost > most:
            raise LostError(f"{lost} steps were lost, expected at most {most}")
