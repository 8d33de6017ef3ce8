import torch
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.loading.pair_loader import PairLoader


def test_an_epoch_draws_no_number_from_the_global_generator() -> None:
    class Zeros(Dataset[tuple[Tensor, Tensor]]):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
            return torch.zeros(3, 2, 2), torch.zeros(2, 2)

    loader = PairLoader(Zeros(), None, batch_size=1, num_workers=0, pin_memory=False)
    torch.manual_seed(3)
    expected = torch.rand(())
    torch.manual_seed(3)
    list(loader)
    assert torch.rand(()) == expected
