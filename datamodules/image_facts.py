"""What the images of a run are like, and what is done to them before they are trained on, in words."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from PIL import Image

from resume.system.output import catalogued, text, translated

Size = tuple[int, ...]

DEEP_MODES = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})  # more than 8 bits per pixel
_GREY = catalogued("{count} grey: repeated to three channels")
_DEEP = catalogued("{count} with more than 8 bits: stretched from minimum and maximum to the whole range")
_DEEP_COLOURS = catalogued("{count} in colours of 16 bits: reduced to 8 bits")
_ALPHA = catalogued("{count} with alpha: dropped")
_PALETTE = catalogued("{count} with a palette: its colours")
_OTHER = catalogued("{count} in other colour systems: converted to RGB")
_TURNED = catalogued("{count} turned upright as EXIF says")
_PAGES = catalogued("{count} of several pages: only the first is read")
_ORDER = (_GREY, _DEEP, _DEEP_COLOURS, _ALPHA, _PALETTE, _OTHER, _TURNED, _PAGES)


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


def treatments_of(image: Image.Image, *, is_turned: bool) -> list[str]:
    """Return what reading this image changes, as messages.

    Args:
        image: Opened by Pillow; its header is enough.
        is_turned: Whether its EXIF orientation is not the upright one.
    """
    found = []
    if image.mode in DEEP_MODES:
        found.append(_DEEP)
    elif any(";16" in str(tile[3]) for tile in getattr(image, "tile", [])):
        found.append(_DEEP_COLOURS)
    if image.mode in ("1", "L", "LA", "La", *DEEP_MODES):
        found.append(_GREY)
    elif image.mode in ("P", "PA"):
        found.append(_PALETTE)
    elif image.mode not in ("RGB", "RGBA", "RGBX", "RGBa"):
        found.append(_OTHER)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        found.append(_ALPHA)
    if is_turned:
        found.append(_TURNED)
    if getattr(image, "is_animated", False):
        found.append(_PAGES)
    return found


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
