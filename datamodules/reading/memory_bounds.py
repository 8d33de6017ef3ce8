"""Whether a file can hold what its header promises, and whether that fits into the memory."""

from datamodules.reading.raster_form import UnreadableError
from resume.system.output import size_text, text

MAX_IMAGE_MEMORY = 4 * 2**30
_HARMLESS = 2**24  # bytes; below, a false promise costs nothing, and the decoder says more precisely what is missing

# The most bytes of pixels for a byte of a file.
_DEFLATE = 1032.0
_LZW = 2731.0  # codes of 12 bits for runs of up to 4,096 pixels
_JPEG = 3 * 1024.0  # a block of 64 pixels takes a bit at least; two for colours that are stored at half the size
_RUNS = 128.0
# By format and by compression. For the others, a few bytes can hold any number of equal pixels.
OF_FORMATS = {
    "PNG": _DEFLATE, "JPEG": _JPEG, "MPO": _JPEG, "GIF": _LZW, "TGA": _RUNS, "PCX": _RUNS, "SGI": _RUNS,
    "QOI": 256.0,
}  # fmt: skip
OF_TIFF = {1: 1.0, 5: _LZW, 7: _JPEG, 8: _DEFLATE, 32773: _RUNS, 32946: _DEFLATE}
RAW = 1.0


def check_memory(needed: int, packed: int, file_size: int, ratio: float | None, limit: int | None) -> None:
    """Check a header before anything is decoded.

    Args:
        needed: Memory of the decoded page, in bytes.
        packed: The same with as few bits a sample as the format has, before it is compressed.
        file_size: Bytes of the file.
        ratio: The most that a byte of this codec can hold.
        limit: The most memory that a page may take; None: 4 GiB.

    Raises:
        UnreadableError: The page needs more than one of both.
    """
    if ratio is not None and packed > max(_HARMLESS, ratio * file_size):
        raise UnreadableError(
            text("its header promises {needed} of pixels, more than a file of {size} can hold").format(
                needed=size_text(packed), size=size_text(file_size)
            )
        )
    allowed = MAX_IMAGE_MEMORY if limit is None else limit
    if needed > allowed:
        raise UnreadableError(
            text(
                "it needs {needed} of memory, and {allowed} are allowed; --data.max_image_memory sets another limit"
            ).format(needed=size_text(needed), allowed=size_text(allowed))
        )


def check_pages(pages: int, file_size: int) -> None:
    """Check that a file does not promise more pages than it has bytes.

    Raises:
        UnreadableError: It does.
    """
    if pages > file_size:
        raise UnreadableError(text("its header promises {count} pages").format(count=pages))


def check_size(height: int, width: int) -> None:
    """Check that a picture has pixels.

    Raises:
        UnreadableError: It has none.
    """
    if height <= 0 or width <= 0:
        raise UnreadableError(text("its size is {width} × {height} pixels").format(width=width, height=height))
