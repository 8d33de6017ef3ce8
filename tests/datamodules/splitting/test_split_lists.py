"""Lists of the user's own, as people and their programs write them."""

from pathlib import Path

import pytest

from datamodules.data_errors import DataError
from datamodules.splitting.sides import LEFT_OUT, TRAINING, VALIDATION
from datamodules.splitting.split_lists import sides_of_lists

STEMS = ["a", "b", "deep/c", "img.01", "with space", "细胞"]
EXPECTED = [TRAINING, VALIDATION, TRAINING, VALIDATION, TRAINING, LEFT_OUT]


def sides(tmp_path: Path, **files: str | bytes) -> list[int]:
    """The sides by files, whose suffix is .csv if their name ends with `_csv`."""
    names = []
    for name, content in files.items():
        path = tmp_path / (f"{name.removesuffix('_csv')}.csv" if name.endswith("_csv") else f"{name}.txt")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        names.append(str(path))
    return [int(side) for side in sides_of_lists(STEMS, names, "Data/images")]


TRAIN, VAL = "a\ndeep/c\nwith space\n", "b\nimg.01\n"


@pytest.mark.parametrize(
    ("train", "val"),
    [
        (TRAIN, VAL),
        (TRAIN.replace("\n", "\r\n"), VAL.replace("\n", "\r\n")),
        ("\ufeff" + TRAIN, "\ufeff" + VAL),
        ("a.png\ndeep/c.tif\nwith space.PNG\n", "b.jpg\nimg.01.png\n"),
        ("./a\ndeep\\c\nwith space", "b\n\n\nimg.01"),
        ("Data/images/a.png\n/home/me/Data/images/deep/c.png\nwith space\n", "C:\\Data\\b.png\nimg.01\n"),
        ("a\nc\nwith space\n", VAL),
        ("filename\n" + TRAIN, "image_id\n" + VAL),
        ("# for training\n" + TRAIN, VAL),
        ("images/a.png gt/a.png\nimages/deep/c.png gt/deep/c.png\n'with space'\n", VAL),
        ("a 1\ndeep/c 1\n\"with space\"\n", "b 0\nimg.01 0\n"),
        ("image,gt\na.png,a.png\ndeep/c.png,deep/c.png\nwith space.png,with space.png\n", VAL),
    ],
    ids=[
        "stems", "crlf", "bom", "suffixes", "separators", "folders", "last part", "header", "comment", "two paths",
        "stem and label", "tables",
    ],
)  # fmt: skip
def test_two_lists_say_which_pairs_are_for_training_and_for_validation(tmp_path: Path, train: str, val: str) -> None:
    assert sides(tmp_path, train=train, my_val_list=val) == EXPECTED


ROWS = ["a,train", "b,val", "deep/c,train", "img.01,val", "with space,train"]


@pytest.mark.parametrize(
    "table",
    [
        "\n".join(ROWS),
        "\n".join(["file,split", *ROWS]),
        "\ufeff" + "\r\n".join(["Image ID,Set", *ROWS]).replace("val", "Validation").replace("train", "TRAINING"),
        "\n".join(["file;split", *ROWS]).replace(",", ";"),
        "\n".join(["file\tsplit", *ROWS]).replace(",", "\t"),
        "\n".join(["split,weight,file", *(",1.0,".join(reversed(row.split(","))) for row in ROWS)]),
        "\n".join(['"file","split"', *('"' + row.replace(",", '.png","') + '"' for row in ROWS)]),
        "\n".join(["file,split", *ROWS, "细胞,test"]),
        "\n".join(["文件名,集", *ROWS, "细胞,测试"]).encode("gb18030"),
        "\n".join(["file,split", *ROWS, "细胞,test"]).encode("utf-16"),
    ],
    ids=["bare", "header", "bom and crlf", "semicolons", "tabs", "columns", "quoted", "test", "gb18030", "utf-16"],
)
def test_one_table_says_the_side_in_a_column(tmp_path: Path, table: str | bytes) -> None:
    assert sides(tmp_path, folds_csv=table) == EXPECTED


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("21\n", "22\n"),
        ("21_training.tif\n", "22_training\n"),
        ("21_manual1.gif\n", "masks/22_manual1.gif\n"),
        ("images/21_training.tif gt/21_manual1.gif\n", "22_training.tif,22_manual1.gif\n"),
    ],
    ids=["shared parts", "images", "ground truth", "both"],
)
def test_names_of_files_that_have_more_than_the_shared_part_are_found(tmp_path: Path, train: str, val: str) -> None:
    (tmp_path / "train.txt").write_text(train, encoding="utf-8")
    (tmp_path / "val.txt").write_text(val, encoding="utf-8")
    of_files = (["21_training.tif", "22_training.tif"], ["21_manual1.gif", "22_manual1.gif"])
    found = sides_of_lists(["21", "22"], [str(tmp_path / "train.txt"), str(tmp_path / "val.txt")], "images", of_files)
    assert found.tolist() == [TRAINING, VALIDATION]


def test_a_name_that_matches_no_pair_is_named_with_its_list(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)2 names match no pair:.*missing \(.*train\.txt\).*other \(.*val\.txt\)"):
        sides(tmp_path, train=TRAIN + "missing\n", val=VAL + "other\n")


def test_a_mistyped_first_name_is_no_header(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 name matches no pair"):
        sides(tmp_path, train="aa\n" + TRAIN, val=VAL)


def test_a_name_that_means_several_pairs_is_refused_with_their_paths(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("c")
    with pytest.raises(DataError, match=r"(?s)1 name matches several pairs:.*one/c, two/c"):
        sides_of_lists(["one/c", "two/c"], [str(tmp_path / "train.txt")], "Data/images")


def test_a_pair_in_both_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)1 pair is in more than one list:.*- a$"):
        sides(tmp_path, train=TRAIN, val=VAL + "a.png\n")


@pytest.mark.parametrize("name", ["trainval", "all", "list"])
def test_a_file_that_says_no_side_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"neither the file's name nor a column says"):
        sides(tmp_path, **{name: TRAIN})


def test_a_list_for_one_side_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pair for training"):
        sides(tmp_path, val=VAL)


@pytest.mark.parametrize(("content", "problem"), [("", "is empty"), ("file,split\na,train\nb,vla", "'vla' is not")])
def test_a_table_that_cannot_be_used_says_why(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        sides(tmp_path, folds_csv=content)


def test_a_missing_list_is_named() -> None:
    with pytest.raises(DataError, match=r"nowhere/train\.txt: cannot be read"):
        sides_of_lists(STEMS, ["nowhere/train.txt"], None)
