from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from datamodules.data_errors import DataError
from datamodules.gt.labels import ClassMapping
from datamodules.loading.dataset import PairDataset, collate
from datamodules.loading.sources import FolderPairs, SamplePairs
from datamodules.loading.transforms import PairTransform, default_augmentation
from datamodules.pairing.pairs import PairSettings, pair_folders

WritePairs = Callable[..., tuple[str, str]]


def folder_dataset(paths: tuple[str, str], size: tuple[int, int] | None = (16, 16)) -> PairDataset:
    source = FolderPairs(*paths, pair_folders(*paths, PairSettings()).pairs)
    return PairDataset(source, ClassMapping(2, None, None), PairTransform(size, default_augmentation()), seed=0)


def test_a_pair_of_files_is_loaded_as_tensors_of_the_training_size(write_pairs: WritePairs) -> None:
    image, target = folder_dataset(write_pairs(["细胞/一"]))[0, 0]
    assert (image.shape, image.dtype) == ((3, 16, 16), torch.float32)
    assert (target.shape, target.dtype) == ((16, 16), torch.int64)
    assert set(target.flatten().tolist()) == {0, 1}


def test_augmentation_depends_on_epoch_and_index_only(write_pairs: WritePairs) -> None:
    dataset = folder_dataset(write_pairs(1))
    torch.testing.assert_close(dataset[3, 0], dataset[3, 0])
    assert len({dataset[epoch, 0][0].numpy().tobytes() for epoch in range(20)}) == 4


def test_different_sizes_in_a_pair_are_an_error_when_it_is_loaded(write_pairs: WritePairs) -> None:
    paths = write_pairs(1)
    Image.new("L", (5, 8)).save(Path(paths[1]) / "pair_0.png")
    with pytest.raises(DataError, match=r"images.pair_0\.png is 8 × 8 pixels, .*gt.pair_0\.png is 5 × 8"):
        folder_dataset(paths)[0, 0]


def test_gt_with_a_value_of_no_class_is_named_when_it_is_loaded(write_pairs: WritePairs) -> None:
    paths = write_pairs(1)
    Image.new("L", (8, 8), 77).save(Path(paths[1]) / "pair_0.png")
    with pytest.raises(DataError, match=r"gt.pair_0\.png holds 77"):
        folder_dataset(paths)[0, 0]


def test_drawn_samples_have_the_form_of_files() -> None:
    source = SamplePairs(0, [4, 7])
    image, labels, name = source.load(1)
    assert image.shape[1:] == labels.shape
    assert 0 <= image.min() < image.max() <= 1
    assert name == "sample 7"


def test_different_sizes_in_one_batch_are_an_error() -> None:
    samples = [(torch.zeros(3, size, 4), torch.zeros(size, 4, dtype=torch.int64)) for size in (4, 6)]
    with pytest.raises(DataError, match=r"4 × 4, 4 × 6\..*--data\.image_size"):
        collate(samples)
    assert collate(samples[:1])[0].shape == (1, 3, 4, 4)


def test_a_large_sample_is_the_same_with_any_number_of_threads() -> None:
    jitter = PairTransform((900, 900), [v2.ColorJitter(0.5, 0.5, 0.5, 0.2)])
    dataset = PairDataset(SamplePairs(0, [1]), ClassMapping(2, None, None), jitter, seed=0)
    before = torch.get_num_threads()
    images = []
    try:
        for threads in (1, 4):
            torch.set_num_threads(threads)
            images.append([dataset[epoch, 0][0] for epoch in range(3)])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*images, strict=True))
