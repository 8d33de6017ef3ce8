"""Pairs of an image and its ground truth, found by name; no image is opened here."""

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datamodules.data_errors import DataError, bullet_list
from resume.system.output import plural, text

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp"})


class Pair(NamedTuple):
    """One image and its ground truth, each relative to its own folder, with `/` between the parts."""

    stem: str
    image: str
    gt: str


class PackedNames:
    """Many file names in one block of memory.

    A list of a million names would take seconds to reach each worker process.
    """

    def __init__(self, names: Iterable[str]) -> None:
        encoded = [os.fsencode(name) for name in names]
        self._block = b"".join(encoded)
        self._ends = np.cumsum([len(name) for name in encoded], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> str:
        start = self._ends[index - 1] if index > 0 else 0
        return os.fsdecode(self._block[start : self._ends[index]])


def find_pairs(image_path: str, gt_path: str) -> list[Pair]:
    """Pair each image below `image_path` with the ground truth below `gt_path` that has the same stem.

    The stem is the path inside the folder without the suffix; upper and lower case differ. Each folder is scanned once.

    Returns:
        The pairs, sorted by stem, so that their order does not depend on the file system.

    Raises:
        DataError: A folder is missing, unreadable or without images, a stem occurs twice, or a file has no partner.
    """
    _check_folders(image_path, gt_path)
    images, gts = _files_by_stem(image_path), _files_by_stem(gt_path)
    _check_partners(image_path, images, gt_path, gts)
    return [Pair(stem, images[stem], gts[stem]) for stem in sorted(images)]


def _check_folders(image_path: str, gt_path: str) -> None:
    problems = [
        _folder_problem(role, path)
        for role, path in ((text("the image folder"), image_path), (text("the ground truth folder"), gt_path))
        if not Path(path).is_dir()
    ]
    if problems:
        problems.append(text("Set the folders with --image_path and --gt_path; forward slashes work on every system."))
        raise DataError("\n".join(problems))
    if Path(image_path).samefile(gt_path):
        message = text("Images and ground truth cannot be in the same folder: {path}")
        raise DataError(message.format(path=image_path))


def _folder_problem(role: str, path: str) -> str:
    message = text("{role} does not exist: {path} (absolute path: {absolute})")
    if Path(path).exists():
        message = text("{role} is a file, not a folder: {path} (absolute path: {absolute})")
    return message.format(role=role, path=path, absolute=Path(path).absolute())


def _files_by_stem(folder: str) -> dict[str, str]:
    files: dict[str, str] = {}
    duplicates: list[str] = []
    for name in _walk(folder):
        stem, suffix = os.path.splitext(name)  # noqa: PTH122 (a Path for each file takes ten times as long)
        if suffix.lower() not in SUFFIXES:
            continue
        # macOS may store accents decomposed, other systems composed: the same letters must match.
        stem = unicodedata.normalize("NFC", stem)
        if stem in files:
            duplicates.append(text("{first} and {second}").format(first=files[stem], second=name))
        files[stem] = name
    if duplicates:
        problem = plural(
            "{count} name occurs twice, so the file to use is unclear:",
            "{count} names occur twice, so the files to use are unclear:",
            len(duplicates),
        )
        advice = text("Keep one file of each name.")
        raise DataError(f"{folder}: {problem}\n{bullet_list(sorted(duplicates))}\n{advice}")
    return files


def _walk(folder: str) -> Iterator[str]:
    """Yield all files below the folder; links are followed, hidden files and folders are left out.

    Hidden are, for example, `._a.png` and `.ipynb_checkpoints/`.
    """
    visited = set()
    for current, folders, files in os.walk(folder, onerror=_raise_unreadable, followlinks=True):
        status = os.stat(current)  # noqa: PTH116 (for the reason above)
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


def _check_partners(image_path: str, images: Mapping[str, str], gt_path: str, gts: Mapping[str, str]) -> None:
    empty = [path for path, files in ((image_path, images), (gt_path, gts)) if not files]
    if empty:
        message = text("No images in {folders} (suffixes: {suffixes}; sub-folders included).")
        raise DataError(message.format(folders=", ".join(empty), suffixes=" ".join(sorted(SUFFIXES))))
    single_images = [images[stem] for stem in sorted(images.keys() - gts.keys())]
    single_gts = [gts[stem] for stem in sorted(gts.keys() - images.keys())]
    problems = []
    if single_images:
        problem = plural(
            "{count} image without ground truth:", "{count} images without ground truth:", len(single_images)
        )
        problems.append(f"{image_path}: {problem}\n{bullet_list(single_images)}")
    if single_gts:
        problem = plural(
            "{count} ground truth file without an image:",
            "{count} ground truth files without an image:",
            len(single_gts),
        )
        problems.append(f"{gt_path}: {problem}\n{bullet_list(single_gts)}")
    if problems:
        problems.append(
            plural("{count} pair is complete.", "{count} pairs are complete.", len(images.keys() & gts.keys()))
        )
        problems.append(
            text(
                "An image and its ground truth must have the same name except for the suffix "
                "(a/b.jpg and a/b.png); upper and lower case differ."
            )
        )
        raise DataError("\n".join(problems))
