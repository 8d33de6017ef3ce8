"""What has to be known of torchrun, which starts workers again that have failed."""

import os
from collections.abc import Mapping

from resume.system.output import say, text
from resume.system.ranks import number


def warn_of_restarts(environ: Mapping[str, str] = os.environ) -> None:
    """Say so where torchrun is to start failed workers again, and cannot.

    The workers meet in a store that lives as long as torchrun, and those of the second start find there the addresses
    of the first: "Connection refused" (torch 2.14; https://github.com/pytorch/pytorch/issues/135712).
    """
    if number(environ, "TORCHELASTIC_MAX_RESTARTS", 0) > 0 and environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        say(
            text(
                "Warning: torchrun will hardly be able to start this job again (--max-restarts). Set "
                "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 before torchrun."
            )
        )
