import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datamodules.data_errors import DataError
from datamodules.reading.rasters import read_header, read_raster

FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("PNG", {}),
    ("JPEG", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("BMP", {}),
    ("GIF", {}),
    ("WEBP", {"lossless": True}),
]
each_format = pytest.mark.parametrize(
    ("name", "options"), FORMATS, ids=[f"{name}{options}" for name, options in FORMATS]
)


def encoded(name: str, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)
    Image.fromarray(noise).save(file, name, **options)
    return file.getvalue()


@each_format
def test_a_whole_file_looks_whole_and_with_more_bytes_behind_it_it_can_be_read(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    file = tmp_path / "a"
    file.write_bytes(encoded(name, options))
    assert read_header(str(file)).looks_whole
    file.write_bytes(encoded(name, options) + b"made by a camera")
    assert read_raster(str(file)).pixels.shape[:2] == (40, 30)


@each_format
@pytest.mark.parametrize("missing", [0.02, 0.5])
def test_a_file_that_was_cut_short_does_not_look_whole(
    tmp_path: Path, name: str, options: dict[str, Any], missing: float
) -> None:
    content = encoded(name, options)
    file = tmp_path / "a"
    file.write_bytes(content[: int(len(content) * (1 - missing))])
    try:
        looks_whole = read_header(str(file)).looks_whole
    except DataError:
        looks_whole = False
    assert not looks_whole


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF"])
def test_a_file_whose_end_a_power_failure_has_left_empty_does_not_look_whole(tmp_path: Path, name: str) -> None:
    content = encoded(name, {})
    file = tmp_path / "a"
    file.write_bytes(content[: len(content) // 2].ljust(len(content), b"\0"))
    assert not read_header(str(file)).looks_whole
