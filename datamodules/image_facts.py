"""What the images of a run are like, and what is done to them before they are trained on, in words."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from datamodules.reading.raster_form import FileHeader
from resume.system.output import catalogued, text, translated

Size = tuple[int, ...]

_GREY = catalogued("{count} grey: repeated to three channels")
_DEEP = catalogued("{count} with more than 8 bits: in one range of values")
_ALPHA = catalogued("{count} with alpha: dropped")
_PALETTE = catalogued("{count} with a palette: its colours")
_OTHER = catalogued("{count} in other colour systems: converted to RGB")
_TURNED = catalogued("{count} turned upright as EXIF says")
_ORDER = (_GREY, _DEEP, _ALPHA, _PALETTE, _OTHER, _TURNED)


class ImageFacts(NamedTuple):
    """The images of a run, counted.

    Attributes:
        sizes: How many images have each (height, width).
        treatments: How many images each treatment changes, by its message.
    """

    sizes: Counter[Size]
    treatments: Counter[str]

    def add(self, size: Size, treatments: Iterable[str]) -> None:
        """Count one image."""
        self.sizes[size] += 1
        self.treatments.update(treatments)


def treatments_of(header: FileHeader, channels: int) -> list[str]:
    """Return what reading this image changes, as messages.

    Args:
        header: What its file says.
        channels: Of the images as the network gets them.
    """
    is_changed = {
        _GREY: header.channels == 1 and channels == 3 and not header.has_palette,
        _DEEP: header.bits > 8 or header.is_float,
        _ALPHA: header.has_alpha,
        _PALETTE: header.has_palette,
        _OTHER: header.is_converted,
        _TURNED: header.orientation in range(2, 9),
    }
    return [message for message, holds in is_changed.items() if holds]


def images_line(facts: ImageFacts, image_size: tuple[int, int] | None) -> str:
    """Return the sizes of the images and what is done to them.

    Args:
        facts: The images.
        image_size: (height, width) to which they are resized; None: they keep their sizes.
    """
    sizes = sorted(facts.sizes, key=lambda size: (size[0] * size[1], size))
    found = text("images of {size} pixels").format(size=_shown(sizes[0]))
    if len(sizes) > 1:
        found = text("images of {smallest} to {largest} pixels").format(
            smallest=_shown(sizes[0]), largest=_shown(sizes[-1])
        )
    done = [] if image_size is None else _resizing(facts, image_size)
    done += [
        translated(message).format(count=facts.treatments[message]) for message in _ORDER if facts.treatments[message]
    ]
    done.append(text("each standardised to mean 0 and standard deviation 1"))
    return ", ".join([found, *done])


def _resizing(facts: ImageFacts, image_size: tuple[int, int]) -> list[str]:
    height, width = image_size
    resized = sum(count for size, count in facts.sizes.items() if size != image_size)
    if not resized:
        return []
    distorted = sum(count for size, count in facts.sizes.items() if size[0] * width != size[1] * height)
    done = text("{count} resized to {size}").format(count=resized, size=_shown(image_size))
    if distorted:
        done += text(" (the proportions of {count} change)").format(count=distorted)
    return [done]


def _shown(size: Size) -> str:
    return f"{size[1]} × {size[0]}"
