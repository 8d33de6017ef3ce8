"""Sources of pairs: two folders of files, or the built-in sample set."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from datamodules.data_errors import DataError
from datamodules.gt.codes import codes
from datamodules.loading.samples import draw_pair
from datamodules.pairing.packed_names import Pairs
from datamodules.pairing.unions import union
from datamodules.reading.image_files import ImageForm, image_tensor
from datamodules.reading.orientations import Pose, turn_of_gt, turned
from datamodules.reading.pillow_files import without_pillow_warnings
from datamodules.reading.raster_form import FileHeader, Raster
from datamodules.reading.rasters import read_picture, read_raster
from resume.system.output import one_line, text


class ReadSettings(NamedTuple):
    """How files become numbers.

    Attributes:
        form: Of the images.
        gt_reading: How a pixel of the ground truth becomes a number, one of `gt_codes.READINGS`.
        gt_threshold: For the reading `threshold`.
        exif_gt: What happens to ground truth without an orientation whose image has one. It is turned if its size says
            so; where it fits both ways, `fit`: an error; `turn`: it is turned; `keep`: it is not.
        most_bytes: Memory that an image may take, in a format that can be read only as a whole.
    """

    form: ImageForm = ImageForm()
    gt_reading: str = "values"
    gt_threshold: float | None = None
    exif_gt: str = "fit"
    most_bytes: int | None = None


_DEFAULTS = ReadSettings()


class RawPair(NamedTuple):
    """One pair as it was read.

    Attributes:
        image: float32 (C, H, W) in [0, 1].
        labels: The codes of the ground truth, integers (H, W).
        gt_name: The name of the ground truth, for error messages.
    """

    image: Tensor
    labels: npt.NDArray[np.integer]
    gt_name: str


class PairSource(Protocol):
    def __len__(self) -> int: ...

    def load(self, index: int) -> RawPair: ...

    def describe(self) -> str:
        """Return where the pairs come from."""


class FolderPairs:
    """Pairs of files in two folders.

    Args:
        image_path: The folder of the images.
        gt_path: The folder of the ground truth.
        pairs: The pairs.
        how: How they are read.
    """

    def __init__(self, image_path: str, gt_path: str, pairs: Pairs, how: ReadSettings = _DEFAULTS) -> None:
        self.image_path = image_path
        self.gt_path = gt_path
        self.pairs = pairs
        self.how = how
        self._images, self._gts = (os.path.join(Path(path), "") for path in (image_path, gt_path))  # noqa: PTH118

    def __len__(self) -> int:
        return len(self.pairs)

    def of(self, pairs: Pairs) -> "FolderPairs":
        """Other pairs of the same folders."""
        return FolderPairs(self.image_path, self.gt_path, pairs, self.how)

    def describe(self) -> str:
        return text("from {image_path} and {gt_path}").format(image_path=self.image_path, gt_path=self.gt_path)

    def read_by(self, how: ReadSettings) -> "FolderPairs":
        """The same pairs, read in another way."""
        return FolderPairs(self.image_path, self.gt_path, self.pairs, how)

    def image_file(self, index: int) -> str:
        return _joined(self._images, self.pairs.images[index])

    def gt_file(self, index: int) -> str:
        """The file of the ground truth, or the first of several."""
        return self.gt_files(index)[0]

    def gt_files(self, index: int) -> list[str]:
        """All files of the ground truth: one as a rule, or several that are one union."""
        return [_joined(self._gts, name) for name in self.pairs.gts[index]]

    def page(self, index: int) -> int:
        """The page of a file of several, from 0."""
        return 0 if self.pairs.pages is None else int(self.pairs.pages[index])

    def name(self, index: int) -> str:
        """What a pair is called: the name of its image below its folder, and the page."""
        return _with_page(self.pairs.images[index], self.page(index))

    def names(self) -> Iterator[str]:
        """The name of each pair."""
        if self.pairs.pages is None:
            return iter(self.pairs.images)
        return map(_with_page, self.pairs.images, self.pairs.pages.tolist())

    def key(self, index: int) -> tuple[str, int]:
        """File and page of the image."""
        return self.image_file(index), self.page(index)

    def gt_raster(self, index: int) -> Raster:
        """Read the ground truth as its file holds it, or the union of several files.

        Raises:
            DataError: A file cannot be read, or several do not fit each other.
        """
        files, page = self.gt_files(index), self.page(index)
        return union(files, [read_raster(file, page, self.how.most_bytes) for file in files])

    def gt_picture(self, index: int) -> tuple[FileHeader, Raster]:
        """As `gt_raster`, with the header of the first file."""
        files, page = self.gt_files(index), self.page(index)
        found = [read_picture(file, page, self.how.most_bytes) for file in files]
        return found[0][0], union(files, [raster for _, raster in found])

    def image_picture(self, index: int) -> tuple[FileHeader, Raster]:
        """Read the image as its file holds it, and its header.

        Raises:
            DataError: The file cannot be read.
        """
        return read_picture(self.image_file(index), self.page(index), self.how.most_bytes)

    def image(self, index: int) -> Tensor:
        """Read the image of a pair: float32 (C, H, W) in [0, 1], upright.

        Raises:
            DataError: The file cannot be read, or does not have the form of the others.
        """
        file = self.image_file(index)
        return image_tensor(read_raster(file, self.page(index), self.how.most_bytes), self.how.form, file)

    def load(self, index: int) -> RawPair:
        """Read one pair.

        Raises:
            DataError: A file cannot be read, or the image and its ground truth differ in size.
        """
        raster, labels = self.on_each_other(index)
        image = image_tensor(raster, self.how.form, self.image_file(index))
        if image.shape[1:] != labels.shape:
            raise DataError(self.size_problem(index, tuple(image.shape[1:]), labels.shape))
        return RawPair(image, labels, self.gt_file(index))

    def on_each_other(self, index: int) -> tuple[Raster, npt.NDArray[np.integer]]:
        """The image as its file holds it, and the codes of its ground truth as they lie on the upright image.

        Raises:
            DataError: A file cannot be read, or nothing says whether the ground truth is turned.
        """
        with without_pillow_warnings():
            raster = read_raster(self.image_file(index), self.page(index), self.how.most_bytes)
            gt = self.gt_raster(index)
        try:
            labels = codes(gt, self.how.gt_reading, self.how.gt_threshold)
        except ValueError as error:
            message = text("{path} cannot be used: {reason}")
            raise DataError(message.format(path=one_line(self.gt_file(index)), reason=error)) from error
        turn = turn_of_gt(_pose(raster), _pose(gt))
        if turn.is_ambiguous and self.how.exif_gt == "fit":
            raise DataError(f"{self.ambiguous_problem(index)}\n{exif_advice()}")
        if not (turn.is_ambiguous and self.how.exif_gt == "keep"):
            labels = turned(labels, turn.orientation)
        return raster, labels

    def size_problem(self, index: int, image: tuple[int, ...], gt: tuple[int, ...], cause: str | None = None) -> str:
        """Return one line about a pair whose sizes (height, width) differ, with the cause where it is known."""
        said = text("{image} is {image_size} pixels, {gt} is {gt_size}").format(
            image=one_line(self.image_file(index)),
            image_size=f"{image[1]} × {image[0]}",
            gt=one_line(self.gt_file(index)),
            gt_size=f"{gt[1]} × {gt[0]}",
        )
        return said if cause is None else f"{said} ({cause})"

    def ambiguous_problem(self, index: int) -> str:
        """Return one line about a ground truth that may or may not have to be turned with its image."""
        return text("{gt} has no EXIF orientation, and fits {image} with and without that of the image").format(
            gt=one_line(self.gt_file(index)), image=one_line(self.image_file(index))
        )


def _joined(folder: str, name: str) -> str:
    """The path of a file in a folder that ends with its separator; each name is looked up often, and a Path is slow."""
    return folder + (name if os.sep == "/" else name.replace("/", os.sep))


def _with_page(name: str, page: int) -> str:
    return f"{name} [{page}]" if page else name


def exif_advice() -> str:
    """How to decide whether ground truth is turned with its image."""
    return text(
        "Was the ground truth drawn on the image as the camera stored it? Then --data.exif_gt turn. On the upright "
        "image? Then --data.exif_gt keep."
    )


def _pose(raster: Raster) -> Pose:
    height, width = raster.pixels.shape[:2]
    return Pose((height, width), raster.orientation)


class SamplePairs:
    """Pairs that the program draws itself and keeps in memory (16 kB each).

    Args:
        seed: The seed of the drawings.
        indices: The numbers of the drawings of this seed.
    """

    def __init__(self, seed: int, indices: Sequence[int]) -> None:
        self._seed = seed
        self._indices = indices
        self._drawn = [draw_pair(seed, index) for index in indices]

    def __len__(self) -> int:
        return len(self._drawn)

    def describe(self) -> str:
        return text("from the built-in sample set (drawn, seed {seed})").format(seed=self._seed)

    def name(self, index: int) -> str:
        """What a drawing is called."""
        return text("sample {number}").format(number=self._indices[index])

    def load(self, index: int) -> RawPair:
        image, gt = self._drawn[index]
        pixels = torch.from_numpy(image).permute(2, 0, 1).to(torch.float32).div_(255)
        return RawPair(pixels, gt, self.name(index))

    def on_each_other(self, index: int) -> tuple[Raster, npt.NDArray[np.integer]]:
        """Image and ground truth as they were drawn."""
        image, gt = self._drawn[index]
        return Raster(image), gt
