"""The other processes of a launch that torchrun or SLURM started, of which only a broken connection shows the end."""

import os
import socket
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.distributed import DistError

from resume.system.output import brief, text
from resume.system.pids import start_of

_LONGEST_REASON = 200


class Peer(NamedTuple):
    """A process of the launch.

    Attributes:
        host: Of several processes, those of one host can see each other.
        pid: Its number there.
        start: Its start time.
    """

    host: str
    pid: int
    start: str | None

    @property
    def is_running(self) -> bool:
        """Whether this process sees it run; in a container of its own, it may never have."""
        return self.host == socket.gethostname() and self.start is not None and start_of(self.pid) == self.start


class Peers:
    """All processes of a launch, by their ranks, from the moment at which they have met."""

    def __init__(self, rank: int, peers: Sequence[Peer]) -> None:
        self._rank = rank
        self._visible = {number: peer for number, peer in enumerate(peers) if number != rank and peer.is_running}

    def lost(self) -> list[int]:
        """The ranks of those that this process saw run, and that have ended."""
        return [rank for rank, peer in self._visible.items() if not peer.is_running]

    def is_spokesman(self) -> bool:
        """Whether this process is the first of its host that still runs: one message of each host is enough."""
        return not any(rank < self._rank and peer.is_running for rank, peer in self._visible.items())


def meet_peers() -> Peers:
    """Exchange what the processes see each other by; to be called in all of them."""
    own = Peer(socket.gethostname(), os.getpid(), start_of(os.getpid()))
    peers = [own] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(peers, own)
    return Peers(torch.distributed.get_rank(), peers)


def is_lost_connection(error: BaseException) -> bool:
    """Whether an error comes from what the processes send each other. gloo has no class of its own for it."""
    return isinstance(error, DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))


def lost_text(rank: int) -> str:
    """The message about a process that has ended."""
    return text("Process {number} of this launch has ended; training cannot continue.").format(number=rank)


def unreachable_text(error: BaseException) -> str:
    """The message about a process that this one cannot see, because it is on another host."""
    reason = brief(error)[:_LONGEST_REASON]
    said = text("Another process of this launch cannot be reached any more ({reason}); training cannot continue.")
    return said.format(reason=reason)
