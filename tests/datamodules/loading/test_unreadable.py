"""Files that cannot be read in the middle of a training: with --data.skip_unreadable, the run does without them."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from datamodules import DataError, PairedImages
from datamodules.loading.sampler import in_place_of, order_of
from tests.helpers.loaders import ending_workers

WritePairs = Callable[..., tuple[str, str]]


def data(paths: tuple[str, str], **settings: Any) -> PairedImages:
    fixed: dict[str, Any] = {
        "image_size": 8,
        "batch_size": 2,
        "num_workers": 0,
        "val_fraction": 0.3,
        "augmentation": [],
    }
    made = PairedImages(*paths, **fixed | {"skip_unreadable": 2} | settings)
    assert list(made.find_facts())
    made.check(every_gt=False)
    return made


def epoch(module: PairedImages, *, validation: bool = False) -> list[bytes]:
    loader = module.val_dataloader() if validation else module.train_dataloader()
    with ending_workers(loader):
        return [image.numpy().tobytes() for images, _ in loader for image in images]


def files_of(module: PairedImages) -> list[Path]:
    dataset = module.train_dataloader().dataset
    source = dataset._dataset._source  # type: ignore[attr-defined]
    return [Path(source.image_file(index)) for index in range(len(source))]


def damage(file: Path) -> None:
    file.write_bytes(b"no image")


def images_by_file(module: PairedImages) -> dict[Path, bytes]:
    dataset = module.train_dataloader().dataset
    return {file: dataset[0, index][0].numpy().tobytes() for index, file in enumerate(files_of(module))}


def expected_order(module: PairedImages, skipped: Sequence[int]) -> list[int]:
    order = order_of(module.seed, 0, len(files_of(module))).tolist()
    return [in_place_of(index, order, set(skipped)) for index in order]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_next_pair_of_the_order_takes_the_place_of_a_file_that_cannot_be_read(
    write_pairs: WritePairs, num_workers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    module = data(write_pairs(12), num_workers=num_workers)
    files, images = files_of(module), images_by_file(module)
    order = order_of(module.seed, 0, len(files)).tolist()
    damage(files[order[1]])
    seen = epoch(module)
    assert seen == [images[files[index]] for index in expected_order(module, [order[1]])][: len(seen)]
    assert seen[1] == seen[2]
    said = capsys.readouterr().out
    assert said.count("Skipped for this run (--data.skip_unreadable):") == 1
    assert str(files[order[1]]) in said


def test_a_pair_that_was_skipped_stays_skipped_after_a_resume_even_if_its_file_is_mended(
    write_pairs: WritePairs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = write_pairs(12)
    module = data(paths)
    files = files_of(module)
    order = order_of(module.seed, 0, len(files)).tolist()
    broken = files[order[0]]
    kept = shutil.copy(broken, tmp_path / "kept.png")
    damage(broken)
    seen = epoch(module)
    state = module.state_dict()
    shutil.copy(kept, broken)
    resumed = data(paths)
    resumed.continue_from(state)
    capsys.readouterr()
    assert epoch(resumed) == seen
    assert "Skipped" not in capsys.readouterr().out
    assert torch.equal(resumed.state_dict()["skipped"], state["skipped"])
    assert len(state["skipped"]) == 1


def test_one_file_more_than_is_tolerated_stops_the_run_with_the_names_of_all(write_pairs: WritePairs) -> None:
    module = data(write_pairs(16), skip_unreadable=1)
    broken = files_of(module)[:2]
    for file in broken:
        damage(file)
    with pytest.raises(DataError) as error:
        epoch(module)
    assert [str(file) in str(error.value) for file in broken] == [True, True]
    assert "--data.skip_unreadable is 1" in str(error.value)


def test_without_the_setting_the_first_file_stops_the_run(write_pairs: WritePairs) -> None:
    module = PairedImages(*write_pairs(12), image_size=8, batch_size=2, num_workers=0)
    list(module.find_facts())
    broken = Path(module.train_dataloader().dataset._source.image_file(0))  # type: ignore[attr-defined]
    damage(broken)
    with pytest.raises(DataError, match="not an image"):
        epoch(module)


def test_in_the_validation_the_next_name_takes_the_place(write_pairs: WritePairs) -> None:
    module = data(write_pairs(20))
    whole = epoch(module, validation=True)
    source = module.val_dataloader().dataset._dataset._source  # type: ignore[attr-defined]
    damage(Path(source.image_file(0)))
    assert epoch(module, validation=True) == [whole[1], *whole[1:]]


def test_a_file_that_cannot_be_read_at_the_start_is_named_and_skipped(
    write_pairs: WritePairs, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = write_pairs(12)
    damage(Path(paths[1], "pair_3.png"))
    module = data(paths)
    assert "pair_3.png" in capsys.readouterr().out
    assert len(module.state_dict()["skipped"]) == 1
    assert len(epoch(module)) + len(epoch(module, validation=True)) >= 11
    with pytest.raises(DataError, match=r"(?s)1 file cannot be used:.*pair_3\.png"):
        data(paths, skip_unreadable=0)


def test_a_pair_whose_files_differ_in_size_is_not_skipped(write_pairs: WritePairs) -> None:
    module = data(write_pairs(12))
    order = order_of(module.seed, 0, len(files_of(module))).tolist()
    Image.new("RGB", (5, 5)).save(files_of(module)[order[0]])
    with pytest.raises(DataError, match="5 × 5"):
        epoch(module)
