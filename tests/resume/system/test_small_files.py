from pathlib import Path

import pytest

from resume.system.errors import UnreadableError
from resume.system.small_files import InvalidJsonError, parse_json, read_bytes, read_json, read_text
from tests.helpers import strange_files
from tests.helpers.strange_files import FORMS


@pytest.mark.parametrize("form", ["pipe", "link_to_pipe", "link_to_device"])
def test_neither_pipes_nor_devices_are_opened(tmp_path: Path, form: str) -> None:
    FORMS[form](tmp_path / "a.json")
    with pytest.raises(UnreadableError, match="no regular file"):
        read_bytes(tmp_path / "a.json")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="no regular file"):
        read_bytes(tmp_path)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "a.json")


def test_a_link_to_a_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "goal").write_bytes(b"[1]\r\n")
    (tmp_path / "a.json").symlink_to("goal")
    assert read_json(tmp_path / "a.json") == [1]
    assert read_text(tmp_path / "a.json") == "[1]\n"


def test_a_file_may_have_as_many_bytes_as_are_allowed_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(tmp_path / "a", most=5) == b"12345"
    with pytest.raises(UnreadableError, match="larger than 4 B"):
        read_bytes(tmp_path / "a", most=4)


def test_of_a_file_of_gigabytes_only_the_beginning_is_read(tmp_path: Path) -> None:
    strange_files.sparse(tmp_path / "a")
    with pytest.raises(UnreadableError, match="larger than"):
        read_json(tmp_path / "a")


def test_a_text_that_is_not_utf8_is_refused_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"ab\xff")
    with pytest.raises(UnreadableError, match=r"not UTF-8 \(byte 2\)"):
        read_text(tmp_path / "a")


@pytest.mark.parametrize("depth", [41, 10_000])
def test_json_may_be_nested_40_deep_and_no_deeper(depth: int) -> None:
    assert parse_json("[" * 40 + "]" * 40)
    with pytest.raises(UnreadableError, match="nested too deeply"):
        parse_json('{"a":[' * (depth // 2) + "[" + "]" + "]}" * (depth // 2))


@pytest.mark.parametrize("content", ["", "{", "1" * 5000, '"\\'])
def test_a_text_that_is_no_json_is_refused(content: str) -> None:
    with pytest.raises(InvalidJsonError):
        parse_json(content)
