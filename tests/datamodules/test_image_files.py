from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from datamodules.data_errors import DataError
from datamodules.image_files import read_gt, read_header, read_image, without_pillow_warnings

REAL = Path(__file__).parents[2].parent / "shared" / "data"
EXIF = REAL / "awkward_exif" / "images"
PILLOW = REAL / "awkward_pillow" / "images"
needs_exif = pytest.mark.skipif(not EXIF.is_dir(), reason=f"{EXIF} is absent")
needs_pillow = pytest.mark.skipif(not PILLOW.is_dir(), reason=f"{PILLOW} is absent")

RAMP = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
UNREADABLE = {"truncated_image.png", "truncated_jpeg.jpg", "zero_height.j2k"}


def saved(image: Image.Image, path: Path, **options: Any) -> str:
    image.save(path, **options)
    return str(path)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_eight_bit_values_are_divided_by_255(tmp_path: Path, mode: str) -> None:
    image = read_image(saved(Image.fromarray(RAMP).convert(mode), tmp_path / "a.png"))
    assert image.dtype == torch.float32
    torch.testing.assert_close(image, (torch.from_numpy(RAMP) / 255).expand(3, -1, -1))


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_values_of_more_than_eight_bits_are_stretched_to_the_unit_range(tmp_path: Path, dtype: type) -> None:
    values: npt.NDArray[Any] = np.array([[4000, 4001], [4002, 4003]], dtype=dtype)  # one value after >> 8
    image = read_image(saved(Image.fromarray(values), tmp_path / "a.tif"))
    torch.testing.assert_close(image[0], torch.tensor([[0, 1 / 3], [2 / 3, 1]]))
    assert image.shape == (3, 2, 2)


def test_an_image_of_more_than_eight_bits_with_one_value_is_zero(tmp_path: Path) -> None:
    path = saved(Image.fromarray(np.full((2, 2), 4660, dtype=np.uint16)), tmp_path / "a.tif")
    assert not read_image(path).any()


def test_values_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    path = saved(Image.fromarray(np.array([[0.0, np.nan]], dtype=np.float32)), tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.tif.*not finite"):
        read_image(path)


def test_transparency_does_not_change_the_colours(tmp_path: Path) -> None:
    colours = np.dstack([RAMP, RAMP // 2, RAMP // 3, np.zeros_like(RAMP)])
    image = read_image(saved(Image.fromarray(colours), tmp_path / "a.png"))
    torch.testing.assert_close(image, torch.from_numpy(colours[:, :, :3]).permute(2, 0, 1) / 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_exif_orientation_is_applied_to_image_gt_and_size(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    path = saved(Image.fromarray(RAMP), tmp_path / f"a.{suffix}", exif=exif, **options)
    rotated = {2: RAMP[:, ::-1], 3: RAMP[::-1, ::-1], 4: RAMP[::-1], 5: RAMP.T, 6: RAMP[::-1].T,
              7: RAMP[::-1, ::-1].T, 8: RAMP[:, ::-1].T}.get(orientation, RAMP)  # fmt: skip
    np.testing.assert_array_equal((read_image(path)[0] * 255).round().numpy(), rotated)
    np.testing.assert_array_equal(read_gt(path), rotated)
    assert read_header(path).size == rotated.shape


@needs_exif
@pytest.mark.parametrize("shape", ["Landscape", "Portrait"])
@pytest.mark.parametrize("orientation", [0, 2, 3, 4, 5, 6, 7, 8])
def test_photographs_of_every_exif_orientation_are_read_upright(shape: str, orientation: int) -> None:
    upright = read_image(str(EXIF / f"{shape}_1.jpg"))
    path = str(EXIF / f"{shape}_{orientation}.jpg")
    assert read_header(path).size == upright.shape[1:]
    assert (read_image(path) - upright).abs().mean() < 0.03  # each photograph shows another text


@needs_pillow
@pytest.mark.parametrize("name", [path.name for path in sorted(PILLOW.glob("*")) if path.name not in UNREADABLE])
def test_every_pillow_mode_is_read(name: str) -> None:
    with without_pillow_warnings():
        image = read_image(str(PILLOW / name))
        assert image.shape[1:] == read_header(str(PILLOW / name)).size
    assert image.shape[0] == 3
    assert image.dtype == torch.float32
    assert 0 <= image.min() <= image.max() <= 1


@needs_pillow
@pytest.mark.parametrize("name", sorted(UNREADABLE))
@pytest.mark.parametrize("read", [read_image, read_gt])
def test_for_a_damaged_file_the_error_gives_name_and_reason(name: str, read: object) -> None:
    assert callable(read)
    with pytest.raises(DataError, match=rf"{name} cannot be read as an image: ."):
        read(str(PILLOW / name))


def test_text_empty_and_missing_files_are_errors(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello", encoding="utf-8")
    (tmp_path / "empty.png").touch()
    for name in ("text.png", "empty.png"):
        with pytest.raises(DataError, match=rf"{name} cannot be read as an image: it is not an image"):
            read_header(str(tmp_path / name))
    with pytest.raises(DataError, match=r"gone\.png no longer exists"):
        read_header(str(tmp_path / "gone.png"))


def test_an_image_above_pillows_size_limit_can_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(Image.new("1", (14000, 14000)), tmp_path / "large.png")  # twice Pillow's own limit is an error
    assert read_header(path).size == (14000, 14000)


@pytest.mark.parametrize("mode", ["L", "P", "LA", "RGB", "RGBA"])
def test_gt_of_eight_bits_keeps_its_numbers(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(RAMP) if mode == "P" else Image.fromarray(RAMP).convert(mode)
    if mode == "P":
        image.putpalette([255 - value // 3 for value in range(768)])
    np.testing.assert_array_equal(read_gt(saved(image, tmp_path / "a.png")), RAMP)


def test_gt_of_one_bit_is_0_and_1(tmp_path: Path) -> None:
    labels = read_gt(saved(Image.fromarray(RAMP > 100), tmp_path / "a.png"))
    np.testing.assert_array_equal(labels, RAMP > 100)
    assert labels.dtype == np.uint8


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_gt_of_sixteen_bits_keeps_its_numbers(tmp_path: Path, suffix: str) -> None:
    labels = np.array([[0, 255, 256, 65535]], dtype=np.uint16)
    np.testing.assert_array_equal(read_gt(saved(Image.fromarray(labels), tmp_path / f"a.{suffix}")), labels)


def test_for_gt_in_colours_the_error_names_some_of_them(tmp_path: Path) -> None:
    colours = np.zeros((1, 7, 3), dtype=np.uint8)
    colours[0, :, 0], colours[0, :, 1] = range(7), 200
    with pytest.raises(DataError, match=r"a\.png holds colours .*\(0, 200, 0\), \(1, 200, 0\).* and 2 more"):
        read_gt(saved(Image.fromarray(colours), tmp_path / "a.png"))


def test_for_gt_in_one_colour_channel_the_error_names_the_channel(tmp_path: Path) -> None:
    labels = np.zeros((1, 3, 4), dtype=np.uint8)
    labels[0, :, 0], labels[..., 3] = range(3), 255
    with pytest.raises(DataError, match=r"Only its R channel is used.*getchannel\('R'\)"):
        read_gt(saved(Image.fromarray(labels), tmp_path / "a.png"))


@pytest.mark.parametrize("mode", ["CMYK", "F"])
def test_for_gt_of_another_mode_the_error_names_the_mode(tmp_path: Path, mode: str) -> None:
    with pytest.raises(DataError, match=f"its mode is {mode}"):
        read_gt(saved(Image.new(mode, (2, 2)), tmp_path / "a.tif"))
