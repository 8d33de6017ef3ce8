"""The form of a checkpoint's archive: whatever is changed in a real one, the check sees it before torch does."""

import os
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resume.checkpoints.description import describe
from resume.checkpoints.newest import why_not
from tests.helpers import tiny

ENDING = 98


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A real checkpoint, in memory where the system allows it."""
    folder = tmp_path_factory.mktemp("small")
    tiny.train(folder, [0.5])
    shared = Path("/dev/shm")
    place = shared / f"{folder.name}-{os.getpid()}.pth" if shared.is_dir() else folder / "small.pth"
    place.write_bytes((folder / "latest_checkpoint.pth").read_bytes())
    yield place
    place.unlink()


@pytest.fixture
def flipped(small: Path) -> Iterator[Callable[[int], str | None]]:
    """Flips a bit, returns why the file is not usable, and flips the bit back."""
    content = small.read_bytes()

    def flip(bit: int) -> str | None:
        with small.open("r+b", buffering=0) as file:
            file.seek(bit // 8)
            file.write(bytes([content[bit // 8] ^ 1 << bit % 8]))
            try:
                return why_not(describe(small), None)
            finally:
                file.seek(bit // 8)
                file.write(content[bit // 8 : bit // 8 + 1])

    assert why_not(describe(small), None) is None
    yield flip
    assert small.read_bytes() == content


def bits_around_the_contents(path: Path) -> list[int]:
    """Of every header, name, padding and descriptor, of the directory and of the end."""
    taken: set[int] = set()
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            lengths = content[entry.header_offset + 26 : entry.header_offset + 30]
            start = entry.header_offset + 30 + sum(struct.unpack("<2H", lengths))
            taken.update(range(start, start + entry.file_size))
    return [8 * at + bit for at in range(len(content)) if at not in taken for bit in range(8)]


@pytest.mark.parametrize("step", [61, pytest.param(1, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_a_flipped_bit_of_the_end_or_around_a_content_is_seen(
    small: Path, flipped: Callable[[int], str | None], step: int
) -> None:
    bits = bits_around_the_contents(small)
    chosen = [*bits[: -8 * ENDING : step], *bits[-8 * ENDING :]]
    assert [bit for bit in chosen if flipped(bit) is None] == []
