import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.gt import scan as gt_scan
from datamodules.gt.scan import GtFile, cache_text, read_cache, sample_line, sampled
from datamodules.gt.stats import statistics
from tests.helpers.drawn_gt import as_raster

FILES = [GtFile(f"gt/{number}.png", 100 + number, 7 * number) for number in range(40)]


STATS = [statistics(as_raster(np.full((6, 6), index, np.uint8))) for index in range(40)]
FOUND = dict(zip(FILES, STATS, strict=True))


def test_of_too_many_files_a_sample_that_their_names_fix_is_looked_at() -> None:
    names = [file.name for file in FILES]
    chosen = sampled(names, 40, 10)
    assert len(chosen) == 10
    assert chosen == sorted(chosen) != list(range(10))
    backwards = sampled(names[::-1], 40, 10)
    assert {names[index] for index in chosen} == {names[::-1][index] for index in backwards}
    assert set(sampled(names, 40, 4)) < set(chosen)
    assert sampled(names[:3], 3, 10) == [0, 1, 2]
    assert sample_line(20_000) == ""
    assert "20000 of 20001 files" in sample_line(20_001)


def test_a_cache_gives_back_what_was_found(tmp_path: Path) -> None:
    cache = tmp_path / "cache.json"
    cache.write_text(cache_text(FOUND), encoding="utf-8")
    assert read_cache(cache) == FOUND


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: content[:-3],
        lambda content: b"[" * 100_000,
        lambda content: b"\xff\xfe",
        lambda content: b"[1]",
        lambda content: b'{"format": 1}',
        lambda content: content.replace(b'"format":1', b'"format":0'),
        lambda content: content.replace(b'"grey"', b"7"),
        lambda content: json.dumps({"format": 1, "files": [["a", 1, 1, None]]}).encode(),
        lambda content: json.dumps({"format": 1, "files": [["a", 1, "x", []]]}).encode(),
    ],
)
def test_a_damaged_or_foreign_cache_is_ignored(tmp_path: Path, spoil: Any) -> None:
    cache = tmp_path / "cache.json"
    content = cache_text(FOUND).encode()
    cache.write_bytes(content)
    assert read_cache(cache)
    cache.write_bytes(spoil(content))
    assert read_cache(cache) == {}


def test_a_cache_that_is_absent_no_file_or_too_large_is_ignored(tmp_path: Path, monkeypatch: Any) -> None:
    assert read_cache(tmp_path / "absent") == {}
    assert read_cache(tmp_path) == {}
    cache = tmp_path / "cache.json"
    cache.write_text(cache_text(FOUND), encoding="utf-8")
    monkeypatch.setattr(gt_scan, "_LARGEST_CACHE", 10)
    assert read_cache(cache) == {}
