"""A watch over real signals; the main thread stands for the training."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from callbacks import stall_watch
from callbacks.stall_watch import StallWatch
from resume.system.durable_files import open_steadily, staged
from resume.system.signals import listen

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals to a process")

LONG = 5 * 0.2


class Watched:
    """A training that is watched, and how it was ended."""

    def __init__(self) -> None:
        self.beats = 0
        self.ends: list[str] = []
        self.is_ended = threading.Event()
        self.watch = StallWatch(True, lambda: self.beats, [self._first, self._last], lambda: None)

    def _first(self, signum: int) -> None:
        self.ends.append(f"first way, {signum}")

    def _last(self, signum: int) -> None:
        self.ends.append(f"last way, {signum}")
        self.is_ended.set()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setattr(stall_watch, "PATIENCE", 0.2)
    monkeypatch.setattr(stall_watch, "_FURTHER_PATIENCE", 0.2)
    monkeypatch.setattr(stall_watch, "_PAUSE", 0.01)
    before = listen(lambda signum, frame: None)
    training = Watched()
    yield training
    training.watch.close()
    for signum, handler in before.items():
        signal.signal(signum, handler)


def test_a_training_without_progress_is_ended_in_one_way_after_the_other(watched: Watched) -> None:
    signal.raise_signal(signal.SIGTERM)
    assert watched.is_ended.wait(30)
    assert watched.ends == ["first way, 15", "last way, 15"]


def test_nothing_is_ended_without_a_signal_or_after_the_watch_is_closed(watched: Watched) -> None:
    assert not watched.is_ended.wait(LONG)
    signal.raise_signal(signal.SIGTERM)
    watched.watch.close()
    assert not watched.is_ended.wait(LONG)
    assert watched.ends == []


def test_batches_are_progress(watched: Watched) -> None:
    signal.raise_signal(signal.SIGTERM)
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        watched.beats += 1
        watched.is_ended.wait(0.001)
    assert watched.ends == []
    assert watched.is_ended.wait(30)


def test_the_bytes_of_a_save_are_progress(watched: Watched, tmp_path: Path) -> None:
    signal.raise_signal(signal.SIGTERM)
    end = time.monotonic() + LONG
    with staged(tmp_path / "file") as temporary, open_steadily(temporary) as file:
        while time.monotonic() < end:
            file.write(b"x")
            file.flush()
            watched.is_ended.wait(0.001)
    assert watched.ends == []


def test_work_of_the_processor_is_progress(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(10**6))
    monkeypatch.setattr(time, "process_time", lambda: float(next(seconds)))
    signal.raise_signal(signal.SIGTERM)
    assert not watched.is_ended.wait(LONG)
    assert watched.ends == []
