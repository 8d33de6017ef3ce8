"""The cache of the scan: what one start has seen of the ground truth, the next one does not decode again."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from datamodules.gt.stats import GtStats, statistics
from datamodules.reading.raster_form import Raster
from tests.helpers.tiny_run import PATHS, TINY, Run

NEW = ["--no_interactive", "--lang=en", *TINY, "--max_epochs=1", *PATHS]
CACHE = Path("checkpoints/data_scan.json")


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[Raster]:
    """Grows by one with each ground truth whose pixels are looked at."""
    seen: list[Raster] = []

    def look(raster: Raster) -> GtStats:
        seen.append(raster)
        return statistics(raster)

    monkeypatch.setattr("datamodules.scanning.statistics", look)
    return seen


def test_a_second_start_decodes_only_the_ground_truth_that_has_changed(trained: Run, looked: list[Raster]) -> None:
    with Image.open("Data/gt/cell_3.png") as gt:
        gt.rotate(90).save("Data/gt/cell_3.png", compress_level=0)
    assert trained("--check_data", *PATHS) == 0
    assert len(looked) == 1
    looked.clear()
    assert trained(*NEW) == 0
    assert looked == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1, "files": [["a", 1, 2, [3]]]}', b"\xff" * 9])
def test_a_damaged_cache_is_ignored_and_replaced(run: Run, looked: list[Raster], content: bytes) -> None:
    CACHE.parent.mkdir()
    CACHE.write_bytes(content)
    assert run("--check_data", *PATHS) == 0
    assert len(looked) == 12
    assert len(CACHE.read_bytes()) > 1000


def test_a_cache_that_cannot_be_written_stops_no_training(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("launch.data_scan.write_text", refuse)
    assert run(*NEW) == 0
    printed = capsys.readouterr()
    assert "Done: 1 epoch." in printed.out
    assert "data_scan.json: cannot be written (No space left on device)" in printed.err


def test_a_resume_neither_needs_the_cache_nor_loses_it(trained: Run, looked: list[Raster]) -> None:
    kept = CACHE.read_bytes()
    CACHE.unlink()
    assert trained("--ckpt_path=latest", "--max_epochs=3") == 0
    assert len(looked) == 2  # the first pair of each side is always decoded
    assert not CACHE.exists()
    CACHE.write_bytes(kept)
    assert trained("--ckpt_path=latest", "--max_epochs=4") == 0
    assert CACHE.read_bytes() == kept


def test_the_cache_goes_with_its_run(trained: Run) -> None:
    first = CACHE.read_bytes()
    for side in ("images", "gt"):
        shutil.copy(f"Data/{side}/cell_1.png", f"Data/{side}/new.png")
    assert trained(*NEW) == 0
    (archived,) = Path("checkpoints/archive").glob("*/data_scan.json")
    assert archived.read_bytes() == first
    assert len(CACHE.read_bytes()) > len(first)
