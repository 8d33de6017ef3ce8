from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from datamodules.data_errors import DataError
from datamodules.reading.rasters import read_header, read_raster

SLICES = np.random.default_rng(0).integers(0, 65536, (4, 2, 21, 34), dtype=np.uint16)
GREY: dict[str, Any] = {"photometric": "minisblack"}


def counts(path: Path) -> tuple[int, int]:
    header = read_header(str(path))
    return header.pages, header.channels


@pytest.mark.parametrize(
    "options",
    [GREY, {**GREY, "metadata": None}, {**GREY, "compression": "lzw"}, {"imagej": True, "metadata": {"axes": "ZYX"}},
     {"imagej": True, "metadata": {"axes": "TYX"}}, {**GREY, "ome": True, "metadata": {"axes": "ZYX"}}],
    ids=str,
)  # fmt: skip
def test_slices_are_pages(tmp_path: Path, options: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", SLICES[:, 0], **options)
    assert counts(tmp_path / "a.tif") == (4, 1)
    for page in (0, 3):
        np.testing.assert_array_equal(read_raster(str(tmp_path / "a.tif"), page).pixels, SLICES[page, 0])
    with pytest.raises(DataError, match="no page 4; it has 4"):
        read_raster(str(tmp_path / "a.tif"), 4)


@pytest.mark.parametrize("axes", ["ZCYX", "CZYX"])
@pytest.mark.parametrize("options", [{"ome": True, **GREY}, {"ome": True, "compression": "zlib", **GREY}], ids=str)
def test_channels_that_microscopes_write_as_planes_are_channels(
    tmp_path: Path, axes: str, options: dict[str, Any]
) -> None:
    stored = SLICES if axes == "ZCYX" else np.swapaxes(SLICES, 0, 1)
    tifffile.imwrite(tmp_path / "a.tif", stored, metadata={"axes": axes}, **options)
    assert counts(tmp_path / "a.tif") == (4, 2)
    np.testing.assert_array_equal(read_raster(str(tmp_path / "a.tif"), 3).pixels, np.moveaxis(SLICES[3], 0, -1))


def test_channels_of_imagej_are_channels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", SLICES, imagej=True, metadata={"axes": "ZCYX"})
    assert counts(tmp_path / "a.tif") == (4, 2)
    np.testing.assert_array_equal(read_raster(str(tmp_path / "a.tif"), 3).pixels, np.moveaxis(SLICES[3], 0, -1))


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 0, 2], [2, 1, 0]])
def test_a_thumbnail_and_smaller_copies_are_no_pages(tmp_path: Path, order: list[int]) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for level in order:
            copy = colours[:: 2**level, :: 2**level]
            file.write(copy, photometric="rgb", subfiletype=int(level > 0), metadata=None)
    assert counts(tmp_path / "a.tif") == (1, 3)
    np.testing.assert_array_equal(read_raster(str(tmp_path / "a.tif")).pixels, colours)


def test_a_pyramid_of_ome_is_one_picture(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.tif", ome=True) as file:
        file.write(colours, subifds=1, photometric="rgb", tile=(16, 16))
        file.write(colours[::2, ::2], subfiletype=1, photometric="rgb", tile=(16, 16))
    assert counts(tmp_path / "a.tif") == (1, 3)
    np.testing.assert_array_equal(read_raster(str(tmp_path / "a.tif")).pixels, colours)


@pytest.mark.parametrize("kept", [0.3, 0.9])
@pytest.mark.parametrize("options", [GREY, {"imagej": True, "metadata": {"axes": "ZYX"}}], ids=str)
def test_a_stack_that_was_cut_short_does_not_pass_for_a_shorter_one(
    tmp_path: Path, options: dict[str, Any], kept: float
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, SLICES[:, 0], **options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    try:
        assert not read_header(str(path)).looks_whole
    except DataError:
        return
    with pytest.raises(DataError, match=r"a\.tif cannot be read as an image"):
        read_raster(str(path), 3)


def test_slices_that_only_a_description_promises_are_no_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, SLICES[:, 0], imagej=True, metadata={"axes": "ZYX"})
    content = path.read_bytes()
    path.write_bytes(content.replace(b"images=4", b"images=9").replace(b"slices=4", b"slices=9"))
    assert counts(path) == (4, 1)


def test_channels_within_one_plane_are_channels_whatever_their_axis_is_called(tmp_path: Path) -> None:
    stored = np.moveaxis(SLICES[0], 0, -1)
    stored = np.dstack([stored, stored[:, :, :1]])
    options: dict[str, Any] = {"planarconfig": "separate", "photometric": "rgb", "metadata": {"axes": "CYX"}}
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(stored, -1, 0), **options)
    assert counts(tmp_path / "a.tif") == (1, 3)
    np.testing.assert_array_equal(read_raster(str(tmp_path / "a.tif")).pixels, stored)
