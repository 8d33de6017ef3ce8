"""Image and ground truth files as arrays, in every mode that Pillow reads.

The EXIF orientation is applied. No information that the network could use is lost.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile
from torch import Tensor

from datamodules.data_errors import DataError, short_list
from datamodules.file_ends import looks_whole
from datamodules.image_facts import DEEP_MODES, treatments_of
from resume.system.output import one_line, text

# Pillow's limit protects web servers against hostile files; here, large microscope and satellite images must open.
Image.MAX_IMAGE_PIXELS = None

ORIENTED_PNG_KEYS = frozenset({"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"})
TRANSPOSED = frozenset({5, 6, 7, 8})  # EXIF orientations that swap width and height


class Header(NamedTuple):
    """What a file says of itself, without its pixels.

    Attributes:
        size: Height and width, after the EXIF orientation.
        looks_whole: Whether the file ends as its format ends; if not, only decoding shows whether it is damaged.
        treatments: What reading it as an image changes, as messages.
    """

    size: tuple[int, int]
    looks_whole: bool
    treatments: list[str]


@contextmanager
def without_pillow_warnings() -> Iterator[None]:
    """Suppress Pillow's warnings about unusual metadata in files that it can decode.

    Must not be used inside threads, because warning filters belong to the whole process.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


@contextmanager
def _open_image(path: str) -> Iterator[ImageFile]:
    try:
        # From a path, Pillow 13 maps an uncompressed TIFF with the size of the rotated image, and garbles its pixels.
        with Path(path).open("rb") as file, Image.open(file) as image:
            yield image
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(text("{path} no longer exists").format(path=one_line(path))) from error
    except Exception as error:  # on a damaged file, Pillow's plugins raise exceptions of any class
        message = text("{path} cannot be read as an image: {reason}")
        raise DataError(message.format(path=one_line(path), reason=_reason(error, path))) from error


def _reason(error: Exception, path: str) -> str:
    if isinstance(error, UnidentifiedImageError):
        return text("it is not an image, or its beginning is damaged")
    return str(error).replace(path, text("the file")) or type(error).__name__


def _orient(image: Image.Image) -> None:
    """Decode the first page and apply its EXIF orientation."""
    ImageOps.exif_transpose(image, in_place=True)
    if 0 in image.size:
        raise ValueError(text("its size is {width} × {height} pixels").format(width=image.width, height=image.height))


def read_header(path: str) -> Header:
    """Read the header and the last bytes of a file; its pixels are not decoded.

    Raises:
        DataError: The file is not an image.
    """
    with _open_image(path) as image:
        width, height = image.size
        orientation = _orientation(image)
        size = (width, height) if orientation in TRANSPOSED else (height, width)
        treatments = treatments_of(image, is_turned=orientation in range(2, 9))
        return Header(size, looks_whole(image), treatments)


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":  # Pillow has already swapped width and height
        return 1
    if image.format == "PNG" and not ORIENTED_PNG_KEYS & image.info.keys():
        return 1  # getexif() would decode the whole file to look for a late chunk
    return int(image.getexif().get(Base.Orientation, 1))


def read_image(path: str) -> Tensor:
    """Read an image.

    8-bit values are divided by 255; deeper values are stretched from their minimum and maximum to [0, 1]. Grey is
    repeated to three channels, the alpha channel is dropped, and only the first of several pages is read.

    Returns:
        float32 (3, H, W) in [0, 1].

    Raises:
        DataError: The file is not an image, is damaged, or holds values that are not finite numbers.
    """
    with _open_image(path) as image:
        _orient(image)
        if image.mode in DEEP_MODES:
            return _stretch(np.asarray(image)).expand(3, -1, -1)
        pixels = torch.from_numpy(_eight_bit(image)).to(torch.float32).div_(255)
        return pixels.expand(3, -1, -1) if pixels.ndim == 2 else pixels.permute(2, 0, 1)


def _stretch(pixels: npt.NDArray[np.generic]) -> Tensor:
    """Scale deep values to float32 (H, W) in [0, 1].

    The image is standardised later, so its scale has no meaning. Without the stretching, 12-bit data in a 16-bit file
    would be nearly black in the augmentation.
    """
    values = pixels.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(text("it holds values that are not finite numbers"))
    values -= values.min()
    return torch.from_numpy((values / (values.max() or 1.0)).astype(np.float32))


def _eight_bit(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Return uint8 (H, W) or (H, W, 3)."""
    if image.mode in ("1", "L", "LA", "La"):
        return np.array(image.convert("L") if image.mode != "L" else image)
    if image.mode in ("P", "PA", "RGBa"):
        # Pillow cannot convert a palette's transparency or premultiplied alpha to RGB directly.
        image = image.convert("RGBA")
    if image.mode in ("RGB", "RGBA", "RGBX"):
        return np.array(image)[:, :, :3]
    return np.array(image.convert("RGB"))


def read_gt(path: str) -> npt.NDArray[np.integer]:
    """Read ground truth as the numbers in the file: grey values, 0 and 1, palette indices, 16-bit labels.

    Returns:
        An integer array (H, W).

    Raises:
        DataError: The file is not an image, is damaged, or holds colours instead of one number per pixel.
    """
    with _open_image(path) as image:
        _orient(image)
        if image.mode == "1":
            return np.array(image, dtype=np.uint8)
        if image.mode in ("L", "P", "I", "I;16", "I;16L", "I;16B", "I;16N"):
            labels = np.array(image)
            return labels.astype(labels.dtype.newbyteorder("="), copy=False)
        if image.mode in ("LA", "PA"):
            return np.array(image)[:, :, 0]
        if image.mode in ("RGB", "RGBA", "RGBX"):
            return _single_channel(np.array(image)[:, :, :3], path)
        message = text(
            "{path} is not ground truth: its mode is {mode}. Save it as a grey PNG with one number per pixel."
        )
        raise DataError(message.format(path=one_line(path), mode=image.mode))


def _single_channel(pixels: npt.NDArray[np.uint8], path: str) -> npt.NDArray[np.uint8]:
    if (pixels == pixels[:, :, :1]).all():
        return pixels[:, :, 0]
    colours = np.unique(pixels @ np.array([1 << 16, 1 << 8, 1])).tolist()
    shown = short_list([f"({colour >> 16}, {colour >> 8 & 255}, {colour & 255})" for colour in colours], limit=5)
    used = [name for name, largest in zip("RGB", pixels.max(axis=(0, 1)).tolist(), strict=True) if largest]
    advice = text("Save it as a grey or palette PNG whose numbers are the classes.")
    if len(used) == 1:
        advice = text(
            "Only its {channel} channel is used; save that channel: Image.open(…).getchannel('{channel}').save(…)."
        ).format(channel=used[0])
    message = text("{path} holds colours (R, G, B), but one number per pixel is expected: {colours}. {advice}")
    raise DataError(message.format(path=one_line(path), colours=shown, advice=advice))
