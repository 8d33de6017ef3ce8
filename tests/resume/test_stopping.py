import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from resume import Stopped, not_stopped, stop_at_once
from resume.stopping import STOP_SIGNALS, listen


@pytest.fixture(autouse=True)
def _handlers_stay() -> Iterator[None]:
    before = [signal.getsignal(signum) for signum in STOP_SIGNALS]
    yield
    assert [signal.getsignal(signum) for signum in STOP_SIGNALS] == before


@pytest.mark.parametrize("signum", STOP_SIGNALS)
def test_a_signal_before_training_stops_where_it_arrives(signum: int) -> None:
    reached = []

    def go_on() -> None:
        with stop_at_once():
            signal.raise_signal(signum)
            reached.append("the next line")

    with pytest.raises(Stopped) as stop:
        go_on()
    assert (reached, stop.value.exit_code) == ([], 128 + signum)


def test_a_signal_while_files_move_waits_until_they_have_moved() -> None:
    moved = []

    def move() -> None:
        with not_stopped():
            signal.raise_signal(signal.SIGINT)
            moved.append("all")

    with pytest.raises(Stopped):
        move()
    assert moved == ["all"]


@pytest.mark.parametrize("block", [stop_at_once, not_stopped])
def test_the_handlers_are_put_back_after_an_error(block: Any) -> None:
    def fail(context: AbstractContextManager[None]) -> None:
        with context:
            raise ValueError("an error")

    with pytest.raises(ValueError, match="an error"):
        fail(block())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGHUP")
def test_a_hangup_that_nohup_has_turned_off_stays_off() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_at_once():
            signal.raise_signal(signal.SIGHUP)
        assert signal.SIGHUP not in listen(signal.default_int_handler)
    finally:
        for signum in STOP_SIGNALS:
            signal.signal(signum, signal.SIG_DFL if signum != signal.SIGINT else signal.default_int_handler)
        signal.signal(signal.SIGHUP, before)
