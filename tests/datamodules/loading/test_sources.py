from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.data_errors import DataError
from datamodules.loading.sources import FolderPairs
from datamodules.pairing.packed_names import Pair, Pairs


def save(path: Path, rows: list[list[int]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(rows, dtype=np.uint8)).save(path)


def source(root: Path) -> FolderPairs:
    pairs = [Pair("a", "a.png", "a/1.png", ("a/2.png",)), Pair("b", "a.png", "a/2.png")]
    return FolderPairs(str(root), str(root), Pairs.of(pairs))


def test_several_files_of_ground_truth_are_one_union(tmp_path: Path) -> None:
    save(tmp_path / "a.png", [[9, 9, 9]])
    save(tmp_path / "a" / "1.png", [[255, 0, 0]])
    save(tmp_path / "a" / "2.png", [[0, 7, 0]])
    pairs = source(tmp_path)
    assert pairs.gt_files(0) == [str(tmp_path / "a" / "1.png"), str(tmp_path / "a" / "2.png")]
    assert pairs.load(0).labels.tolist() == [[255, 255, 0]]
    assert pairs.load(1).labels.tolist() == [[0, 7, 0]]


def test_files_of_one_ground_truth_that_differ_in_size_are_named_with_their_sizes(tmp_path: Path) -> None:
    save(tmp_path / "a.png", [[9, 9, 9]])
    save(tmp_path / "a" / "1.png", [[255, 0, 0]])
    save(tmp_path / "a" / "2.png", [[0], [7]])
    with pytest.raises(DataError, match=r"2\.png is 1 × 2 pixels, .*1\.png is 3 × 1"):
        source(tmp_path).load(0)
