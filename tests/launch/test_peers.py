"""What a process sees of the others that torchrun or SLURM started beside it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from launch.peers import Peer, Peers, is_lost_connection, unreachable_text
from resume.system.pids import start_of

HOST = socket.gethostname()
Process = subprocess.Popen[bytes]


@pytest.fixture
def process() -> Iterator[Process]:
    """A process that runs until it is killed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield started
        started.kill()


def peer(pid: int, host: str = HOST) -> Peer:
    return Peer(host, pid, start_of(pid))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no zombies")
def test_a_process_that_was_killed_is_lost_also_before_its_launcher_has_noticed(process: Process) -> None:
    peers = Peers(0, [peer(os.getpid()), peer(process.pid)])
    assert peers.lost() == []
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie
    assert peers.lost() == [1]


@pytest.mark.parametrize("unseen", ["other host", "other container"])
def test_a_process_that_was_never_seen_is_not_said_to_be_lost(process: Process, unseen: str) -> None:
    other = peer(process.pid, "elsewhere") if unseen == "other host" else Peer(HOST, process.pid, "other start")
    peers = Peers(0, [peer(os.getpid()), other])
    process.kill()
    process.wait()
    assert peers.lost() == []


def test_the_first_process_of_a_host_that_still_runs_speaks_for_it(process: Process) -> None:
    all_of_them = [peer(process.pid), peer(os.getpid()), peer(os.getpid())]
    peers = {rank: Peers(rank, all_of_them) for rank in (1, 2)}
    assert [peers[rank].is_spokesman() for rank in (1, 2)] == [False, False]
    process.kill()
    process.wait()
    assert [peers[rank].is_spokesman() for rank in (1, 2)] == [True, False]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.distributed.DistBackendError("NCCL error"), True),
        (RuntimeError("[/gloo/transport/tcp/pair.cc:545] Read error: Connection reset by peer"), True),
        (RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"), False),
        (torch.OutOfMemoryError("CUDA out of memory"), False),
    ],
)
def test_an_error_of_the_connection_is_told_from_one_of_the_network(error: RuntimeError, expected: bool) -> None:
    assert is_lost_connection(error) is expected


def test_the_reason_why_a_process_cannot_be_reached_is_short() -> None:
    said = unreachable_text(RuntimeError("Connection reset by peer" + "." * 1000 + "\nmore"))
    assert "(RuntimeError: Connection reset by peer." in said
    assert len(said) < 400
