"""Folders of images: the names of the files below them; no file is opened here."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from datamodules.data_errors import DataError
from datamodules.pairing.packed_names import PackedNames
from datamodules.reading.foreign_formats import foreign_line
from resume.system.output import plural, text

SUFFIXES = frozenset(
    {
        ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".btf", ".tf8", ".lsm", ".stk", ".bmp",
        ".dib", ".gif", ".webp", ".avif", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".pbm", ".pgm", ".ppm",
        ".pnm", ".pfm", ".tga", ".qoi", ".pcx", ".sgi", ".npy",
    }
)  # fmt: skip
_SHOWN = 5  # kinds of other files


def check_folders(image_path: str, gt_path: str) -> None:
    """Check that both folders exist.

    Raises:
        DataError: With every folder that does not.
    """
    problems = [
        _folder_problem(role, path)
        for role, path in ((text("the image folder"), image_path), (text("the ground truth folder"), gt_path))
        if not Path(path).is_dir()
    ]
    if problems:
        problems.append(text("Set the folders with --image_path and --gt_path; forward slashes work on every system."))
        raise DataError("\n".join(problems))


def _folder_problem(role: str, path: str) -> str:
    message = text("{role} does not exist: {path} (absolute path: {absolute})")
    if Path(path).exists():
        message = text("{role} is a file, not a folder: {path} (absolute path: {absolute})")
    return message.format(role=role, path=path, absolute=Path(path).absolute())


def images_below(folder: str, without: str | None = None) -> PackedNames:
    """List the files with the suffix of an image, sorted, each relative to the folder with `/` between the parts.

    Links are followed. Hidden files and folders, such as `._a.png` and `.ipynb_checkpoints/`, are left out.

    Args:
        folder: Where to look.
        without: A folder whose files are left out.

    Raises:
        DataError: A folder cannot be read.
    """
    names = [name for name in _walk(folder, without) if _suffix(name) in SUFFIXES]
    names.sort()  # the order of the file system is not the same everywhere
    return PackedNames(names)


def _suffix(name: str) -> str:
    return name[name.rfind(".") :].lower()


def no_images_problem(folders: Sequence[str]) -> str:
    """Say that folders hold no image, and what they hold instead."""
    lines = [
        text("No images in {folders} (suffixes: {suffixes}; sub-folders included).").format(
            folders=", ".join(folders), suffixes=" ".join(sorted(SUFFIXES))
        )
    ]
    for folder in folders:
        lines += _other_files(folder)
    return "\n".join(lines)


def _other_files(folder: str) -> Iterator[str]:
    """A line for each frequent kind of files in a folder without images."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for name in _walk(folder, None):
        suffix = "".join(Path(name).suffixes[-2:]).lower()  # .nii.gz
        counts[suffix] += 1
        examples.setdefault(suffix, name)
    for suffix, count in counts.most_common(_SHOWN):
        kind, example = suffix or text("without a suffix"), examples[suffix]
        line = text("{folder} holds {files} of the kind {kind}, such as {example}")
        files = plural("{count} file", "{count} files", count)
        yield "  - " + line.format(folder=folder, files=files, kind=kind, example=example)
        if (advice := foreign_line(str(Path(folder, example)))) is not None:
            yield f"    {advice}"


def composed(name: str) -> str:
    """The name with each accent in its letter: macOS may store it apart, and the same names must be equal."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _walk(folder: str, without: str | None) -> Iterator[str]:
    left_out = None if without is None else os.stat(without)  # noqa: PTH116 (a Path for each file takes ten times as long)
    visited = {(left_out.st_dev, left_out.st_ino)} if left_out else set()
    for current, folders, files in os.walk(folder, onerror=_raise_unreadable, followlinks=True):
        status = os.stat(current)  # noqa: PTH116
        if (status.st_dev, status.st_ino) in visited:  # a link to a parent folder would never end
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        relative = os.path.relpath(current, folder).replace(os.sep, "/")
        prefix = "" if relative == "." else f"{relative}/"
        yield from (prefix + name for name in files if not name.startswith("."))


def _raise_unreadable(error: OSError) -> None:
    message = text("The folder cannot be read: {path} ({reason})")
    raise DataError(message.format(path=error.filename, reason=error.strerror)) from error
