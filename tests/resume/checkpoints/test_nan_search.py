import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from callbacks import AtomicCheckpointIO
from resume.checkpoints.description import describe
from resume.checkpoints.verification import require_intact
from resume.system.errors import UnreadableError
from tests.helpers.checkpoint_folders import entry

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64]
FAR = 20_000  # elements; a glance does not come so far


def saved(path: Path, weights: dict[str, Tensor], moments: dict[str, Tensor] | None = None) -> Path:
    """A checkpoint with these weights, and with these tensors as the optimizer state of one weight."""
    state = {0: moments} if moments else {}
    content: dict[str, Any] = {"state_dict": weights, "optimizer_states": [{"state": state, "param_groups": []}]}
    AtomicCheckpointIO().save_checkpoint({**content, "run": entry(1)}, path)
    return path


def why_not(path: Path) -> str | None:
    try:
        require_intact(path)
    except UnreadableError as error:
        return str(error)
    return None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("index", [0, FAR - 1])
def test_one_nan_is_found_whatever_the_type_and_place(tmp_path: Path, dtype: torch.dtype, index: int) -> None:
    weight = torch.ones(FAR, dtype=dtype)
    assert why_not(saved(tmp_path / "a.pth", {"bias": torch.ones(3), "weight": weight})) is None
    weight[index] = math.nan
    assert why_not(saved(tmp_path / "a.pth", {"bias": torch.ones(3), "weight": weight})) == (
        "its weights are NaN (weight)"
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_and_infinite_numbers_are_no_nan(tmp_path: Path, dtype: torch.dtype) -> None:
    most = torch.finfo(dtype).max
    weight = torch.zeros(4, dtype=dtype)
    for index, value in enumerate((most, -most, math.inf, -math.inf)):
        weight[index] = value
    assert why_not(saved(tmp_path / "a.pth", {"weight": weight})) is None


def test_a_negative_nan_with_any_payload_is_found(tmp_path: Path) -> None:
    weight = torch.tensor([0x7F800001, -1], dtype=torch.int32).view(torch.float32)
    for one in weight:
        assert why_not(saved(tmp_path / "a.pth", {"weight": one.clone()})) is not None


def test_only_the_part_of_a_storage_that_is_the_weight_counts(tmp_path: Path) -> None:
    storage = torch.full((100,), math.nan)
    storage[40:60] = 1
    assert why_not(saved(tmp_path / "a.pth", {"weight": storage[40:60]})) is None
    assert why_not(saved(tmp_path / "a.pth", {"weight": storage[40:61]})) is not None


def test_a_nan_moment_is_found(tmp_path: Path) -> None:
    moments = {"step": torch.tensor(3.0), "exp_avg": torch.full((3,), math.nan)}
    path = saved(tmp_path / "a.pth", {"weight": torch.ones(3)}, moments)
    assert why_not(path) == "its weights are NaN (optimizer state exp_avg)"


def test_nan_in_a_buffer_of_a_trained_network_is_its_own_affair(tmp_path: Path) -> None:
    weights = {"weight": torch.ones(3, 3), "unset": torch.tensor(math.nan), "table": torch.full((2, 7), math.nan)}
    path = saved(tmp_path / "a.pth", weights, {"exp_avg": torch.ones(3, 3)})
    assert why_not(path) is None
    assert describe(path).damage is None


def test_a_description_finds_nan_weights_at_a_glance(tmp_path: Path) -> None:
    found = describe(saved(tmp_path / "a.pth", {"weight": torch.full((FAR,), math.nan)}))
    assert (found.damage, found.run_id) == ("its weights are NaN (weight)", "")


def test_a_parameter_that_was_saved_as_such_is_searched(tmp_path: Path) -> None:
    weight = torch.nn.Parameter(torch.tensor([1.0, math.nan]))
    assert why_not(saved(tmp_path / "a.pth", {"weight": weight})) is not None


@pytest.mark.parametrize("state", [[], None, {"weight": 1}, {1: {2: []}}, "weights"])
def test_other_content_is_no_finding(tmp_path: Path, state: Any) -> None:
    path = tmp_path / "a.pth"
    AtomicCheckpointIO().save_checkpoint({"state_dict": state, "optimizer_states": state, "run": entry(1)}, path)
    assert why_not(path) is None
    assert describe(path).damage is None
