"""The moments of a training process, counted by phase, and what is done at the one that is aimed at.

The process is one that was forked for a single start, so that what is wrapped here stays wrapped: the calls of the
system by which files come and go, the writes of a checkpoint, the picture. The program itself knows nothing of it.
"""

import io
import os
import re
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

from callbacks import history_plot, training_history
from tests.torture.board import Board

_TEMPORARY = re.compile(r"\.(.+)\.[0-9]+\.tmp")
_JOURNAL = ".archive_journal.json"
_SET_ASIDE = ".set_aside"


@dataclass(frozen=True)
class Aim:
    """A moment: the event of this number, from 1, in a phase of `PHASES`."""

    phase: str
    number: int


class Moments:
    """Counts this process's events on the board, and calls `act` at the one aimed at.

    Args:
        board: Where the events are counted.
        aim: None: nothing is to happen.
        act: What is to happen.
        lasting: Whether it is to happen at all later events, too.
    """

    current: ClassVar["Moments"]

    def __init__(self, board: Board, aim: Aim | None, act: Callable[[], None], *, lasting: bool) -> None:
        self.board = board
        self.stage = "start-up"  # then "training", "end"
        self._aim = aim
        self._act = act
        self._lasting = lasting
        self._pid = os.getpid()
        self._saving = ""  # the part of a save that is under way: "write", then "names"

    def event(self, phase: str) -> None:
        """One more event of a phase; those of loading processes are none."""
        if os.getpid() != self._pid:
            return
        number = self.board.count(phase)
        if self._aim == Aim(phase, number) or (self._lasting and self.board.came):
            self.board.came = True
            self._act()

    def watch(self) -> None:
        """Wrap what makes events, for the rest of this process's life."""
        Moments.current = self
        sys.addaudithook(self._audit)
        for name in ("fsync", "replace", "rename", "link", "unlink", "mkdir", "rmdir"):
            self._wrap(name)
        save, draw = torch.save, history_plot.save_history

        def save_in_parts(content: Any, file: IO[bytes]) -> None:
            if isinstance(file, io.BytesIO):  # tried in memory, before training
                save(content, file)
                return
            self._saving = "write"
            save(content, _InParts(file, self))  # type: ignore[arg-type]

        def draw_in_parts(path: Path, *args: Any) -> None:
            self.event("plot")
            draw(path, *args)
            picture = path.read_bytes()
            path.write_bytes(picture[: len(picture) // 2])
            self.event("plot")
            path.write_bytes(picture)
            self.event("plot")

        vars(torch)["save"] = save_in_parts
        vars(training_history)["save_history"] = draw_in_parts

    def _audit(self, event: str, _args: tuple[Any, ...]) -> None:
        if event == "open" and self.stage != "training":
            self.event(self.stage)

    def _wrap(self, name: str) -> None:
        call = getattr(os, name)

        def counted(*args: Any, **settings: Any) -> Any:
            phase = self._phase_of(name, *args)
            if phase is not None:
                self.event(phase)
            result = call(*args, **settings)
            if phase is not None:
                self.event(phase)
            return result

        setattr(os, name, counted)

    def _phase_of(self, call: str, what: Any, target: Any = None) -> str | None:
        if call == "fsync":
            return self._phase_of_sync(what)
        name = os.path.basename(target if call in ("replace", "link") else what)  # noqa: PTH119
        temporary = _TEMPORARY.fullmatch(name)
        parts = {*Path(what).parts, *(Path(target).parts if isinstance(target, str | Path) else ())}
        if name == _JOURNAL or _SET_ASIDE in parts:
            return "set aside" if self.stage == "start-up" else "going"
        if call in ("mkdir", "rmdir") or (call == "unlink" and temporary):
            return None
        if self.stage == "start-up":
            return "making way"
        if self.stage == "end":
            return "end"
        if call == "unlink":
            return "old files"
        return self._phase_of_naming(call, temporary[1] if temporary else name)

    def _phase_of_naming(self, call: str, name: str) -> str:
        if not name.endswith(".pth"):
            return "history"
        if call == "link":
            self._saving = "names"
        return "names" if self._saving == "names" else "replace"

    def _phase_of_sync(self, descriptor: int) -> str | None:
        if self.stage != "training":
            return self.stage
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            return "names" if self._saving == "names" else "folder"
        return "sync" if self._saving else "history"


class _InParts:
    """A file into which each piece goes in two halves, with an event in between."""

    def __init__(self, file: IO[bytes], moments: Moments) -> None:
        self._file = file
        self._moments = moments

    def write(self, data: Any) -> int:
        half = len(data) // 2
        self._file.write(data[:half])
        self._file.flush()
        self._moments.event("write")
        self._file.write(data[half:])
        return len(data)

    def flush(self) -> None:
        self._file.flush()


class Steps(Callback):
    """Tells the board where training stands; part of the configuration of every run that is compared."""

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        moments = Moments.current
        moments.stage = "training"
        moments.board.steps = moments.board.began_at = trainer.global_step

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        Moments.current.event("step")

    @override
    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        Moments.current.event("step")

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        Moments.current.board.steps = trainer.global_step
        Moments.current.event("step")

    @override
    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if not trainer.sanity_checking:
            Moments.current.event("validation")

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            Moments.current.event("validation")

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        Moments.current.stage = "end"
