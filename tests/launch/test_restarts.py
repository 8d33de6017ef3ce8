"""The advice to those whose torchrun could not restart a worker."""

import pytest

from launch.restarts import warn_of_restarts
from resume.system.launch_info import Launch

TORCHRUN = {"TORCHELASTIC_MAX_RESTARTS": "3", "TORCHELASTIC_USE_AGENT_STORE": "True"}
VARIABLE = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}


@pytest.mark.parametrize(
    ("environ", "advice"),
    [
        ({"GROUP_WORLD_SIZE": "2"}, "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 torchrun --rdzv-backend c10d\n"),
        ({"GROUP_WORLD_SIZE": "2", **VARIABLE}, "Start it with: --rdzv-backend c10d\n"),
        ({"GROUP_WORLD_SIZE": "1"}, None),
        ({"GROUP_WORLD_SIZE": "2", **VARIABLE, "TORCHELASTIC_USE_AGENT_STORE": "False"}, None),
        ({"GROUP_WORLD_SIZE": "2", "TORCHELASTIC_MAX_RESTARTS": "0"}, None),
    ],
    ids=["two machines", "a port, and the variable", "one machine", "as advised", "no restarts"],
)
def test_what_is_missing_for_a_restart_is_named_and_nothing_that_is_set(
    capsys: pytest.CaptureFixture[str], environ: dict[str, str], advice: str | None
) -> None:
    warn_of_restarts(Launch.from_environment({**TORCHRUN, **environ}))
    said = capsys.readouterr().out
    assert said.endswith(advice) if advice else said == ""
