import pytest
from torch.utils.data import DataLoader, Dataset

from datamodules.data_errors import DataError, bullet_list, short_list
from tests.helpers.loaders import ending_workers

MESSAGE = "gt/a.png holds 3\nExpected: 0, 1"


class Broken(Dataset[int]):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        try:
            return [][index]
        except IndexError as error:
            raise DataError(MESSAGE) from error


@pytest.mark.parametrize("num_workers", [0, 1])
def test_the_message_is_the_same_with_and_without_workers(num_workers: int) -> None:
    loader = DataLoader(Broken(), num_workers=num_workers, persistent_workers=num_workers > 0)
    with ending_workers(loader), pytest.raises(DataError) as error:
        list(loader)
    assert str(error.value) == MESSAGE


def test_a_long_list_is_shortened_and_the_rest_is_counted() -> None:
    assert bullet_list(["a", "b", "c"], limit=2) == "  - a\n  - b\n  … and 1 more"
    assert bullet_list(["a"]) == "  - a"
    assert short_list([3, 4, 5], limit=2) == "3, 4 and 1 more"
    assert short_list([3, 4], limit=2) == "3, 4"
