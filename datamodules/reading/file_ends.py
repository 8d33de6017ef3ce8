"""Whether an image file ends as its format ends. A file of which a part is missing does not."""

import os

from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import STRIPBYTECOUNTS, STRIPOFFSETS, TILEBYTECOUNTS, TILEOFFSETS, TiffImageFile

_LAST_BYTES = {
    "PNG": b"\0\0\0\0IEND\xaeB`\x82",
    "JPEG": b"\xff\xd9",
    "MPO": b"\xff\xd9",  # several JPEG pictures, as cameras write them
    "GIF": b";",
    "JPEG2000": b"\xff\xd9",
}


def looks_whole(image: ImageFile) -> bool:
    """Look at the end of a file whose header has been read, without decoding it.

    The answer no is only a suspicion: other bytes may follow a picture, so that only decoding shows whether it is
    damaged. The answer for a format with no rule here is no.

    Args:
        image: As Pillow has opened it.
    """
    if image.format == "WEBP" or image.fp is None:
        return True  # Pillow has already read all of it
    if image.format in _LAST_BYTES:
        expected = _LAST_BYTES[image.format]
        image.fp.seek(-len(expected), os.SEEK_END)
        return image.fp.read() == expected
    needed, size = _needed(image), image.fp.seek(0, os.SEEK_END)
    return needed is not None and needed <= size


def _needed(image: ImageFile) -> int | None:
    """Where the pixels of a file end, in bytes, according to its header; None if that is unknown."""
    if isinstance(image, TiffImageFile):
        tags = image.tag_v2
        for offsets, counts in ((STRIPOFFSETS, STRIPBYTECOUNTS), (TILEOFFSETS, TILEBYTECOUNTS)):
            if offsets in tags and counts in tags:
                return max(map(sum, zip(tags[offsets], tags[counts], strict=True)), default=None)
        return None
    if image.format in ("BMP", "DIB") and image.tile[0].codec_name == "raw" and isinstance(image.tile[0].args, tuple):
        _, bytes_of_a_row, _ = image.tile[0].args
        return int(image.tile[0].offset + bytes_of_a_row * image.height)
    return None
