"""All processes of a training: they start, agree, wait for what the first one does, and end together."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher

import resume
from launch.agreement import outline, refuse_disagreement, refuse_lonely_machine, refuse_other_size
from launch.children import Child, ChildWatch, kill, loss_text, wait_or_kill
from launch.parent import loss_of_parent
from launch.torchrun import warn_of_restarts

_EXIT_USER_ERROR = 2
_EXIT_FAILURE = 1
_SECONDS_TO_END = 10.0  # for the others, after the first one
_SECONDS_TO_BE_LOST = 3.0  # from a failed collective to the end of the process that it failed for
_PAUSE = 0.1


class LostProcessError(Exception):
    """Another process of the launch has ended, so this one cannot go on; the message says which."""


class Processes:
    """Within the block, all processes of a training stand in one group; behind it, those started here have ended.

    Started are those that Lightning's launcher would start within `Trainer.fit`: what they would do is to be compared,
    and what the first one does is to be done, before training begins. With one process, nothing of all this happens.

    Args:
        trainer: Not used yet.
        decision: What this process would do.
    """

    def __init__(self, trainer: Trainer, decision: resume.Decision) -> None:
        self._strategy = trainer.strategy
        self._size = trainer.world_size
        self._decision = decision
        self._children: list[Child] = []
        self._exits = ExitStack()

    def __enter__(self) -> "Processes":
        """Start and meet the others.

        Raises:
            ResumeError: The launch does not fit the trainer, or the processes would not do the same.
        """
        refuse_other_size(self._size)
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
            if error is None or isinstance(error, resume.Stopped):
                wait_or_kill(self._children, _SECONDS_TO_END)
                return
            lost = self._loss() if isinstance(error, RuntimeError) else None
            kill(self._children)
        if lost is not None:
            raise LostProcessError(lost) from error

    def first_does(self, action: Callable[[], object]) -> None:
        """Let the first process do something while the others wait; where it fails, all end.

        Raises:
            ResumeError: In the first process, what the action raises.
        """
        if self._size == 1:
            action()
            return
        exit_code = _EXIT_FAILURE
        try:
            if resume.is_first_process():
                action()
            exit_code = 0
        except resume.ResumeError:
            exit_code = _EXIT_USER_ERROR
            raise
        except resume.Stopped as stop:
            exit_code = stop.exit_code
            raise
        finally:
            with resume.leave_if_unheard(1, self._kill):
                exit_code = self._strategy.broadcast(exit_code)
        if exit_code != 0:
            sys.exit(exit_code)  # the first process says why
        self._exits.enter_context(resume.leave_if_unheard(2, self._kill))

    def _gather(self) -> None:
        launcher = self._strategy.launcher
        if not isinstance(launcher, _SubprocessScriptLauncher):
            raise resume.ResumeError(
                resume.text("trainer.strategy: {name} forks or spawns its processes. Use ddp.").format(
                    name=type(self._strategy).__name__
                )
            )
        starts_others = not launcher.cluster_environment.creates_processes_externally
        if starts_others:
            refuse_lonely_machine(launcher.num_nodes)
        warn_of_restarts()
        with resume.leave_if_unheard(1, self._kill):
            if starts_others:
                resume.hand_on(self._decision)
                launcher._call_children_scripts()
                self._children += launcher.procs
                watch = ChildWatch(self._children)
                watch.start()
                self._exits.callback(watch.stop)
            self._strategy.setup_environment()
            self._agree()

    def _agree(self) -> None:
        planned = None if resume.was_handed_on() else outline(self._decision)
        outlines: list[tuple[str, str | None]] = [("", None)] * self._size
        torch.distributed.all_gather_object(outlines, (resume.process_name(), planned))
        try:
            refuse_disagreement(outlines)
        except resume.ResumeError:
            if not resume.is_first_process():
                sys.exit(_EXIT_USER_ERROR)  # the first one says why
            raise

    def _loss(self) -> str | None:
        """Which process has been lost: a collective fails a moment before the process that it fails for is gone."""
        end = time.monotonic() + _SECONDS_TO_BE_LOST
        while time.monotonic() < end:
            loss = loss_of_parent() or loss_text(self._children)
            if loss is not None:
                return loss
            time.sleep(_PAUSE)
        return None

    def _kill(self) -> None:
        kill(self._children)
