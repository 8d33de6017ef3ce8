"""Image files as arrays of their own numbers, each by the reader that fits its content; names do not matter."""

from datamodules.data_errors import FileError
from datamodules.reading.deep_files import J2K_MAGIC, JP2_MAGIC, PNG_MAGIC
from datamodules.reading.foreign_formats import foreign_sentence
from datamodules.reading.netpbm_files import header_of_netpbm, is_netpbm, raster_of_netpbm
from datamodules.reading.npy_files import MAGIC as NPY_MAGIC
from datamodules.reading.npy_files import header_of_npy, raster_of_npy
from datamodules.reading.opened_files import Opened, opened
from datamodules.reading.orientations import turned
from datamodules.reading.pillow_files import header_of_pillow, picture_of_pillow
from datamodules.reading.raster_form import FileHeader, Raster, UnreadableError
from datamodules.reading.tiff_directories import is_tiff
from datamodules.reading.tiff_files import header_of_tiff, raster_of_tiff
from resume.system.output import text

__all__ = ["FileHeader", "Raster", "page_count", "read_header", "read_picture", "read_raster", "turned"]

_TGA_SUFFIXES = (".tga", ".icb", ".vda", ".vst")
_PILLOW = (
    (PNG_MAGIC, ("PNG",)),
    (b"\xff\xd8\xff", ("JPEG",)),
    (b"GIF8", ("GIF",)),
    (b"BM", ("BMP",)),
    (JP2_MAGIC, ("JPEG2000",)),
    (J2K_MAGIC, ("JPEG2000",)),
    (b"qoif", ("QOI",)),
    (b"\x01\xda", ("SGI",)),
    (b"\x0a\x05", ("PCX",)),
    (b"\x0a\x02", ("PCX",)),
    (b"\x0a\x03", ("PCX",)),
)


def read_header(path: str, limit: int | None = None) -> FileHeader:
    """Read the header and the end of an image file; its pixels are not decoded.

    Args:
        path: The file.
        limit: The most memory that a decoded page may take, in bytes; None: `memory_bounds.MAX_IMAGE_MEMORY`.

    Raises:
        DataError: The file is not an image, is one of a format that is not read, or promises too much.
    """
    with opened(path) as file:
        if file.head.startswith(NPY_MAGIC):
            return header_of_npy(file, limit)
        if is_tiff(file.head):
            return header_of_tiff(file, limit)
        if is_netpbm(file.head):
            return header_of_netpbm(file, limit)
        return header_of_pillow(file, _pillow_formats(file), limit)


def page_count(path: str, limit: int | None = None) -> int:
    """The number of pages of an image file, as `read_header` gives it; a plain PNG takes a third of the time.

    Raises:
        DataError: As in `read_header`.
    """
    with opened(path) as file:
        is_png = file.head.startswith(PNG_MAGIC) and file.head[12:16] == b"IHDR"
        if is_png and b"IDAT" in file.head and b"acTL" not in file.head:  # what animates it comes before its pixels
            return 1
        return read_header(path, limit).pages


def read_raster(path: str, page: int = 0, limit: int | None = None) -> Raster:
    """Decode one page of an image file; the orientation is not applied.

    Args:
        path: The file.
        page: The number of the page, from 0.
        limit: As in `read_header`.

    Raises:
        DataError: The file is not an image, is one of a format that is not read, promises too much, is damaged, or has
            no such page.
    """
    with opened(path) as file:
        return _picture(file, page, limit)[1]


def read_picture(path: str, page: int = 0, limit: int | None = None) -> tuple[FileHeader, Raster]:
    """As `read_header` and `read_raster` in one go, which takes less time than the two.

    Raises:
        DataError: As in `read_raster`.
    """
    with opened(path) as file:
        header, raster = _picture(file, page, limit)
        return (read_header(path, limit) if header is None else header), raster


def _picture(file: Opened, page: int, limit: int | None) -> tuple[FileHeader | None, Raster]:
    """A decoded page, and the header if it was read anyway."""
    if page and page >= (pages := read_header(file.path, limit).pages):
        raise UnreadableError(
            text("it has no page {page}; it has {pages}, counted from 0").format(page=page, pages=pages)
        )
    if file.head.startswith(NPY_MAGIC):
        return None, raster_of_npy(file, page, limit)
    if is_tiff(file.head):
        return None, raster_of_tiff(file, page, limit)
    if is_netpbm(file.head):
        return None, raster_of_netpbm(file, page, limit)
    return picture_of_pillow(file, _pillow_formats(file), page, limit)


def _pillow_formats(file: Opened) -> tuple[str, ...]:
    """The format of a file for Pillow.

    Raises:
        DataError: The file is of a known format that is not read here.
        UnreadableError: It is of an unknown one.
    """
    head = file.head
    for beginning, formats in _PILLOW:
        if head.startswith(beginning):
            return formats
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return ("WEBP",)
    if (sentence := foreign_sentence(file)) is not None:
        raise FileError(sentence)
    if head[4:12] in (b"ftypavif", b"ftypavis"):
        return ("AVIF",)
    if file.path.lower().endswith(_TGA_SUFFIXES):  # TGA has no beginning by which it could be known
        return ("TGA",)
    raise UnreadableError(text("it is not an image, or its beginning is damaged"))
