"""What one ground truth file holds: counts and a few measures, from which the meaning of the set is decided."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from datamodules.gt.codes import colourful, eight_bits, pack, shared_number, top_of, whole_numbers
from datamodules.gt.counts import Counts, count_codes, distinct_numbers
from datamodules.reading.rasters import Raster

BAND = 8  # the extremes: up to an eighth of the range, and from seven eighths on
_SCALES = (1.0, 255.0, 65535.0)  # what white may be
_GREY = 100  # one colourful pixel in so many is too much for a grey picture
_CLUSTERS = 32  # largest groups of similar colours that are kept


class AlphaStats(NamedTuple):
    """The transparency of a file.

    Attributes:
        lowest, highest: Of the samples.
        clear, solid: Shares of the pixels within an eighth of the range from either end.
        separates: Whether no colour is on both clear and solid pixels.
    """

    lowest: float
    highest: float
    clear: float
    solid: float
    separates: bool


class GtStats(NamedTuple):
    """What a file holds.

    Attributes:
        form: "grey": one number a pixel, also where three channels agree; "palette"; "colour"; "channels": two, or more
            than three.
        bits: Significant bits a sample that the file states.
        channels: Of the file, without alpha.
        pixels: Their number.
        distinct: Number of different numbers, or of different colours.
        counts: Numbers, indices or colour codes with their pixels; empty where there are more than MOST_DISTINCT, or
            fractions.
        palette: Colour of each used index.
        zeros: Pixels that are 0, or black.
        lowest, highest: Of the numbers.
        is_fractional: Whether a float file holds fractions.
        has_nan: Whether it holds values that are not finite numbers.
        alpha: None where there is none, or it is everywhere the largest.
        scale: What white is, from the largest number: 1, 255 or 65535; 0 for larger and negative numbers.
        low, high: Pixels within an eighth of `scale` from either end.
        flat_between: Pixels between the bands whose four neighbours are equal to them.
        inner: Pixels with four neighbours.
        flat: Those of them whose four neighbours are equal to them; all, where the file has at most two values.
        cored: Of a file of colours, the number of its colours that have a flat pixel.
        colourful: Pixels whose channels differ by more than JPEG makes them differ.
        clusters: Groups of similar colours (4 bits a channel) with their pixels, where there are many colours.
    """

    form: str
    bits: int
    channels: int
    pixels: int
    distinct: int = 0
    counts: Counts = ()
    palette: tuple[tuple[int, int], ...] = ()
    zeros: int = 0
    lowest: float = 0.0
    highest: float = 0.0
    is_fractional: bool = False
    has_nan: bool = False
    alpha: AlphaStats | None = None
    scale: float = 0.0
    low: int = 0
    high: int = 0
    flat_between: int = 0
    inner: int = 0
    flat: int = 0
    cored: int = 0
    colourful: int = 0
    clusters: Counts = ()

    def to_json(self) -> list[Any]:
        """The fields as plain lists and numbers."""
        return [list(field) if isinstance(field, tuple) else field for field in self]

    @classmethod
    def from_json(cls, plain: Any) -> "GtStats":
        """The inverse of `to_json`.

        Raises:
            TypeError, ValueError: It was not made by `to_json`.
        """
        stats = cls(*plain)
        alpha = None if stats.alpha is None else AlphaStats(*stats.alpha)
        stats = stats._replace(
            alpha=alpha, counts=_pairs(stats.counts), palette=_pairs(stats.palette), clusters=_pairs(stats.clusters)
        )
        for name, field in stats._asdict().items():
            expected = _KINDS.get(name, int)
            if type(field) is not expected and not (name == "alpha" and _is_alpha(alpha)):
                raise TypeError(f"{name}: {field!r}")
        return stats


_KINDS: dict[str, type] = {
    "form": str, "counts": tuple, "palette": tuple, "clusters": tuple, "alpha": type(None), "lowest": float,
    "highest": float, "scale": float, "is_fractional": bool, "has_nan": bool,
}  # fmt: skip


def _is_alpha(alpha: AlphaStats | None) -> bool:
    return alpha is not None and [type(field) for field in alpha] == [float, float, float, float, bool]


def _pairs(plain: Any) -> Counts:
    pairs = tuple((first, second) for first, second in plain)
    if any(type(number) is not int for pair in pairs for number in pair):
        raise TypeError(f"{plain!r}")
    return pairs


def statistics(raster: Raster) -> GtStats:
    """Count what a file holds."""
    pixels, channels = raster.pixels, 1 if raster.pixels.ndim == 2 else raster.pixels.shape[-1]
    base = GtStats("grey", raster.bits, channels, pixels.shape[0] * pixels.shape[1])
    if np.issubdtype(pixels.dtype, np.floating) and not bool(np.isfinite(pixels).all()):
        return base._replace(has_nan=True)
    if raster.palette is not None:
        found = _of_palette(base, pixels, raster.palette)
    elif channels == 1:
        found = _of_numbers(base, pixels)
    elif channels != 3:
        found = base._replace(form="channels", zeros=int(np.count_nonzero(~(pixels != 0).any(axis=-1))))
    elif (shared := shared_number(pixels)) is not None:
        found = _of_numbers(base, shared)
    else:
        found = _of_colours(base, pixels)
    return found if raster.alpha is None else found._replace(alpha=_alpha_of(raster))


def _of_palette(base: GtStats, indices: npt.NDArray[Any], palette: npt.NDArray[np.uint8]) -> GtStats:
    distinct, counts = count_codes(indices)
    colours = pack(palette)
    used = tuple((index, int(colours[index])) for index, _ in counts)
    zeros = sum(count for index, count in counts if colours[index] == 0)
    found = base._replace(form="palette", distinct=distinct, counts=counts, palette=used, zeros=zeros)
    if shared_number(palette[[index for index, _ in used]]) is None:
        return _with_flat(found, indices, distinct)
    levels = tuple((int(palette[index, 0]), count) for index, count in counts)
    return _with_bands(found, palette[:, 0][indices], levels)


def _of_numbers(base: GtStats, pixels: npt.NDArray[Any]) -> GtStats:
    whole = whole_numbers(pixels)
    if whole is None:
        zeros = base.pixels - int(np.count_nonzero(pixels))
        return _with_bands(
            base._replace(is_fractional=True, distinct=len(distinct_numbers(pixels.ravel())), zeros=zeros), pixels
        )
    distinct, counts = count_codes(whole)
    zeros = dict(counts).get(0, 0) if counts else base.pixels - int(np.count_nonzero(whole))
    return _with_bands(base._replace(distinct=distinct, counts=counts, zeros=zeros), whole, counts)


def _of_colours(base: GtStats, pixels: npt.NDArray[Any]) -> GtStats:
    try:
        eight = eight_bits(pixels)
    except ValueError:
        return base._replace(form="channels")
    codes: npt.NDArray[np.integer] = pack(eight)
    distinct, counts = count_codes(codes)
    found = base._replace(form="colour", distinct=distinct, counts=counts)
    if counts:
        vivid = sum(count for code, count in counts if colourful(_unpacked(code)))
        found = found._replace(zeros=dict(counts).get(0, 0), colourful=vivid)
        return _with_cores(found if vivid * _GREY > found.pixels else _with_grey(found, eight), codes)
    coarse = np.bincount((codes >> 12 & 0xF00 | codes >> 8 & 0xF0 | codes >> 4 & 0xF).ravel())
    largest = [int(group) for group in np.argsort(coarse)[: -_CLUSTERS - 1 : -1] if coarse[group]]
    clusters = tuple(
        sorted(
            (group >> 8 << 20 | (group >> 4 & 15) << 12 | (group & 15) << 4, int(coarse[group])) for group in largest
        )
    )
    grey = _with_grey(found, eight)
    zeros = found.pixels - int(np.count_nonzero(codes))
    return _with_cores(grey._replace(zeros=zeros, colourful=colourful(eight), clusters=clusters), codes)


def _with_grey(stats: GtStats, pixels: npt.NDArray[np.uint8]) -> GtStats:
    return _with_bands(stats, pixels.mean(axis=-1, dtype=np.float32).astype(np.uint8))


def _unpacked(code: int) -> npt.NDArray[np.uint8]:
    return np.array([[[code >> 16, code >> 8 & 255, code & 255]]], dtype=np.uint8)


def _with_bands(stats: GtStats, numbers: npt.NDArray[Any], levels: Counts = ()) -> GtStats:
    """Add what tells a map of two values with a fringe from one of classes.

    Args:
        stats: What is known of the file.
        numbers: Its pixels.
        levels: The numbers with their pixels, if they were counted: that saves four passes over the pixels.
    """
    lowest, highest = _extremes(numbers, levels)
    scale = next((scale for scale in _SCALES if lowest >= 0 and highest <= scale), 0.0)
    stats = stats._replace(lowest=lowest, highest=highest, scale=scale)
    if not scale or (stats.distinct <= 1 and stats.form != "colour"):
        return _with_flat(stats._replace(low=stats.pixels), numbers, stats.distinct)
    # The bands end at whole numbers, or the comparison would make floats of all pixels.
    from_, to = (math.floor(scale / BAND), math.ceil(scale - scale / BAND)) if scale > 1 else (1 / BAND, 1 - 1 / BAND)
    if levels:
        low = sum(count for level, count in levels if level <= from_)
        high = sum(count for level, count in levels if level >= to)
    else:
        low, high = int(np.count_nonzero(numbers <= from_)), int(np.count_nonzero(numbers >= to))
    stats = stats._replace(low=low, high=high)
    if low + high == stats.pixels:
        return _with_flat(stats, numbers, stats.distinct)
    is_flat, between = _is_flat(numbers), (numbers > from_) & (numbers < to)
    return stats._replace(
        flat_between=int(np.count_nonzero(is_flat & between[1:-1, 1:-1])),
        inner=is_flat.size,
        flat=int(np.count_nonzero(is_flat)),
    )


def _extremes(numbers: npt.NDArray[Any], levels: Counts) -> tuple[float, float]:
    if levels:
        return float(min(levels)[0]), float(max(levels)[0])
    return (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)


def _with_cores(stats: GtStats, codes: npt.NDArray[np.integer]) -> GtStats:
    is_flat = _is_flat(codes)
    cored = count_codes(codes[1:-1, 1:-1][is_flat])[0]
    return stats._replace(inner=is_flat.size, flat=int(np.count_nonzero(is_flat)), cored=cored)


def _with_flat(stats: GtStats, numbers: npt.NDArray[Any], distinct: int) -> GtStats:
    inner = max(0, numbers.shape[0] - 2) * max(0, numbers.shape[1] - 2)
    flat = inner if distinct <= 2 else int(np.count_nonzero(_is_flat(numbers)))
    return stats._replace(inner=inner, flat=flat)


def _is_flat(numbers: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Whether a pixel's four neighbours are equal to it: (H - 2, W - 2)."""
    across = numbers[:, 1:] == numbers[:, :-1]
    down = numbers[1:] == numbers[:-1]
    flat: npt.NDArray[np.bool_] = across[1:-1, 1:] & across[1:-1, :-1] & down[1:, 1:-1] & down[:-1, 1:-1]
    return flat


def _alpha_of(raster: Raster) -> AlphaStats | None:
    alpha = raster.alpha
    assert alpha is not None
    top = top_of(alpha)
    lowest, highest = (float(alpha.min()), float(alpha.max())) if alpha.size else (top, top)
    if lowest == highest == top:
        return None
    clear, solid = alpha <= top / BAND, alpha >= top - top / BAND
    return AlphaStats(lowest, highest, float(clear.mean()), float(solid.mean()), _separates(raster, clear, solid))


def _separates(raster: Raster, clear: npt.NDArray[np.bool_], solid: npt.NDArray[np.bool_]) -> bool:
    pixels = raster.pixels
    if pixels.ndim == 3:
        if pixels.shape[-1] != 3:
            return False
        pixels = pack(eight_bits(pixels))
    return not np.intersect1d(pixels[clear], pixels[solid]).size
