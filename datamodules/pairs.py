"""Pairs of an image and its ground truth, found by name; no image is opened here."""

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datamodules.data_errors import DataError, listed

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp"})


class Pair(NamedTuple):
    """One image and its ground truth, each named relative to its own folder, with `/` between the parts."""

    stem: str
    image: str
    gt: str


class Names:
    """Many names in one block of memory: a list of a million takes seconds on its way to each worker process."""

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
    """Pairs the images below `image_path` with the ground truth below `gt_path` that has the same stem.

    The stem is the path inside the folder without its suffix, letter case included. One scan of each folder.

    Returns:
        The pairs, sorted by stem, so that their order does not depend on the file system.

    Raises:
        DataError: A folder is missing or unreadable, a stem occurs twice, a partner is missing, or nothing
            is there.
    """
    _check_folders(image_path, gt_path)
    images, gts = _files_by_stem(image_path), _files_by_stem(gt_path)
    _check_partners(image_path, images, gt_path, gts)
    return [Pair(stem, images[stem], gts[stem]) for stem in sorted(images)]


def _check_folders(image_path: str, gt_path: str) -> None:
    problems = [
        f"{what} {_kind(path)}: {path} (looked for at {Path(path).absolute()})"
        for what, path in (("the image folder", image_path), ("the ground truth folder", gt_path))
        if not Path(path).is_dir()
    ]
    if problems:
        raise DataError(
            "\n".join(problems) + "\nName the folders with --image_path and --gt_path; forward slashes work everywhere."
        )
    if Path(image_path).samefile(gt_path):
        raise DataError(f"images and ground truth cannot be in the same folder: {image_path}")


def _kind(path: str) -> str:
    return "is a file, not a folder" if Path(path).exists() else "does not exist"


def _files_by_stem(folder: str) -> dict[str, str]:
    found: dict[str, str] = {}
    twice: list[str] = []
    for name in _walk(folder):
        stem, suffix = os.path.splitext(name)  # noqa: PTH122 (a Path per file costs ten times as much)
        if suffix.lower() not in SUFFIXES:
            continue
        # macOS may store names decomposed, other systems composed: the same letters must match.
        stem = unicodedata.normalize("NFC", stem)
        if stem in found:
            twice.append(f"{found[stem]} and {name}")
        found[stem] = name
    if twice:
        raise DataError(
            f"{len(twice)} names occur twice in {folder}; it is not clear which file to take:\n"
            f"{listed(sorted(twice))}\nKeep one file of each name."
        )
    return found


def _walk(folder: str) -> Iterator[str]:
    """All files below the folder, links followed, but hidden ones (`._a.png`, `.ipynb_checkpoints/`)."""
    seen = set()
    for place, folders, files in os.walk(folder, onerror=_unreadable, followlinks=True):
        status = os.stat(place)  # noqa: PTH116 (as above)
        if (status.st_dev, status.st_ino) in seen:  # a link to a folder above would never end
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = os.path.relpath(place, folder).replace(os.sep, "/")
        prefix = "" if inside == "." else f"{inside}/"
        yield from (prefix + name for name in files if not name.startswith("."))


def _unreadable(error: OSError) -> None:
    raise DataError(f"the folder cannot be read: {error.filename} ({error.strerror})") from error


def _check_partners(image_path: str, images: Mapping[str, str], gt_path: str, gts: Mapping[str, str]) -> None:
    empty = [path for path, files in ((image_path, images), (gt_path, gts)) if not files]
    if empty:
        raise DataError(
            f"no images in {' and '.join(empty)} (looked for {' '.join(sorted(SUFFIXES))}, sub-folders included)."
        )
    alone = sorted(images.keys() - gts.keys()), sorted(gts.keys() - images.keys())
    sides = (
        ("images without ground truth", image_path, [images[stem] for stem in alone[0]]),
        ("ground truth files without an image", gt_path, [gts[stem] for stem in alone[1]]),
    )
    problems = [f"{len(files)} {what} in {path}:\n{listed(files)}" for what, path, files in sides if files]
    if problems:
        problems.append(
            f"{len(images.keys() & gts.keys())} pairs are complete. An image and its ground truth must have "
            "the same name up to the suffix (a/b.jpg and a/b.png; upper and lower case differ)."
        )
        raise DataError("\n".join(problems))
