"""Images that are trained on do not validate, whatever they are called."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from datamodules import DataError, PairedImages
from datamodules.loading.sources import FolderPairs
from datamodules.pairing.packed_names import Pair, Pairs

WritePairs = Callable[..., tuple[str, str]]


def check(paths: tuple[str, str], val_paths: tuple[str, str]) -> None:
    settings = {"image_size": 8, "num_workers": 0}
    PairedImages(*paths, val_image_path=val_paths[0], val_gt_path=val_paths[1], **settings).check(every_gt=True)  # type: ignore[arg-type]


def test_separate_images_of_the_same_size_pass(write_pairs: WritePairs) -> None:
    check(write_pairs(4), write_pairs(["a", "b"], name="val"))


def test_a_folder_for_validation_inside_the_folder_for_training_is_refused(write_pairs: WritePairs) -> None:
    images, gt = write_pairs(4)
    for folder in (images, gt):
        shutil.copytree(folder, f"{folder}/val")
    with pytest.raises(DataError, match="inside the folder for training"):
        check((images, gt), (f"{images}/val", f"{gt}/val"))


def test_a_folder_for_training_inside_the_folder_for_validation_is_refused(write_pairs: WritePairs) -> None:
    images, gt = write_pairs(4)
    for folder in (images, gt):
        shutil.copytree(folder, f"{folder}/train")
    with pytest.raises(DataError, match="inside the folder for validation"):
        check((f"{images}/train", f"{gt}/train"), (images, gt))


@pytest.mark.parametrize("other", ["same", "spelled otherwise", "link"])
def test_the_same_folder_is_refused_under_any_name(write_pairs: WritePairs, tmp_path: Path, other: str) -> None:
    images, gt = write_pairs(4)
    names = {"same": images, "spelled otherwise": f"{images}/../images", "link": str(tmp_path / "link")}
    (tmp_path / "link").symlink_to(images)
    with pytest.raises(DataError, match="cannot use the same images"):
        check((images, gt), (names[other], gt))


def as_link(source: Path, target: Path) -> None:
    target.symlink_to(source)


@pytest.mark.parametrize("copy", [as_link, os.link, shutil.copyfile], ids=["symbolic link", "hard link", "copy"])
def test_an_image_that_is_trained_on_under_another_name_is_refused(
    write_pairs: WritePairs, copy: Callable[[Path, Path], None]
) -> None:
    paths, val_paths = write_pairs(4), write_pairs(["a", "b"], name="val")
    copy(Path(paths[0], "pair_2.png"), Path(val_paths[0], "renamed.png"))
    shutil.copyfile(Path(paths[1], "pair_2.png"), Path(val_paths[1], "renamed.png"))
    with pytest.raises(DataError, match=r"(?s)1 image for validation is also .*renamed\.png is .*pair_2\.png"):
        check(paths, val_paths)


@pytest.mark.parametrize("place", [10, 150_000, 299_999])
def test_files_that_differ_in_one_byte_are_different(tmp_path: Path, place: int) -> None:
    from datamodules.splitting.leaks import refuse_same_images

    content = bytearray(os.urandom(300_000))
    for name in ("train", "val"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(content)
    sources = [
        FolderPairs(str(tmp_path / name), "", Pairs.of([Pair("a", "a.png", "a.png")])) for name in ("train", "val")
    ]
    with pytest.raises(DataError, match="1 image"):
        refuse_same_images(*sources)
    content[place] ^= 1
    (tmp_path / "val" / "a.png").write_bytes(content)
    refuse_same_images(*sources)
