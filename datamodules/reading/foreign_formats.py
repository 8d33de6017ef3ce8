"""Files that are no images, or images in formats that this program does not read: what they are, by content.

Each has a sentence that says how to make images from it.
"""

import os
import re
import zlib
from typing import NamedTuple

from PIL import features

from datamodules.data_errors import DataError
from datamodules.reading.opened_files import Opened, opened
from resume.system.output import catalogued, one_line, text, translated

_TEXT = 2**16  # bytes of a text that are looked at


class _Kind(NamedTuple):
    name: str
    advice: str


_SLICES = catalogued(
    "Export each slice, and each slice of its segmentation, as PNG or 16-bit TIFF, for example with 3D Slicer."
)
_FIJI = catalogued("Open it in Fiji (Bio-Formats) and save it as TIFF.")
_ARRAYS = catalogued("Save each picture in it as PNG, 16-bit TIFF or .npy.")
_CONVERT = catalogued("Save it as PNG or TIFF with an image editor.")
_DRAWN = catalogued("Export masks as PNG from the program in which the shapes were drawn, one for each image.")
_EXPORT = catalogued("Export its pictures as PNG.")
_AGAIN = catalogued("Download the file again; this one is not the picture.")

DICOM = _Kind(catalogued("a DICOM file"), _SLICES)
NIFTI = _Kind(catalogued("a NIfTI volume"), _SLICES)
VOLUME = _Kind(catalogued("a volume (NRRD or MetaImage)"), _SLICES)
CZI = _Kind(catalogued("a Zeiss microscope file (CZI)"), _FIJI)
ND2 = _Kind(catalogued("a Nikon microscope file (ND2)"), _FIJI)
LIF = _Kind(catalogued("a Leica microscope file (LIF)"), _FIJI)
OIB = _Kind(catalogued("an Olympus microscope file (OIB) or an old Office document"), _FIJI)
HDF5 = _Kind(catalogued("an HDF5 file"), _ARRAYS)
MATLAB = _Kind(catalogued("a MATLAB file"), _ARRAYS)
NPZ = _Kind(catalogued("an archive of arrays (.npz)"), _ARRAYS)
ZIP = _Kind(catalogued("a packed archive"), catalogued("Unpack it."))
LABELME = _Kind(
    catalogued("a labelme file of drawn shapes"),
    catalogued("labelme_json_to_dataset, which comes with labelme, makes a PNG mask from it."),
)
COCO = _Kind(
    catalogued("a COCO file of annotations"),
    catalogued(
        "Export masks as PNG, one for each image, from the annotation program (CVAT, Label Studio and Roboflow can)."
    ),
)
JSON = _Kind(catalogued("a JSON text"), _DRAWN)
XML = _Kind(catalogued("an XML text"), _DRAWN)
SVG = _Kind(catalogued("an SVG drawing"), _EXPORT)
PDF = _Kind(catalogued("a PDF or PostScript document"), _EXPORT)
HEIC = _Kind(catalogued("a HEIC photograph"), _CONVERT)
AVIF = _Kind(catalogued("an AVIF picture"), _CONVERT)
RAW = _Kind(
    catalogued("a camera's raw file"),
    catalogued("Develop it to 16-bit TIFF, for example with darktable or RawTherapee."),
)
OTHER = _Kind(catalogued("a picture in a format that is not read here (PSD, EXR, JPEG XL, DDS or ICO)"), _CONVERT)
VIDEO = _Kind(catalogued("a video"), catalogued("Save its frames as PNG: ffmpeg -i video.mp4 frames/%06d.png"))
HTML = _Kind(catalogued("a web page, not an image"), _AGAIN)
LFS = _Kind(catalogued("only the address of a file in Git LFS"), catalogued("Fetch the files themselves: git lfs pull"))

_BEGINNINGS: tuple[tuple[bytes, _Kind], ...] = (
    (b"version https://git-lfs", LFS),
    (b"ZISRAWFILE", CZI),
    (b"\xda\xce\xbe\x0a", ND2),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OIB),
    (b"MATLAB ", MATLAB),
    (b"\x89HDF\r\n\x1a\n", HDF5),
    (b"NRRD000", VOLUME),
    (b"ObjectType", VOLUME),
    (b"%PDF-", PDF),
    (b"%!PS", PDF),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIU\0", RAW),
    (b"IIRO", RAW),
    (b"IIRS", RAW),
    (b"MMOR", RAW),
    (b"8BPS", OTHER),
    (b"v/1\x01", OTHER),
    (b"\xff\x0a", OTHER),
    (b"\0\0\0\x0cJXL ", OTHER),
    (b"DDS ", OTHER),
    (b"\0\0\x01\0", OTHER),
    (b"\x1aE\xdf\xa3", VIDEO),
    (b"\0\0\x01\xba", VIDEO),
    (b"7z\xbc\xaf\x27\x1c", ZIP),
    (b"Rar!", ZIP),
)
_IMAGES = (b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM", b"RIFF")
# Old DICOM files begin with any data, and most raw files as TIFF.
_BY_SUFFIX = {".dcm": DICOM, **dict.fromkeys((".dng", ".cr2", ".nef", ".nrw", ".arw", ".sr2", ".pef"), RAW)}
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def foreign_line(path: str) -> str | None:
    """Say what a file is that is no image of a format which is read here, and how to make images from it.

    Returns:
        Two sentences with the name of the file; None for an image, and for what is not recognised or not readable.
    """
    try:
        with opened(path) as file:
            return foreign_sentence(file)
    except DataError:
        return None


def foreign_sentence(file: Opened) -> str | None:
    """As `foreign_line`, for a file that is open."""
    kind = _kind_of(file)
    if kind is None and not file.head.startswith(_IMAGES):
        kind = _BY_SUFFIX.get(os.path.splitext(file.path)[1].lower())  # noqa: PTH122
    return None if kind is None else _sentence(file, kind)


def raw_sentence(file: Opened) -> str:
    """The sentence about a camera's raw file, which is a TIFF file of another kind."""
    return _sentence(file, RAW)


def _sentence(file: Opened, kind: _Kind) -> str:
    message = text("{path} is {kind}. {advice}")
    return message.format(path=one_line(file.path), kind=translated(kind.name), advice=translated(kind.advice))


def _kind_of(file: Opened) -> _Kind | None:
    head = file.head
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head[128:132] == b"DICM":
        return DICOM
    if head.startswith(b"\x1f\x8b"):
        return _packed(head)
    if _is_nifti(head):
        return NIFTI
    if head[4:8] == b"ftyp":
        return _boxes(head)
    if head.startswith(b"p\0\0\0") and head[8:9] == b"*":
        return LIF
    if head.startswith(b"PK\x03\x04"):
        return NPZ if re.match(rb"[^\0/]{1,200}\.npy", head[30:]) else ZIP
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return VIDEO
    return _text(file)


def _is_nifti(head: bytes) -> bool:
    return head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] in (b"n+2\0", b"ni2\0")


def _packed(head: bytes) -> _Kind:
    """What is in a gzip file: a volume, or anything."""
    try:
        beginning = zlib.decompressobj(wbits=31).decompress(head, 1024)
    except zlib.error:
        beginning = b""
    return NIFTI if _is_nifti(beginning) else ZIP


def _boxes(head: bytes) -> _Kind | None:
    brand = head[8:12]
    if brand in (b"avif", b"avis"):
        return None if features.check("avif") else AVIF
    if brand == b"crx ":
        return RAW
    return HEIC if brand in _HEIF else VIDEO


def _text(file: Opened) -> _Kind | None:
    """What a text is; None for an unknown one, and for other data."""
    start = file.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] not in b"{[<" or not start:
        return None
    file.file.seek(0)
    content = file.file.read(_TEXT)
    if start[:1] == b"<":
        lower = content.lower()
        if b"<svg" in lower:
            return SVG
        return HTML if b"<html" in lower or b"<!doctype html" in lower else XML
    if b'"shapes"' in content:
        return LABELME
    is_coco = all(key in content for key in (b'"images"', b'"file_name"')) or b'"segmentation"' in content
    return COCO if is_coco else JSON
