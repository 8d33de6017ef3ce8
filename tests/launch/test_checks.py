import pytest
import torch

from launch.checks import _check_tensor_count
from launch.cli import ConfigError


def test_a_network_whose_checkpoint_could_not_list_its_tensors_is_refused() -> None:
    few, many = (torch.nn.ParameterList(torch.zeros(1) for _ in range(count)) for count in (10_333, 10_334))
    _check_tensor_count(few)
    with pytest.raises(ConfigError, match="about 31002 tensors in a checkpoint; at most 31000"):
        _check_tensor_count(many)
