import pytest
import torch
from torch.utils.data import TensorDataset


@pytest.fixture
def pairs() -> TensorDataset:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(10, 3, 6, 6, generator=generator)
    return TensorDataset(images, (images.sum(dim=1) > 0).long())
