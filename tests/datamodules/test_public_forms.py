"""Sets in the forms of public ones train without a further flag, on the right pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules import PairedImages
from datamodules.data_errors import DataError
from datamodules.loading.sources import FolderPairs
from tests.helpers.public_forms import FORMS, photograph, save
from tests.helpers.real_data import REAL

# num_classes, channels, and what a value of the first ground truth becomes
REAL_SETS: dict[str, tuple[int, int]] = {
    "dsb2018_mini": (2, 3),
    "bbbc039_mini16": (2, 1),
    "stardist16_2": (2, 1),
    "mmseg_pseudo5": (4, 3),
    "labelme_voc3": (7, 3),
    "bbbc007_crops4": (3, 1),
    "vnc_tissue4": (9, 1),
}


def found(image_path: Path, gt_path: Path, **settings: Any) -> PairedImages:
    """The data of two folders, with nothing open."""
    settings = {"image_size": None, "batch_size": 1, "num_workers": 0, "augmentation": []} | settings
    data = PairedImages(str(image_path), str(gt_path), **settings)
    assert all(fact.line or fact.settings for fact in data.find_facts())
    data.check(every_gt=False)
    return data


def targets_of(data: PairedImages) -> dict[str, torch.Tensor]:
    """The target of each pair of both sides, by the name of the image."""
    targets = {}
    for loader in (data.train_dataloader(), data.val_dataloader()):
        dataset = loader.dataset
        source = dataset._source  # type: ignore[attr-defined]
        assert isinstance(source, FolderPairs)
        for index in range(len(source)):
            file, page = source.key(index)
            name = Path(file).relative_to(source.image_path).as_posix()
            key = f"{name}#{page}" if source.pairs.pages is not None else name
            image, targets[key] = dataset[index]
            assert image.shape[0] == data.channels
    return targets


@pytest.mark.parametrize("form", FORMS)
def test_a_set_in_a_public_form_gives_the_right_pixels_without_a_flag(tmp_path: Path, form: str) -> None:
    made = FORMS[form](tmp_path / "set")
    data = found(made.image_path, made.gt_path)
    assert (data.num_classes, data.channels) == (made.num_classes, made.channels)
    targets = targets_of(data)
    assert targets.keys() == made.targets.keys()
    for name, expected in made.targets.items():
        np.testing.assert_array_equal(targets[name].numpy(), expected, err_msg=name)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")
@pytest.mark.parametrize("name", REAL_SETS)
def test_a_real_set_is_read_without_a_flag(name: str) -> None:
    data = found(REAL / name / "images", REAL / name / "gt")
    assert (data.num_classes, data.channels) == REAL_SETS[name]
    allowed = {*range(REAL_SETS[name][0]), data.ignore_index}
    for target in targets_of(data).values():
        assert set(target.flatten().tolist()) <= allowed


def test_classes_in_files_that_were_compressed_with_losses_are_refused_whatever_their_names(tmp_path: Path) -> None:
    for number in range(3):
        blocks = np.random.default_rng(number).integers(0, 3, (6, 6))
        labels = np.kron(blocks, np.ones((8, 8), np.int64))  # which JPEG keeps as they are
        save(photograph(labels, number), tmp_path / "images" / f"{number}.png")
        save((labels * 20).astype(np.uint8), tmp_path / "gt" / f"{number}.png", format="JPEG", quality=100)
    with pytest.raises(DataError, match=r"0, 20, 40, but files were compressed with losses"):
        found(tmp_path / "images", tmp_path / "gt")
