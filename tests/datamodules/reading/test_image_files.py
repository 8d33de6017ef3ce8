from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import torch
from PIL import Image

from datamodules.data_errors import DataError
from datamodules.reading.image_files import ImageForm, read_image
from datamodules.reading.pillow_files import without_pillow_warnings
from datamodules.reading.rasters import read_header
from tests.helpers.real_data import REAL

EXIF = REAL / "awkward_exif" / "images"
PILLOW = REAL / "awkward_pillow" / "images"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")

RAMP = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLOUR, GREY = ImageForm(3), ImageForm(1)
UNREADABLE = {"truncated_image.png", "truncated_jpeg.jpg", "zero_height.j2k"}


def saved(image: Image.Image, path: Path, **options: Any) -> str:
    image.save(path, **options)
    return str(path)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_eight_bit_values_are_divided_by_255(tmp_path: Path, mode: str) -> None:
    image = read_image(saved(Image.fromarray(RAMP).convert(mode), tmp_path / "a.png"), COLOUR)
    assert image.dtype == torch.float32
    torch.testing.assert_close(image, (torch.from_numpy(RAMP) / 255).expand(3, -1, -1))


def test_one_bit_is_0_and_1(tmp_path: Path) -> None:
    image = read_image(saved(Image.fromarray(RAMP > 100), tmp_path / "a.png"), GREY)
    torch.testing.assert_close(image, torch.from_numpy(RAMP > 100).float()[None])


def test_in_a_set_that_holds_only_0_and_1_a_one_is_white_and_a_two_is_an_error(tmp_path: Path) -> None:
    form = ImageForm(1, top_of_8_bits=1)
    image = read_image(saved(Image.fromarray(np.uint8(RAMP > 100)), tmp_path / "a.png"), form)
    torch.testing.assert_close(image, torch.from_numpy(RAMP > 100).float()[None])
    with pytest.raises(DataError, match=r"b\.png holds the value 2, .* hold 0 to 1\. --data\.image_range"):
        read_image(saved(Image.fromarray(np.uint8(RAMP == 20) * 2), tmp_path / "b.png"), form)


@pytest.mark.parametrize(
    ("values", "value_range", "expected"),
    [
        (np.array([[0, 4095, 1024]], np.uint16), (0, 4095), [0, 1, 1024 / 4095]),
        (np.array([[-1024, 0, 1024]], np.int16), (-4096, 4095), [3072 / 8191, 4096 / 8191, 5120 / 8191]),
        (np.array([[0, 0.25, 1]], np.float64), (0, 1), [0, 0.25, 1]),
        (np.array([[16777215, 16777217, 0]], np.uint32), (0, 2**32 - 1), [2**-8, 2**-8, 0]),
    ],
    ids=["uint16", "int16", "float64", "uint32"],
)
def test_deeper_values_are_scaled_by_the_range_of_the_set(
    tmp_path: Path, values: npt.NDArray[Any], value_range: tuple[float, float], expected: list[float]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", values)
    image = read_image(str(tmp_path / "a.tif"), ImageForm(3, value_range))
    assert image.dtype == torch.float32
    torch.testing.assert_close(image, torch.tensor([expected]).expand(3, -1, -1), rtol=0, atol=1e-6)


def test_the_scale_is_the_same_for_every_image(tmp_path: Path) -> None:
    form = ImageForm(1, (0, 4095))
    for name, value in (("dark", 100), ("bright", 4000)):
        path = saved(Image.fromarray(np.full((2, 2), value, np.uint16)), tmp_path / f"{name}.tif")
        assert read_image(path, form).flatten().tolist() == [pytest.approx(value / 4095)] * 4


@pytest.mark.parametrize("value", [4096, 65535])
def test_a_value_outside_of_the_range_is_an_error_with_file_value_range_and_flag(tmp_path: Path, value: int) -> None:
    path = saved(Image.fromarray(np.full((2, 2), value, np.uint16)), tmp_path / "a.tif")
    with pytest.raises(DataError, match=rf"a\.tif holds the value {value}, .* 0 to 4095\. --data\.image_range"):
        read_image(path, ImageForm(1, (0, 4095)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_an_error(tmp_path: Path, value: float) -> None:
    path = saved(Image.fromarray(np.array([[0.0, value]], dtype=np.float32)), tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.tif.*not finite"):
        read_image(path, ImageForm(1, (0, 1)))


def test_a_colour_file_in_a_set_of_grey_is_an_error_with_the_flag(tmp_path: Path) -> None:
    path = saved(Image.fromarray(RAMP).convert("RGB"), tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png is in colour, .* grey; --data\.channels 3"):
        read_image(path, GREY)


@pytest.mark.parametrize(("channels", "found"), [(3, 5), (5, 3), (5, 1), (1, 2)])
def test_another_number_of_channels_is_an_error(tmp_path: Path, channels: int, found: int) -> None:
    np.save(tmp_path / "a.npy", np.zeros((9, 8, found), np.uint8))
    with pytest.raises(DataError, match=rf"a\.npy has {found} channels, .* have {channels}; --data\.channels"):
        read_image(str(tmp_path / "a.npy"), ImageForm(channels))


def test_five_channels_are_five_channels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 5), dtype=np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    image = read_image(str(tmp_path / "a.npy"), ImageForm(5))
    torch.testing.assert_close(image, torch.from_numpy(pixels).permute(2, 0, 1) / 255)


def test_transparency_does_not_change_the_colours(tmp_path: Path) -> None:
    colours = np.dstack([RAMP, RAMP // 2, RAMP // 3, np.zeros_like(RAMP)])
    image = read_image(saved(Image.fromarray(colours), tmp_path / "a.png"), COLOUR)
    torch.testing.assert_close(image, torch.from_numpy(colours[:, :, :3]).permute(2, 0, 1) / 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    path = saved(Image.fromarray(RAMP), tmp_path / f"a.{suffix}", exif=exif, **options)
    rotated = {2: RAMP[:, ::-1], 3: RAMP[::-1, ::-1], 4: RAMP[::-1], 5: RAMP.T, 6: RAMP[::-1].T,
               7: RAMP[::-1, ::-1].T, 8: RAMP[:, ::-1].T}.get(orientation, RAMP)  # fmt: skip
    np.testing.assert_array_equal((read_image(path, COLOUR)[0] * 255).round().numpy(), rotated)


@needs_real
@pytest.mark.parametrize("shape", ["Landscape", "Portrait"])
def test_photographs_of_every_exif_orientation_are_read_upright(shape: str) -> None:
    upright = read_image(str(EXIF / f"{shape}_1.jpg"), COLOUR)
    for orientation in (0, 2, 3, 4, 5, 6, 7, 8):
        image = read_image(str(EXIF / f"{shape}_{orientation}.jpg"), COLOUR)
        assert (image - upright).abs().mean() < 0.03  # each photograph shows another text


@needs_real
@pytest.mark.parametrize("name", [path.name for path in sorted(PILLOW.glob("*")) if path.name not in UNREADABLE])
def test_every_awkward_file_becomes_an_image(name: str) -> None:
    with without_pillow_warnings():
        deep = read_header(str(PILLOW / name)).bits > 8
        image = read_image(str(PILLOW / name), ImageForm(3, (-32768, 65535) if deep else (0, 255)))
    assert image.shape[0] == 3
    assert image.dtype == torch.float32
    assert 0 <= image.min() <= image.max() <= 1


@needs_real
@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_for_a_damaged_file_the_error_gives_name_and_reason(name: str) -> None:
    with pytest.raises(DataError, match=rf"{name} cannot be read as an image: ."):
        read_image(str(PILLOW / name), COLOUR)


def test_text_empty_and_missing_files_are_errors(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello", encoding="utf-8")
    (tmp_path / "empty.png").touch()
    for name in ("text.png", "empty.png"):
        with pytest.raises(DataError, match=rf"{name} cannot be read as an image: it is not an image"):
            read_image(str(tmp_path / name), COLOUR)
    with pytest.raises(DataError, match=r"gone\.png no longer exists"):
        read_image(str(tmp_path / "gone.png"), COLOUR)
