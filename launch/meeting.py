"""What the processes of torchrun or SLURM tell each other before they form a group."""

import json
import select
import sys
import threading
import time
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, ClassVar

from torch.distributed import DistError, PrefixStore, Store  # type: ignore[attr-defined]

from launch.meeting_place import SECONDS_TO_COME, LostFirstError, Place, connected, missing, open_store
from resume.system.launch_info import Launch
from resume.system.output import ExplainedError, text
from resume.system.signals import Stopped
from resume.system.watchdog import exit_if_unhandled

_PAUSE = 0.1
_PAUSE_OF_LISTENER = 0.25
_SECONDS_OF_SILENCE = 60.0  # of a first process that lives: it says so from a thread
_SECONDS_TO_LEAVE = 10.0  # for the others, before the store goes with a first process that has failed, or its torchrun
_SECONDS_BETWEEN_BEATS = 5.0
_BEATS, _CAME, _LEFT = "beats", "came", "left"
_EXIT_FAILURE = 1


class MissingProcessError(ExplainedError):
    """Not all processes of a launch have come."""

    exit_code: ClassVar[int] = 1


class Meeting:
    """Within the block, the first process says what it has found, and the others wait for it.

    If the first one leaves the block by an error, the others end with its exit code when they ask for the next thing.
    """

    def __init__(self, place: Place, launch: Launch) -> None:
        self._place = place
        self.is_first = launch.is_first
        self._is_over = threading.Event()
        self._said = 0  # so many things; each has its number as its key

    def __enter__(self) -> "Meeting":
        """Find the store.

        Raises:
            MeetingError: There is none.
            LostFirstError: The first process, which would host it, does not come.
        """
        with exit_if_unhandled(lambda: None), ExitStack() as lines:
            if not self.is_first:
                self._line = lines.enter_context(connected(self._place))
            self._store: Store = PrefixStore(self._place.start, open_store(self._place, self.is_first))
            lines.pop_all()  # it stays open until the end of the block
        if self.is_first:
            threading.Thread(target=self._speak, daemon=True, name="first process").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over.set()
        if not self.is_first:
            self._line.close()
        if error is None or isinstance(error, LostFirstError):
            return
        with exit_if_unhandled(lambda: None), suppress(DistError, Stopped):  # the error is what is reported
            if not self.is_first:
                self._store.add(_LEFT, 1)
                return
            self._say({"exit_code": _exit_code(error)})
            if not isinstance(error, Stopped):
                self._let_others_leave()

    def gather(self, value: object) -> list[Any]:
        """Tell the first process a value that JSON can hold, as the first thing.

        Returns:
            In the first process, the values of all, its own first; in the others, nothing.

        Raises:
            MissingProcessError: In the first process, some of the others do not come.
        """
        with exit_if_unhandled(lambda: None):
            if not self.is_first:
                self._store.set(f"{_CAME} {self._store.add(_CAME, 1)}", json.dumps(value))
                return []
            keys = [f"{_CAME} {number}" for number in range(1, self._place.size)]
            end = time.monotonic() + SECONDS_TO_COME
            while not self._store.check(keys):
                if time.monotonic() > end:
                    raise _not_all(self._store.add(_CAME, 0) + 1, self._place)
                time.sleep(_PAUSE)
            return [value, *(json.loads(self._store.get(key)) for key in keys)]

    def say(self, value: object) -> None:
        """Tell the others a value that JSON can hold; for the first process."""
        self._say({"value": value})

    def _say(self, content: dict[str, object]) -> None:
        self._store.set(str(self._said), json.dumps(content))
        self._said += 1

    def hear(self) -> Any:
        """Wait for the next value of the first process, as long as that one lives; for the others.

        Raises:
            LostFirstError: The first process is lost.
            SystemExit: It has ended with this exit code, and has reported why.
        """
        try:
            with exit_if_unhandled(lambda: None):
                said = json.loads(self._next())
        except DistError as error:
            raise _lost() from error
        if "exit_code" in said:
            sys.exit(said["exit_code"])
        self._said += 1
        return said["value"]

    def _next(self) -> bytes:
        listener = _Listener(self._place)
        while not self._store.check([str(self._said)]):
            if listener.is_due():
                listener.note(self._store.add(_BEATS, 0))
            # Nothing is sent on this line. The store itself would write many lines about a lost connection.
            if select.select([self._line], [], [], _PAUSE_OF_LISTENER)[0]:
                raise _lost()
        return self._store.get(str(self._said))

    def _speak(self) -> None:
        with suppress(DistError):  # the process finds out when it says something, or when the group is formed
            self._store.add(_BEATS, 1)
            while not self._is_over.wait(_SECONDS_BETWEEN_BEATS):
                self._store.add(_BEATS, 1)

    def _let_others_leave(self) -> None:
        end = time.monotonic() + _SECONDS_TO_LEAVE
        while self._store.add(_LEFT, 0) < self._place.size - 1 and time.monotonic() < end:
            time.sleep(_PAUSE)


class _Listener:
    """Whether the first process has spoken within the time that it may be silent."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._beats = 0
        self._heard = self._asked = time.monotonic()

    def is_due(self) -> bool:
        """Whether it is time to ask for it again."""
        if time.monotonic() - self._asked < _SECONDS_BETWEEN_BEATS:
            return False
        self._asked = time.monotonic()
        return True

    def note(self, beats: int) -> None:
        """Note how often it has spoken so far.

        Raises:
            LostFirstError: It has been silent for too long.
        """
        now = time.monotonic()
        if beats != self._beats:
            self._beats, self._heard = beats, now
        elif beats and now - self._heard > _SECONDS_OF_SILENCE:
            raise _lost()
        elif now - self._heard > SECONDS_TO_COME:
            raise missing(self._place)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, ExplainedError | Stopped):
        return error.exit_code
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return error.code
    return _EXIT_FAILURE


def _not_all(came: int, place: Place) -> MissingProcessError:
    said = text(
        "Only {came} of the {size} processes of this launch have come to {place} within {minutes} minutes. Look for "
        "the message of one of the others."
    )
    minutes = round(SECONDS_TO_COME / 60)
    return MissingProcessError(said.format(came=came, size=place.size, place=place, minutes=minutes))


def _lost() -> LostFirstError:
    return LostFirstError(text("The first process of this launch cannot be reached any more; this one ends too."))
