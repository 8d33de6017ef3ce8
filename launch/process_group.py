"""All processes of a training: they start, agree, wait for what the first one does, and end together."""

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, ClassVar

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher

from launch.agreement import (
    outline,
    refuse_disagreement,
    refuse_other_facts,
    refuse_other_pairs,
    refuse_other_size,
    refuse_unknown_machines,
)
from launch.child_watch import Child, ChildWatch, kill, loss_text, wait_or_kill
from launch.parent import end_if_parent_is_gone
from launch.peers import Peers, is_lost_connection, lost_text, meet_peers, unreachable_text
from launch.restarts import meet_apart_from_earlier_starts, warn_of_restarts
from resume.decision import Decision
from resume.handoff import hand_on, parent_process
from resume.system.errors import ResumeError
from resume.system.launch_info import Launch
from resume.system.output import ExplainedError, text
from resume.system.signals import Stopped, ignore_stop_signals
from resume.system.watchdog import exit_if_unhandled

_EXIT_FAILURE = 1
_SECONDS_TO_END = 10.0  # for the other processes, after the first one
_SECONDS_TO_BE_LOST = 3.0  # from a failed collective to the end of the process that made it fail
_PAUSE = 0.1


class LostProcessError(ExplainedError):
    """Another process of the launch has ended, so this one cannot continue; the message says which."""

    exit_code: ClassVar[int] = 1


class ProcessGroup:
    """Within the block, all processes of a training are in one group; after it, those started here have ended.

    Starts the processes that Lightning's launcher would start within `Trainer.fit`: comparing what they would do, and
    the work of the first one, must come before training. With one process, nothing of this happens.

    Args:
        trainer: A trainer that was not used yet.
        decision: What this process would do.
        found: What was found in the data, by name.
        launch: What started this process.
    """

    def __init__(self, trainer: Trainer, decision: Decision, found: Mapping[str, Any], launch: Launch) -> None:
        self._strategy = trainer.strategy
        self._size = trainer.world_size
        self._decision = decision
        self._found = found
        self._launch = launch
        self._children: list[Child] = []
        self._peers: Peers | None = None  # where torchrun or SLURM started the processes
        self._exits = ExitStack()

    def __enter__(self) -> "ProcessGroup":
        """Start and meet the other processes.

        Raises:
            ResumeError: The launch does not fit the trainer, or the processes would not do the same.
        """
        refuse_other_size(self._size, self._launch)
        if self._size > 1:
            try:
                self._gather()
            except BaseException:
                kill(self._children)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._exits:
            if error is None or isinstance(error, Stopped):
                wait_or_kill(self._children, _SECONDS_TO_END)
                return
            if self._peers is not None:
                ignore_stop_signals()  # torchrun and SLURM send SIGTERM to the rest of a launch; the error comes first
            lost = self._loss(error) if isinstance(error, RuntimeError) else None
            kill(self._children)
        if lost is not None:
            if self._peers is not None and not self._peers.is_spokesman():
                sys.exit(LostProcessError.exit_code)
            raise LostProcessError(lost) from error

    def first_does(self, action: Callable[[], object]) -> None:
        """Let the first process do something while the others wait; if it fails, all processes end.

        Raises:
            ResumeError: In the first process, what the action raises.
        """
        if self._size == 1:
            if self._launch.is_first:
                action()
            return
        exit_code = _EXIT_FAILURE
        try:
            if self._launch.is_first:
                action()
            exit_code = 0
        except ResumeError as error:
            exit_code = error.exit_code
            raise
        except Stopped as stop:
            exit_code = stop.exit_code
            raise
        finally:
            with exit_if_unhandled(self._kill):
                exit_code = self._strategy.broadcast(exit_code)
        if exit_code != 0:
            sys.exit(exit_code)  # the first process reports why
        self._exits.enter_context(exit_if_unhandled(self._kill))

    def _gather(self) -> None:
        launcher = self._strategy.launcher
        if not isinstance(launcher, _SubprocessScriptLauncher):
            raise ResumeError(
                text("trainer.strategy: {name} forks or spawns its processes. Use ddp.").format(
                    name=type(self._strategy).__name__
                )
            )
        starts_others = not launcher.cluster_environment.creates_processes_externally
        if starts_others:
            refuse_unknown_machines(launcher.num_nodes, self._launch)
        warn_of_restarts(self._launch)
        with exit_if_unhandled(self._kill):
            if starts_others:
                hand_on(self._decision, self._found)
                launcher._call_children_scripts()
                self._children += launcher.procs
                watch = ChildWatch(self._children)
                watch.start()
                self._exits.callback(watch.stop)
            else:
                meet_apart_from_earlier_starts(self._strategy, launcher.cluster_environment, self._launch)
            self._strategy.setup_environment()
            self._agree()
            if not starts_others and parent_process(self._launch) is None:
                self._peers = meet_peers()

    def _agree(self) -> None:
        took_over = parent_process(self._launch) is not None
        planned = None if took_over else outline(self._decision)
        found = None if took_over else self._found
        said: list[tuple[str, str | None, Mapping[str, Any] | None]] = [("", None, None)] * self._size
        torch.distributed.all_gather_object(said, (self._launch.process_name, planned, found))
        try:
            refuse_disagreement([(process, planned) for process, planned, _ in said])
            refuse_other_facts([(process, None if found is None else found["settings"]) for process, _, found in said])
            refuse_other_pairs([(process, None if found is None else found["pairs"]) for process, _, found in said])
        except ResumeError as error:
            if not self._launch.is_first:
                sys.exit(error.exit_code)  # the first process reports why
            raise

    def _loss(self, error: RuntimeError) -> str | None:
        """Which process was lost: a collective fails a moment before the process that made it fail has ended."""
        peers = self._peers if is_lost_connection(error) else None
        end = time.monotonic() + _SECONDS_TO_BE_LOST
        while time.monotonic() < end:
            end_if_parent_is_gone(self._launch)
            loss = loss_text(self._children)
            if loss is not None:
                return loss
            lost = [] if peers is None else peers.lost()
            if lost:
                return lost_text(lost[0])
            time.sleep(_PAUSE)
        return None if peers is None else unreachable_text(error)

    def _kill(self) -> None:
        kill(self._children)
