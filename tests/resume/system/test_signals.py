import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from resume.system.signals import STOP_SIGNALS, Stopped, listen, not_stopped, stop_at_once, stop_signals


@pytest.fixture(autouse=True)
def _no_later_test_runs_as_if_in_a_slurm_job() -> Iterator[None]:
    yield
    with stop_at_once():
        pass


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


posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGUSR1")


@posix
def test_the_warning_of_the_time_limit_is_heard_in_a_slurm_job_alone() -> None:
    with stop_at_once():
        assert signal.SIGUSR1 not in stop_signals()
    with stop_at_once(in_slurm_job=True):
        assert signal.SIGUSR1 in stop_signals()
        assert signal.SIGCONT not in stop_signals()


@posix
def test_slurm_sends_a_signal_twice_and_only_the_first_counts() -> None:
    reached = []

    def go_on() -> None:
        with stop_at_once(in_slurm_job=True):
            try:
                signal.raise_signal(signal.SIGUSR1)
            finally:
                signal.raise_signal(signal.SIGTERM)
                reached.append("the end")

    with pytest.raises(Stopped) as stop:
        go_on()
    assert (reached, stop.value.signum) == (["the end"], signal.SIGUSR1)
    assert stop.value.asks_for_requeue


@posix
def test_ctrl_c_counts_in_a_slurm_job_each_time() -> None:

    def go_on() -> None:
        with stop_at_once(in_slurm_job=True):
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped) as stop:
        go_on()
    assert stop.value.signum == signal.SIGINT


@posix
def test_a_signal_that_was_held_back_is_heard_as_soon_as_the_program_listens() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    signal.raise_signal(signal.SIGUSR1)
    try:
        with pytest.raises(Stopped), stop_at_once(in_slurm_job=True):
            pass
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
