"""Files to arrays: every mode that Pillow knows, EXIF orientation applied, nothing lost that the network
could use.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base
from torch import Tensor

from datamodules.data_errors import DataError

# Pillow's limit guards web servers against hostile files; large microscope and satellite images are meant to
# open.
Image.MAX_IMAGE_PIXELS = None

DEEP_MODES = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})  # more than 8 bits a pixel
ORIENTED_PNG_KEYS = frozenset({"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"})
TURNED = frozenset({5, 6, 7, 8})  # EXIF orientations that swap width and height


@contextmanager
def without_pillow_warnings() -> Iterator[None]:
    """Keeps Pillow quiet about odd metadata in files that decode. Not inside threads: the filters are the
    process's.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


@contextmanager
def _opened(path: str) -> Iterator[Image.Image]:
    try:
        # Given a path, Pillow 13 maps an uncompressed TIFF with the size of the turned image, and garbles it.
        with Path(path).open("rb") as file, Image.open(file) as image:
            yield image
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{path} is not there any more") from error
    except Exception as error:  # Pillow's plugins raise whatever a broken file makes them stumble over
        raise DataError(f"{path} cannot be read as an image: {_reason(error, path)}") from error


def _reason(error: Exception, path: str) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is not an image, or damaged at its very start"
    return str(error).replace(path, "the file") or type(error).__name__


def _upright(image: Image.Image) -> Image.Image:
    """The first page, decoded and turned the way that its EXIF orientation asks for."""
    ImageOps.exif_transpose(image, in_place=True)
    if 0 in image.size:
        raise ValueError(f"it is {image.width} × {image.height} pixels large")
    return image


def read_size(path: str) -> tuple[int, int]:
    """Height and width after the EXIF orientation, from the file's header only.

    Raises:
        DataError: The file is no image.
    """
    with _opened(path) as image:
        width, height = image.size
        return (width, height) if _orientation(image) in TURNED else (height, width)


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":  # Pillow has turned the size already
        return 1
    if image.format == "PNG" and not ORIENTED_PNG_KEYS & image.info.keys():
        return 1  # getexif() would decode the whole file to look for a late chunk
    return int(image.getexif().get(Base.Orientation, 1))


def read_image(path: str) -> Tensor:
    """Reads an image: 8-bit values are divided by 255, deeper ones spread from their smallest to their
    largest.

    Grey is repeated to three channels, alpha is dropped, the first of several pages is taken.

    Returns:
        float32 (3, H, W) in [0, 1].

    Raises:
        DataError: The file is no image, is damaged, or holds values that are no numbers.
    """
    with _opened(path) as image:
        _upright(image)
        if image.mode in DEEP_MODES:
            return _spread(np.asarray(image)).expand(3, -1, -1)
        pixels = torch.from_numpy(_eight_bit(image)).to(torch.float32).div_(255)
        return pixels.expand(3, -1, -1) if pixels.ndim == 2 else pixels.permute(2, 0, 1)


def _spread(pixels: npt.NDArray[np.generic]) -> Tensor:
    """float32 (H, W) in [0, 1]. The image is standardised later anyway, so its scale carries nothing;
    without this, 12 bits in a 16-bit file would reach the augmentation as near-black.
    """
    values = pixels.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("it holds values that are not finite numbers")
    values -= values.min()
    return torch.from_numpy((values / (values.max() or 1.0)).astype(np.float32))


def _eight_bit(image: Image.Image) -> npt.NDArray[np.uint8]:
    """uint8 (H, W) or (H, W, 3)."""
    if image.mode in ("1", "L", "LA", "La"):
        return np.array(image.convert("L") if image.mode != "L" else image)
    if image.mode in ("P", "PA", "RGBa"):
        image = image.convert("RGBA")  # a palette's transparency and premultiplied alpha have no direct way to RGB
    if image.mode in ("RGB", "RGBA", "RGBX"):
        return np.array(image)[:, :, :3]
    return np.array(image.convert("RGB"))


def read_gt(path: str) -> npt.NDArray[np.integer]:
    """Reads ground truth as the numbers that the file holds: grey values, 0 and 1, palette indices, 16-bit
    labels.

    Returns:
        An integer array (H, W).

    Raises:
        DataError: The file is no image, is damaged, or holds colours instead of one number a pixel.
    """
    with _opened(path) as image:
        _upright(image)
        if image.mode == "1":
            return np.array(image, dtype=np.uint8)
        if image.mode in ("L", "P", "I", "I;16", "I;16L", "I;16B", "I;16N"):
            labels = np.array(image)
            return labels.astype(labels.dtype.newbyteorder("="), copy=False)
        if image.mode in ("LA", "PA"):
            return np.array(image)[:, :, 0]
        if image.mode in ("RGB", "RGBA", "RGBX"):
            return _one_channel(np.array(image)[:, :, :3], path)
        raise DataError(f"{path} is no ground truth: its mode is {image.mode}; save one number a pixel as a grey PNG.")


def _one_channel(pixels: npt.NDArray[np.uint8], path: str) -> npt.NDArray[np.uint8]:
    if (pixels == pixels[:, :, :1]).all():
        return pixels[:, :, 0]
    colours = np.unique(pixels @ np.array([1 << 16, 1 << 8, 1]))
    shown = ", ".join(f"({c >> 16}, {c >> 8 & 255}, {c & 255})" for c in colours[:5].tolist())
    more = f" and {len(colours) - 5} more" if len(colours) > 5 else ""
    filled = [name for name, top in zip("RGB", pixels.max(axis=(0, 1)).tolist(), strict=True) if top]
    cure = (
        f"Only its {filled[0]} channel is used; save that: Image.open(…).getchannel('{filled[0]}').save(…)."
        if len(filled) == 1
        else "Save it as a grey or palette PNG whose numbers are the classes."
    )
    raise DataError(f"{path} holds colours (R, G, B) where one number a pixel is expected: {shown}{more}. {cure}")
