"""Where the processes of torchrun or SLURM meet before they form a group.

It is the store in which the group is formed later (`env://`): torchrun has one, else the first process hosts it.
"""

import os
import socket
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import ClassVar, NamedTuple

from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch.distributed import Store, TCPStore  # type: ignore[attr-defined]

from launch.config_errors import as_config_error
from launch.plugins import cluster_plugins
from resume.system.launch_info import Launch
from resume.system.output import ExplainedError, brief, text

SECONDS_TO_COME = 300.0  # from the first process of a launch to the last one: imports over a slow network take minutes
_PAUSE = 0.1
_SECONDS_OF_ONE_TRY = 2.0
_SECONDS_TO_ANSWER = 60.0  # of a store to a new connection


class MeetingError(ExplainedError):
    """The processes of a launch cannot meet; the message says where."""


class LostFirstError(ExplainedError):
    """The first process has ended without a word, or has not come."""

    exit_code: ClassVar[int] = 1


class Place(NamedTuple):
    """Where the processes of a launch meet.

    Attributes:
        host: The machine of the store.
        port: Its port.
        is_hosted: Whether the first process hosts the store.
        start: What tells this start of the processes from earlier ones, which the store may have outlived.
        size: The number of processes.
    """

    host: str
    port: int
    is_hosted: bool
    start: str
    size: int

    @classmethod
    def of(cls, plugins: object, launch: Launch) -> "Place | None":
        """The place of a launch; None where its processes are started by one of them, or by another launcher.

        Args:
            plugins: Those of the configuration: one of them may be another cluster environment.
            launch: What started this process.

        Raises:
            ConfigError: The job was requested in a way that Lightning does not support.
        """
        if plugins:
            return None
        if TorchElasticEnvironment.detect():
            size, environments = (1 if launch.size is None else launch.size[0]), [TorchElasticEnvironment()]
        else:
            with as_config_error():
                size, environments = launch.tasks, cluster_plugins([])  # type: ignore[assignment]
        if size == 1 or not environments:
            return None
        # Of several torchruns, each counts restarts for itself.
        restart = launch.worker_restarts if launch.shares_store and launch.torchruns == 1 else 0
        environment = environments[0]
        return cls(
            environment.main_address, environment.main_port, not launch.shares_store, f"facts of start {restart}", size
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def connected(place: Place) -> socket.socket:
    """Return a connection to the store, as soon as it is there. A signal interrupts this wait, but none in torch's own.

    Raises:
        LostFirstError: It does not come.
    """
    end = time.monotonic() + SECONDS_TO_COME
    while time.monotonic() < end:
        with suppress(OSError):
            return socket.create_connection((place.host, place.port), timeout=_SECONDS_OF_ONE_TRY)
        time.sleep(_PAUSE)
    raise missing(place)


@cache  # kept: the server ends with it, and the group is formed in the same one
def open_store(place: Place, is_first: bool) -> Store:
    """Return the store of a place, which the first process hosts where no other program does.

    Raises:
        MeetingError: There is none at this place.
    """
    is_server = is_first and place.is_hosted
    opened: list[Store] = []
    errors: list[RuntimeError] = []

    def connect() -> None:
        try:
            opened.append(
                TCPStore(
                    place.host,
                    place.port,
                    is_master=is_server,
                    timeout=timedelta(seconds=_SECONDS_TO_ANSWER),
                    wait_for_workers=False,
                    multi_tenant=is_server,
                    use_libuv=os.environ.get("USE_LIBUV", "0" if sys.platform == "win32" else "1") == "1",
                )
            )
        except RuntimeError as error:
            errors.append(error)

    # In a thread: a program that accepts the connection, and is no store, would never let torch return.
    thread = threading.Thread(target=connect, daemon=True, name="store")
    thread.start()
    thread.join(_SECONDS_TO_ANSWER)
    if opened:
        return opened[0]
    said = text(
        "The processes of this launch cannot meet at {place} ({reason}). MASTER_ADDR must be the machine of the first "
        "process, and MASTER_PORT a port that no other program uses."
    )
    reason = brief(errors[0]) if errors else text("no answer")
    raise MeetingError(said.format(place=place, reason=reason))


def missing(place: Place) -> LostFirstError:
    """Return the error of a first process that does not come."""
    said = text("The first process of this launch has not come to {place} within {minutes} minutes; this one ends.")
    return LostFirstError(said.format(place=place, minutes=round(SECONDS_TO_COME / 60)))
