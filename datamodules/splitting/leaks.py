"""Whether the folders for validation hold what is trained on, also under other names."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from datamodules.data_errors import DataError, bullet_list
from datamodules.loading.sources import FolderPairs
from datamodules.reading.threads import in_threads
from resume.system.output import plural, text

_END = 64 * 2**10  # bytes at the beginning and at the end of a file that are compared before the whole file is
_BLOCK = 2**20


class _File(NamedTuple):
    path: str
    is_for_validation: bool
    status: os.stat_result


_Group = list[_File]


def refuse_nested_folders(image_path: str | None, val_image_path: str | None) -> None:
    """Check that neither folder of images is the other one or inside it: sub-folders are read too.

    Args:
        image_path: The folder for training; None: there is none.
        val_image_path: That for validation; None: there is none.

    Raises:
        DataError: They are not separate.
    """
    if image_path is None or val_image_path is None:
        return
    training, validation = (Path(path).resolve() for path in (image_path, val_image_path))
    if not (training.is_dir() and validation.is_dir()):
        return  # a folder that is missing has a message of its own
    if training.samefile(validation):
        message = text("Training and validation cannot use the same images: {path}")
    elif any(parent.samefile(training) for parent in validation.parents):
        message = text(
            "The folder for validation is inside the folder for training, whose sub-folders are read too, so the "
            "images for validation would be trained on: {val_path} in {path}. Use separate folders; or only "
            "--image_path and --gt_path, with --data.split or --data.val_fraction."
        )
    elif any(parent.samefile(validation) for parent in training.parents):
        message = text(
            "The folder for training is inside the folder for validation, whose sub-folders are read too, so "
            "the images that are trained on would validate: {path} in {val_path}. Use separate folders."
        )
    else:
        return
    raise DataError(message.format(path=image_path, val_path=val_image_path))


def refuse_same_images(training: FolderPairs, validation: FolderPairs) -> None:
    """Check that no image for validation is also trained on: as a link to the same file, or as a copy.

    Files of the same size are compared by their first and last 64 kB, and by all bytes if those are equal.

    Raises:
        DataError: Some images are; the message names them.
    """
    files = [*_files(training, is_for_validation=False), *_files(validation, is_for_validation=True)]
    candidates = _divide([files], [file.status.st_size for file in files])
    for key in (_ends, _content):
        candidates = _divide(candidates, in_threads(key, [*chain.from_iterable(candidates)]))
    same = [
        text("{validation} is {training}").format(validation=file.path, training=trained[0])
        for group in candidates
        if (trained := [file.path for file in group if not file.is_for_validation])
        for file in group
        if file.is_for_validation
    ]
    if same:
        problem = plural(
            "{count} image for validation is also trained on, as a link or a copy:",
            "{count} images for validation are also trained on, as links or copies:",
            len(same),
        )
        advice = text("A score on images that were trained on says nothing. Take them out of one of the folders.")
        raise DataError(f"{problem}\n{bullet_list(sorted(same))}\n{advice}")


def _files(source: FolderPairs, *, is_for_validation: bool) -> Iterator[_File]:
    for index in range(len(source)):
        path = source.image_file(index)
        try:
            yield _File(path, is_for_validation, os.stat(path))  # noqa: PTH116 (a Path takes ten times as long)
        except OSError:  # a broken link, which the check of the files reports
            continue


def _divide(groups: Iterable[_Group], keys: Iterable[Hashable]) -> list[_Group]:
    """Divide groups further, by one key for each file in order, and keep those with files of both sides."""
    key = iter(keys)
    parts: list[_Group] = []
    for group in groups:
        by_key: dict[Hashable, _Group] = defaultdict(list)
        for file in group:
            by_key[next(key)].append(file)
        parts += [part for part in by_key.values() if len({file.is_for_validation for file in part}) == 2]
    return parts


def _ends(file: _File) -> bytes:
    """Hash the beginning and the end of a file; the number of the file, if it cannot be read."""
    digest = hashlib.blake2b()
    try:
        with Path(file.path).open("rb") as opened:
            digest.update(opened.read(_END))
            opened.seek(max(file.status.st_size - _END, 0))
            digest.update(opened.read(_END))
    except OSError:
        return _number(file)
    return digest.digest()


def _content(file: _File) -> bytes:
    digest = hashlib.blake2b()
    try:
        with Path(file.path).open("rb") as opened:
            while block := opened.read(_BLOCK):
                digest.update(block)
    except OSError:
        return _number(file)
    return digest.digest()


def _number(file: _File) -> bytes:
    return repr((file.status.st_dev, file.status.st_ino, file.path)).encode()
