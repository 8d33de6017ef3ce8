"""Whether the folder of the images holds label maps, and that of the ground truth photographs."""

import warnings
from enum import Enum
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from datamodules.data_errors import DataError
from datamodules.pairing.packed_names import Pairs
from datamodules.pairing.pairing_problems import quoted
from resume.system.output import text

_LOOKED_AT = 16  # pairs
_NEARLY_ALL = 0.875  # share of these; a photograph may be black, and a label map crowded
_MOST_VALUES = 64  # of a label map; a map of many cells has more
_FLAT = 0.9  # share of the neighbours of a label map that are equal
_ROUGH = 0.7  # and of a photograph; a map of many cells, or with the fringe of JPEG, is far above it
_EDGE = 512  # pixels of the middle of a file that are looked at
_LARGEST = 2**26  # pixels of a file that is decoded for this


class _Kind(Enum):
    LABELS = "labels"
    PHOTOGRAPH = "photograph"
    UNCLEAR = "unclear"


def refuse_swapped(image_path: str, gt_path: str, pairs: Pairs) -> None:
    """Check that the two folders are not swapped: a few pairs are looked at, the same ones each time.

    Only what cannot be meant is refused: nearly all images have few values in flat areas, as scanned text may have, and
    nearly all ground truth is as rough as a photograph, which no map of cells is.

    Raises:
        DataError: They are; the message has the flags in the right order.
    """
    if Path(image_path).samefile(gt_path) or not len(pairs):
        return
    drawn = np.random.default_rng(0).choice(len(pairs), min(_LOOKED_AT, len(pairs)), replace=False).tolist()
    labels = photographs = 0
    for image, gt in ((pairs[index].image, pairs[index].gt) for index in drawn):
        labels += _kind(Path(image_path, image)) is _Kind.LABELS
        photographs += _kind(Path(gt_path, gt)) is _Kind.PHOTOGRAPH
    if min(labels, photographs) < _NEARLY_ALL * len(drawn):
        return
    message = text(
        "The two folders seem to be swapped. Of {count} pairs, {labels} files in {image_path} hold a few values in "
        "flat areas, like ground truth, and {photographs} files in {gt_path} look like photographs. Use:\n"
        "  --image_path {right_image_path} --gt_path {right_gt_path}\n"
        'If they are not swapped, say so with the names: --data.image_pattern "{{stem}}.*"'
    )
    right = {"right_image_path": quoted(gt_path), "right_gt_path": quoted(image_path)}
    looked_at = {"count": len(drawn), "labels": labels, "photographs": photographs}
    raise DataError(message.format(image_path=image_path, gt_path=gt_path, **looked_at, **right))


def _kind(path: Path) -> _Kind:
    values = _middle(path)
    if values is None or values.size == 0 or min(values.shape) < 2:
        return _Kind.UNCLEAR
    count = len(np.unique(values))
    equal = float((values[:, 1:] == values[:, :-1]).mean())
    if count <= _MOST_VALUES and equal >= _FLAT:
        return _Kind.LABELS
    return _Kind.PHOTOGRAPH if count > _MOST_VALUES and equal <= _ROUGH else _Kind.UNCLEAR


def _middle(path: Path) -> npt.NDArray[np.generic] | None:
    """One number for each pixel in the middle of a file, (H, W); None if it cannot be read, or only at length."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with path.open("rb") as file, Image.open(file) as image:
                if image.width * image.height > _LARGEST:
                    return None
                pixels = np.asarray(image)
    except Exception:  # noqa: BLE001 - a damaged file can fail in any way; the checks name it
        return None
    top, left = (max((size - _EDGE) // 2, 0) for size in pixels.shape[:2])
    pixels = pixels[top : top + _EDGE, left : left + _EDGE]
    if pixels.ndim == 2:
        return pixels
    numbers: npt.NDArray[np.int64] = pixels[..., :3].astype(np.int64) @ (1 << 16 * np.arange(pixels[..., :3].shape[-1]))
    return numbers
