"""Text files of the user's own: lists of names, and tables."""

import codecs
from pathlib import Path

from datamodules.data_errors import DataError
from resume.system.output import text

_LARGEST = 2**30  # bytes; ten million rows


def read_table(file: str, flag: str) -> str:
    """Read text in UTF-8, UTF-16 or the Chinese encoding of Windows, as editors and Excel save it.

    Args:
        file: The file.
        flag: The flag that names it, for messages.

    Raises:
        DataError: It is no file, cannot be read, or is too large.
    """
    message = text("--{flag} {file}: cannot be read ({reason}).")
    path = Path(file)
    try:
        status = path.stat()
        if not path.is_file():  # a pipe or a device might never end
            raise DataError(message.format(flag=flag, file=file, reason=text("it is not a file")))
        if status.st_size > _LARGEST:
            raise DataError(message.format(flag=flag, file=file, reason=text("it is larger than 1 GiB")))
        content = path.read_bytes()
    except OSError as error:
        raise DataError(message.format(flag=flag, file=file, reason=error.strerror)) from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030", errors="replace")
