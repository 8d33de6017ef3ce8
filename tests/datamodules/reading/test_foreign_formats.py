import gzip
import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules.data_errors import DataError
from datamodules.reading.foreign_formats import foreign_line
from datamodules.reading.rasters import read_header, read_raster

NIFTI = struct.pack("<i", 348) + bytes(340) + b"n+1\0" + bytes(20)


def arrays() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=np.zeros(3))
    return file.getvalue()


def packed() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.png", b"x")
    return file.getvalue()


FOREIGN: dict[str, tuple[bytes, str]] = {
    "a.dcm": (bytes(128) + b"DICM" + bytes(9), "a DICOM file.*3D Slicer"),
    "old.dcm": (b"\x08\0\x05\0\x0a\0\0\0" + bytes(99), "a DICOM file"),
    "a.nii": (NIFTI, "a NIfTI volume.*3D Slicer"),
    "a.nii.gz": (gzip.compress(NIFTI + bytes(9999)), "a NIfTI volume"),
    "a.nrrd": (b"NRRD0004\n", "a volume"),
    "a.czi": (b"ZISRAWFILE" + bytes(9), r"Zeiss .*\(CZI\).*Fiji"),
    "a.nd2": (b"\xda\xce\xbe\x0a" + bytes(9), r"Nikon .*\(ND2\).*Fiji"),
    "a.lif": (b"p\0\0\0\x10\0\0\0*" + bytes(9), r"Leica .*\(LIF\).*Fiji"),
    "a.oib": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(9), r"Olympus .*\(OIB\).*Fiji"),
    "a.h5": (b"\x89HDF\r\n\x1a\n" + bytes(9), r"an HDF5 file.*Save each picture in it"),
    "a.mat": (b"MATLAB 5.0 MAT-file, Platform: PCWIN64" + bytes(99), "a MATLAB file"),
    "a.npz": (arrays(), r"an archive of arrays \(\.npz\)"),
    "a.zip": (packed(), "a packed archive. Unpack it"),
    "labelme.json": (json.dumps({"version": "5", "shapes": [], "imagePath": "a.jpg"}).encode(), "a labelme file"),
    "coco.json": (json.dumps({"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}).encode(), "a COCO file"),
    "other.json": (b'\xef\xbb\xbf {"a": 1}', "a JSON text.*Export masks"),
    "a.xml": (b"<annotation><object/></annotation>", "an XML text.*Export masks"),
    "a.svg": (b"<?xml version='1.0'?>\n<svg xmlns='x'></svg>", "an SVG drawing.*as PNG"),
    "a.pdf": (b"%PDF-1.4\n", "a PDF or PostScript document.*as PNG"),
    "a.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PDF or PostScript document"),
    "heic.jpg": (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC photograph"),
    "video.png": (b"\0\0\0\x18ftypisom\0\0\0\0", "a video.*ffmpeg"),
    "a.cr3": (b"\0\0\0\x18ftypcrx \0\0\0\0", "a camera's raw file.*darktable"),
    "a.psd": (b"8BPS\0\1" + bytes(30), "a format that is not read here"),
    "page.jpg": (b"\n<!DOCTYPE html><html><body>404</body></html>", "a web page, not an image. Download"),
    "pointer.png": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n", "Git LFS.*git lfs pull"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_what_is_no_image_that_can_be_read_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    content, said = FOREIGN[name]
    (tmp_path / name).write_bytes(content)
    assert foreign_line(str(tmp_path / name)) is not None
    for read in (read_header, read_raster):
        with pytest.raises(DataError, match=rf"(?s){name} is .*{said}") as error:
            read(str(tmp_path / name))
        assert str(error.value) == foreign_line(str(tmp_path / name))


def test_an_image_whatever_its_suffix_and_what_is_not_known_have_no_such_line(tmp_path: Path) -> None:
    Image.new("L", (3, 3)).save(tmp_path / "a.dcm", "PNG")
    (tmp_path / "a.txt").write_text("hello", encoding="utf-8")
    (tmp_path / "empty.json").touch()
    for name in ("a.dcm", "a.txt", "empty.json", "missing.json"):
        assert foreign_line(str(tmp_path / name)) is None
    assert read_header(str(tmp_path / "a.dcm")).size == (3, 3)


def test_a_packed_file_is_looked_into_no_further_than_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(10**7)))
    assert "a packed archive" in str(foreign_line(str(tmp_path / "bomb.gz")))
