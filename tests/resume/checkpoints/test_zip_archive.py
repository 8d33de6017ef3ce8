import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from resume.checkpoints.description import describe
from resume.checkpoints.verification import ForeignError, read_run, require_intact
from resume.checkpoints.zip_archive import open_archive
from resume.checkpoints.zip_form import MAX_DIRECTORY
from resume.system.errors import UnreadableError
from tests.helpers import checkpoint_folders
from tests.helpers.hostile import write
from tests.helpers.zip_files import Entry, zip_of

GOOD = Entry(b"archive/data.pkl", b"content")


def names(path: Path, content: bytes) -> list[str]:
    with open_archive(write(path, content)) as archive:
        return archive.namelist()


def test_an_archive_as_torch_save_lays_it_out_opens(tmp_path: Path) -> None:
    entries = [GOOD, Entry(b"archive/data/0", b"weights"), Entry(b"archive/.format_version")]
    assert names(tmp_path / "a.pth", zip_of(entries)) == [entry.name.decode() for entry in entries]


@pytest.mark.parametrize(
    "entry",
    [
        Entry(b"archive/data/0", b"\0" * 1_000_000, method=8),
        Entry(b"archive/data/0", size=1_000_000_000),
        Entry(b"archive/data/0", b"\0" * 100, packed_size=50),
        Entry(b"archive/data/0", flags=1),
        Entry(b"archive/data/0", flags=0x2000),
        Entry(b"archive/data/0", method=14),
        Entry(b"archive/data/0", method=99),
    ],
)
def test_packed_and_encrypted_entries_are_refused(tmp_path: Path, entry: Entry) -> None:
    with pytest.raises(UnreadableError, match=r"damaged archive, or of another program \((directory|archive/data/0)\)"):
        names(tmp_path / "a.pth", zip_of([GOOD, entry]))


@pytest.mark.parametrize(
    "name",
    [
        b"archive/data.pkl",
        b"archive/../data",
        b"../data",
        b"/etc/passwd",
        b"archive//data",
        b"archive/",
        b"archive/./data",
        b"archive\\data",
        b"archive/data\\..\\0",
        b"archive/data\0/0",
        b"C:/data",
        b"data.pkl",
        b"",
    ],
)
def test_names_that_lead_elsewhere_or_stand_twice_are_refused(tmp_path: Path, name: bytes) -> None:
    with pytest.raises(UnreadableError, match=r"invalid or repeated entry name|not a Lightning checkpoint"):
        names(tmp_path / "a.pth", zip_of([GOOD, Entry(name)]))


def test_a_second_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="not a Lightning checkpoint"):
        names(tmp_path / "a.pth", zip_of([GOOD, Entry(b"other/data.pkl")]))


def test_entries_that_lie_in_each_other_are_refused(tmp_path: Path) -> None:
    first = Entry(b"archive/data/0", b"\0" * 1000)
    claims: dict[str, Any] = {"flags": 8, "size": 1000, "packed_size": 1000, "offset": 0}
    others = [Entry(f"archive/data/{number}".encode(), b"", **claims) for number in "12"]
    with pytest.raises(UnreadableError, match=r"damaged archive, or of another program \(archive/data/0\)"):
        names(tmp_path / "a.pth", zip_of([first, *others]))


def test_a_second_archive_behind_the_first_is_refused(tmp_path: Path) -> None:
    """zipfile would read the second one, and torch the first."""
    first = zip_of([GOOD, Entry(b"archive/data/0", b"good")])
    with pytest.raises(UnreadableError, match=r"damaged archive, or of another program \(end\)"):
        names(tmp_path / "a.pth", first + zip_of([GOOD, Entry(b"archive/data/0", b"evil")]))


def test_an_entry_that_claims_to_be_a_folder_is_refused(tmp_path: Path) -> None:
    """torch's reader would return memory that nobody has written as its content."""
    content = bytearray(zip_of([GOOD, Entry(b"archive/data/0", b"weights")]))
    content[content.rindex(b"PK\1\2") + 38] |= 0x10
    with pytest.raises(UnreadableError, match=r"damaged archive, or of another program \(directory\)"):
        names(tmp_path / "a.pth", bytes(content))


def test_an_entry_that_lies_beyond_the_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"damaged archive, or of another program \(archive/data/0\)"):
        names(tmp_path / "a.pth", zip_of([GOOD, Entry(b"archive/data/0", offset=10_000)]))


def test_a_directory_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    """All zeros, so that the file takes no room."""
    path = write(tmp_path / "a.pth", b"PK\3\4")
    size = 3 * 2**30
    with path.open("r+b") as file:
        file.truncate(size)
        file.seek(size)
        file.write(zip_of([], directory_size=size - 4))
    with pytest.raises(UnreadableError, match="the archive's directory is too large"):
        read_run(path)


def test_a_directory_just_below_the_limit_is_read(tmp_path: Path) -> None:
    entries = [Entry(f"archive/data/{number:06}".encode(), b"") for number in range(MAX_DIRECTORY // 70)]
    with pytest.raises(ForeignError):
        read_run(write(tmp_path / "a.pth", zip_of(entries)))


def test_a_flipped_bit_is_found_wherever_it_is(tmp_path: Path) -> None:
    content = checkpoint_folders.save(tmp_path / "a.pth", 1).read_bytes()
    description = content.index(b"\x80\2")
    weights = content.index(b"\0" * 64)
    for position in [*range(description, content.index(b"PK", description), 40), weights, weights + 63]:
        spoiled = bytearray(content)
        spoiled[position] ^= 0x10
        with pytest.raises(UnreadableError, match=r"damaged content \(archive/data(\.pkl|/0)\)"):
            require_intact(write(tmp_path / "a.pth", bytes(spoiled)))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has none of them among its files")
def test_what_is_no_file_has_a_reason_and_nothing_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    (tmp_path / "device.pth").symlink_to("/dev/zero")
    (tmp_path / "circle.pth").symlink_to("circle.pth")
    (tmp_path / "folder.pth").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # the address of a socket must be short
        try:
            server.bind("socket.pth")
        finally:
            os.chdir(here)
        found = {path.name: describe(path).damage for path in tmp_path.iterdir()}
    assert len(found) == 5
    assert all(found.values()), found


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets no file that is open be cut")
def test_a_file_that_shrinks_while_it_is_read_has_a_reason(tmp_path: Path) -> None:
    path = checkpoint_folders.save(tmp_path / "a.pth", 1)

    def read_while_it_is_cut() -> None:
        with open_archive(path) as archive:
            os.truncate(path, 10)
            archive.read("archive/data.pkl")

    with pytest.raises(UnreadableError):
        read_while_it_is_cut()
