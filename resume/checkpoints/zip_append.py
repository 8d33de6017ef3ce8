"""A further entry for an archive that torch.save has written.

`zipfile` could append it too, but writes the headers of all entries anew, and other fields from version to version.
Here everything that torch has written stays as it is, byte for byte, but for the end of the archive.
"""

import os
import zipfile
import zlib
from typing import BinaryIO

from resume.checkpoints.zip_form import Record, ending, read_directory
from resume.system.errors import UnreadableError


def append_entry(file: BinaryIO, name: str, content: bytes) -> None:
    """Append a stored entry to an archive.

    Args:
        file: Open for reading and writing; what torch.save has written is all of its content.
        name: The whole name of the entry, its folder included.
        content: Of less than 4 GiB.

    Raises:
        OSError: The system refused.
        zipfile.BadZipFile: The archive has another form than torch gives it.
    """
    try:
        start, records = read_directory(file, file.seek(0, os.SEEK_END))
    except UnreadableError as error:
        raise zipfile.BadZipFile(str(error)) from error
    added = Record(name.encode(), start, len(content), zlib.crc32(content))
    file.seek(start)
    file.write(added.header(padding=0) + content + added.descriptor())
    directory = b"".join(record.in_directory() for record in [*records, added])
    directory_start = file.tell()
    file.write(directory + ending(directory_start, directory, len(records) + 1))
    file.truncate()
