"""Files whose compression changes values are known by their content, whatever they are called."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from datamodules.reading.rasters import read_header

PIXELS = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32).astype(np.uint8)
ICC = b"\0" * 3000  # so long that the pixels begin behind the first bytes of the file


@pytest.mark.parametrize(
    ("file_format", "options", "expected"),
    [
        ("JPEG", {"quality": 100}, True),
        ("WEBP", {"quality": 80}, True),
        ("WEBP", {"lossless": True}, False),
        ("WEBP", {"quality": 80, "icc_profile": ICC}, True),
        ("WEBP", {"lossless": True, "icc_profile": ICC}, False),
        ("WEBP", {"quality": 80, "save_all": True, "append_images": [Image.fromarray(PIXELS.T)]}, True),
        ("JPEG2000", {"irreversible": True, "no_jp2": True}, True),
        ("JPEG2000", {"irreversible": True}, True),
        ("JPEG2000", {}, False),
        ("AVIF", {}, True),
        ("PNG", {}, False),
        ("GIF", {}, False),
        ("BMP", {}, False),
    ],
)
def test_losses_are_known_by_the_content(
    tmp_path: Path, file_format: str, options: dict[str, Any], expected: bool
) -> None:
    Image.fromarray(PIXELS).convert("RGB").save(tmp_path / "mask.png", format=file_format, **options)
    assert read_header(str(tmp_path / "mask.png")).is_lossy is expected


@pytest.mark.parametrize(("compression", "expected"), [("jpeg", True), ("deflate", False), (None, False)])
def test_jpeg_within_tiff_is_lossy(tmp_path: Path, compression: str | None, expected: bool) -> None:
    tifffile.imwrite(tmp_path / "mask.tif", PIXELS, compression=compression)
    assert read_header(str(tmp_path / "mask.tif")).is_lossy is expected
