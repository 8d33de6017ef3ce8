"""Signals to a process whose main thread waits in foreign code, as in a collective; each in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals to a process")

PROGRAM = """
import ctypes, sys, threading, time
sys.path.insert(0, {root!r})
from resume.system.signals import Stopped, stop_at_once
from resume.system.watchdog import exit_if_unhandled, noticed
from resume.system import watchdog

watchdog.PATIENCE = 0.1

def in_foreign_code():
    lock = ctypes.CDLL(None).pthread_mutex_lock  # goes on waiting after a signal
    mutex = ctypes.create_string_buffer(256)
    lock(mutex)
    go = threading.Lock()
    go.acquire()
    threading.Thread(target=lambda: (go.acquire(), print("waiting", flush=True)), daemon=True).start()
    sys.setswitchinterval(600)  # the thread runs when this one waits, and no sooner
    go.release()
    lock(mutex)

def in_python():
    print("waiting", flush=True)
    time.sleep(600)

try:
    with stop_at_once(), {block}:
        {waiting}()
except Stopped as stop:
    print("heard", flush=True)
    sys.exit(stop.exit_code)
"""
COMMAND = [sys.executable, "-c"]


@pytest.fixture
def begun() -> Iterator[list["subprocess.Popen[str]"]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


# Before training, and in training.
FIRST_ENDS = 'exit_if_unhandled(lambda: print("the others are ended", flush=True))'
FIRST_IS_LEFT = f"{FIRST_ENDS}, noticed(lambda signum: print('noticed', signum, flush=True))"


def begin(begun: list["subprocess.Popen[str]"], block: str, waiting: str) -> "subprocess.Popen[str]":
    program = PROGRAM.format(root=str(Path(__file__).parents[3]), block=block, waiting=waiting)
    process = subprocess.Popen([*COMMAND, program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    begun.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    return process


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_waits_in_foreign_code_ends_by_a_signal(
    begun: list["subprocess.Popen[str]"], signum: signal.Signals
) -> None:
    process = begin(begun, FIRST_ENDS, "in_foreign_code")
    process.send_signal(signum)
    said, complained = process.communicate(timeout=30)
    assert process.returncode == 128 + signum
    assert said == "the others are ended\n"
    assert "Ended at once, without saving" in complained


def test_an_inner_block_notices_each_signal_in_place_of_the_outer_one(begun: list["subprocess.Popen[str]"]) -> None:
    process = begin(begun, FIRST_IS_LEFT, "in_foreign_code")
    assert process.stdout is not None
    for signum in (signal.SIGINT, signal.SIGTERM):
        process.send_signal(signum)
        assert process.stdout.readline() == f"noticed {int(signum)}\n"
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)  # the patience of the outer block is shorter


def test_a_signal_that_is_heard_is_left_to_its_handler(begun: list["subprocess.Popen[str]"]) -> None:
    process = begin(begun, FIRST_ENDS, "in_python")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert (said, process.returncode) == ("heard\n", 128 + signal.SIGINT)
