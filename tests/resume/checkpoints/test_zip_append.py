"""An entry that is appended to an archive of torch.save."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from resume.checkpoints.zip_append import append_entry

WEIGHTS = torch.arange(1000.0)
MORE = {"a": [1, 2.5, 2**70]}
TEXT = '{"格式": 1}'.encode()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    with (tmp_path / "a.pth").open("w+b") as file:
        torch.save({"weights": WEIGHTS, "more": MORE}, file)
    return tmp_path / "a.pth"


def append(path: Path, name: str = "archive/run.json", content: bytes = TEXT) -> None:
    with path.open("r+b") as file:
        append_entry(file, name, content)


def headers(path: Path) -> list[dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        return [
            {name: getattr(entry, name, None) for name in zipfile.ZipInfo.__slots__} for entry in archive.infolist()
        ]


@pytest.mark.parametrize("mmap", [False, True])
def test_torch_loads_the_archive_as_before(archive: Path, mmap: bool) -> None:
    append(archive)
    loaded = torch.load(archive, weights_only=True, mmap=mmap)
    assert torch.equal(loaded.pop("weights"), WEIGHTS)
    assert loaded == {"more": MORE}


def test_everything_before_the_directory_and_all_header_fields_stay_as_torch_wrote_them(archive: Path) -> None:
    before = archive.read_bytes()
    with zipfile.ZipFile(archive) as opened:
        directory = opened.start_dir
    own = headers(archive)
    append(archive)
    assert archive.read_bytes()[:directory] == before[:directory]
    assert headers(archive)[:-1] == own


def test_the_entry_is_the_last_one_stored_with_the_header_fields_of_torchs_own(archive: Path) -> None:
    size = archive.stat().st_size
    append(archive)
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        assert opened.namelist()[-1] == "archive/run.json"
        assert opened.read("archive/run.json") == TEXT
    *own, added = headers(archive)
    its_own = {"orig_filename", "filename", "header_offset", "CRC", "compress_size", "file_size"}
    assert {name: value for name, value in added.items() if name not in its_own and not name.startswith("_")} == {
        name: value for name, value in own[0].items() if name not in its_own and not name.startswith("_")
    }
    assert archive.stat().st_size < size + 300


def test_the_local_header_of_the_entry_is_that_of_torchs_own(archive: Path) -> None:
    append(archive)
    *own, added = headers(archive)
    content = archive.read_bytes()
    fields = [content[entry["header_offset"] :][:26] for entry in (own[-1], added)]
    assert fields[0] == fields[1]


def test_several_entries_can_be_appended(archive: Path) -> None:
    append(archive)
    append(archive, "archive/second", b"")
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        assert opened.namelist()[-2:] == ["archive/run.json", "archive/second"]
    torch.load(archive, weights_only=True)


@pytest.mark.parametrize("content", [b"x" * 200, b"PK\5\6" + b"\0" * 100])
def test_what_torch_has_not_written_is_not_touched(content: bytes) -> None:
    file = io.BytesIO(content)
    with pytest.raises(zipfile.BadZipFile):
        append_entry(file, "archive/run.json", TEXT)
    assert file.getvalue() == content
