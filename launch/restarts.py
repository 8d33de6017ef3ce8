"""Workers that torchrun starts again, and the store in which they find each other.

As a rule that store lives as long as torchrun. The workers of the second start find the addresses of the first ones in
it: "Connection refused", or a wait of minutes (torch 2.14; https://github.com/pytorch/pytorch/issues/135712).
"""

import atexit

import torch
from lightning.fabric.plugins import ClusterEnvironment
from lightning.fabric.utilities.distributed import _destroy_dist_connection
from lightning.pytorch.strategies import Strategy
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

from resume.system.launch_info import Launch
from resume.system.output import say, text

_BACKEND = "--rdzv-backend c10d"
_VARIABLE = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"


def meet_apart_from_earlier_starts(strategy: Strategy, environment: ClusterEnvironment, launch: Launch) -> None:
    """In a restart by one torchrun, form the process group under names that the earlier workers have not used.

    Of several torchruns, each counts restarts for itself, so the names would differ.
    """
    if not launch.shares_store or launch.worker_restarts == 0 or launch.torchruns > 1:
        return
    timeout = strategy._timeout  # type: ignore[attr-defined]  # as Lightning, which finds the group already there
    store = TCPStore(environment.main_address, environment.main_port, is_master=False, timeout=timeout)
    backend: str = strategy._get_process_group_backend()  # type: ignore[attr-defined]
    torch.distributed.init_process_group(
        backend,
        store=PrefixStore(f"restart {launch.worker_restarts}", store),
        rank=environment.global_rank(),
        world_size=environment.world_size(),
        timeout=timeout,
    )
    if backend == "nccl":
        atexit.register(_destroy_dist_connection)


def warn_of_restarts(launch: Launch) -> None:
    """Warn if several torchruns are to restart failed workers, but cannot."""
    if launch.max_restarts == 0 or not launch.shares_store or launch.torchruns == 1:
        return
    # Only the static rendezvous, torchrun's own for a given port, does not look at the variable.
    missing = _BACKEND if launch.refuses_shared_store else f"{_VARIABLE} torchrun {_BACKEND}"
    said = text(
        "Warning: torchrun will probably not be able to restart this job (--max-restarts). Start it with: {missing}"
    )
    say(said.format(missing=missing))
