"""Pairs that a table of the user's own names."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from datamodules.data_errors import DataError
from datamodules.pairing.pairs import PairSettings, pair_folders
from datamodules.text_tables import read_table


def files(folder: Path, names: Sequence[str]) -> str:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return str(folder)


def test_a_table_names_pairs_that_no_rule_would(tmp_path: Path) -> None:
    images, gts = files(tmp_path / "i", ["cat.png", "cow.png"]), files(tmp_path / "g", ["7.png", "8.png"])
    elsewhere = Path(files(tmp_path / "elsewhere", ["9.png"]), "9.png")
    table = tmp_path / "pairs.csv"
    table.write_text(f"image;mask\ncow.png;8.png\ncat.png;{elsewhere}\n", encoding="utf-8")
    found = pair_folders(images, gts, PairSettings(table=str(table)))
    assert [pair.stem for pair in found.pairs] == ["cat", "cow"]
    assert [Path(gts, pair.gt) for pair in found.pairs] == [elsewhere.resolve(), Path(gts, "8.png")]
    assert found.rule is None


def test_all_problems_of_a_table_are_named_with_their_rows(tmp_path: Path) -> None:
    images, gts = files(tmp_path / "i", ["a.png"]), files(tmp_path / "g", ["a.png"])
    table = tmp_path / "pairs.csv"
    table.write_text("a.png,a.png\na.png,b.png\na.png\na.png,a.png\n", encoding="utf-8")
    with pytest.raises(DataError) as error:
        pair_folders(images, gts, PairSettings(table=str(table)))
    for line in ("row 2: no file b.png", "row 3 has 1 columns, expected 2", "row 4: a.png is there twice"):
        assert line in str(error.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
@pytest.mark.parametrize("flag", ["data.pairs", "data.split"])
def test_a_pipe_in_the_place_of_a_table_does_not_hang(tmp_path: Path, flag: str) -> None:
    os.mkfifo(tmp_path / "train.txt")
    with pytest.raises(DataError, match=f"--{flag} .*not a file"):
        read_table(str(tmp_path / "train.txt"), flag)


def test_a_table_in_the_chinese_encoding_of_windows_is_read(tmp_path: Path) -> None:
    images, gts = files(tmp_path / "i", ["细胞.png"]), files(tmp_path / "g", ["标注.png"])
    table = tmp_path / "pairs.csv"
    table.write_bytes("图像,标注\r\n细胞.png,标注.png\r\n".encode("gb18030"))
    assert [pair.gt for pair in pair_folders(images, gts, PairSettings(table=str(table))).pairs] == ["标注.png"]
