"""Which process of a launch this one is, as torchrun, Lightning, SLURM and mpirun say in the environment."""

import os
import socket
from collections.abc import Mapping

_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")
SIZES = ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")


def is_first_process(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process speaks and acts for the whole launch; the others stay silent and touch nothing."""
    return all(number(environ, rank, 0) == 0 for rank in _RANKS)


def launched_processes(environ: Mapping[str, str] = os.environ) -> tuple[int, str] | None:
    """How many processes torchrun or mpirun has started, and the variable that says so; None where none did."""
    return next(((number(environ, size, 1), size) for size in SIZES if size in environ), None)


def process_name(environ: Mapping[str, str] = os.environ) -> str:
    """Name this process for messages: `process 1 on node7`."""
    rank = next((number(environ, name, 0) for name in _RANKS if name in environ), 0)
    return f"process {rank} on {socket.gethostname()}"


def number(environ: Mapping[str, str], name: str, default: int) -> int:
    """The variable's value where it is a number."""
    value = environ.get(name, "")
    return int(value) if value.isdecimal() else default
