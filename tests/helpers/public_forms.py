"""Small sets in the forms of public ones: the same names, folders, modes and values, with drawn shapes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image
from scipy import ndimage

Labels = npt.NDArray[np.int64]
SIZE = 48


class PublicForm(NamedTuple):
    """A set on disk.

    Attributes:
        image_path, gt_path: What a user types.
        targets: The class of each pixel by the image's file name; 255 is not counted.
        num_classes, channels: What the network has to follow.
    """

    image_path: Path
    gt_path: Path
    targets: dict[str, Labels]
    num_classes: int = 2
    channels: int = 3


def blobs(seed: int, count: int = 3, *, size: int = SIZE) -> Labels:
    """Discs that do not touch, numbered from 1 in the order of their places."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.int64)
    cells = int(np.ceil(np.sqrt(count)))
    step = size / cells
    for number in range(count):
        centre = (np.array(divmod(number, cells)) + rng.uniform(0.4, 0.6, 2)) * step
        labels[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < (step * rng.uniform(0.25, 0.38)) ** 2] = number + 1
    return labels


def scene(seed: int, classes: int) -> Labels:
    """Bands and boxes of classes, some of them in several pieces, as streets have them."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.sort(rng.integers(0, classes, 6)), SIZE // 6)[:, None].repeat(SIZE, 1)
    for _ in range(12):
        top, left = rng.integers(0, SIZE - 8, 2)
        labels[top : top + rng.integers(3, 8), left : left + rng.integers(3, 8)] = rng.integers(0, classes)
    return labels


def photograph(labels: npt.NDArray[Any], seed: int, *, grey: bool = False) -> npt.NDArray[np.uint8]:
    """A noisy picture on which the labels can be seen."""
    rng = np.random.default_rng(seed)
    shape = labels.shape if grey else (*labels.shape, 3)
    shade = labels if grey else labels[:, :, None] * np.array([3, 5, 7])
    return (60 + shade * 17 % 150 + rng.integers(0, 40, shape)).astype(np.uint8)


def save(pixels: npt.NDArray[Any], path: Path, palette: list[int] | None = None, **options: Any) -> None:
    """Save as the suffix says; with a palette, the pixels are its indices."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels)
        return
    image = Image.fromarray(pixels)
    if palette is not None:
        image.putpalette(palette)
    image.save(path, **options)


def _mask(labels: Labels, value: int = 255) -> npt.NDArray[np.uint8]:
    return ((labels > 0) * value).astype(np.uint8)


def drive(root: Path) -> PublicForm:
    """TIFF photographs and GIF masks whose names share a number."""
    targets = {}
    for number in (21, 22, 23, 24):
        labels = blobs(number)
        save(photograph(labels, number), root / "images" / f"{number}_training.tif")
        save(_mask(labels), root / "1st_manual" / f"{number}_manual1.gif")
        targets[f"{number}_training.tif"] = (labels > 0).astype(np.int64)
    return PublicForm(root / "images", root / "1st_manual", targets)


def chase(root: Path) -> PublicForm:
    """One folder with the photographs and the 1-bit masks of two observers."""
    targets = {}
    for number in range(1, 4):
        for side in "LR":
            stem, labels = f"Image_{number:02}{side}", blobs(number + ord(side))
            save(photograph(labels, number), root / f"{stem}.jpg")
            for observer, shift in (("1stHO", 0), ("2ndHO", 2)):
                bits = Image.fromarray(_mask(np.roll(labels, shift, 1))).convert("1")
                bits.save(root / f"{stem}_{observer}.png")
            targets[f"{stem}.jpg"] = (labels > 0).astype(np.int64)
    return PublicForm(root, root, targets)


def isic(root: Path) -> PublicForm:
    """JPEG photographs and PNG masks with a tail."""
    targets = {}
    for number in (0, 1, 5, 11, 13):
        stem, labels = f"ISIC_{number:07}", blobs(number, 1)
        save(photograph(labels, number), root / "images" / f"{stem}.jpg")
        save(_mask(labels), root / "masks" / f"{stem}_segmentation.png")
        targets[f"{stem}.jpg"] = (labels > 0).astype(np.int64)
    return PublicForm(root / "images", root / "masks", targets)


def carvana(root: Path) -> PublicForm:
    """JPEG photographs and palette GIFs of 0 and 1."""
    targets = {}
    for number in range(1, 6):
        stem, labels = f"0cdf5b5d0ce1_{number:02}", blobs(number, 1)
        save(photograph(labels, number), root / "train" / f"{stem}.jpg")
        save(_mask(labels, 1), root / "train_masks" / f"{stem}_mask.gif", palette=[0, 0, 0, 255, 255, 255])
        targets[f"{stem}.jpg"] = (labels > 0).astype(np.int64)
    return PublicForm(root / "train", root / "train_masks", targets)


def camvid(root: Path) -> PublicForm:
    """Streets with the indices 0 to 11 under the same names."""
    targets = {}
    for number in range(5):
        name, labels = f"0001TP_{6690 + 30 * number:06}.png", scene(number, 12)
        labels[0, :12] = np.arange(12)
        save(photograph(labels, number), root / "train" / name)
        save(labels.astype(np.uint8), root / "trainannot" / name)
        targets[name] = labels
    return PublicForm(root / "train", root / "trainannot", targets, num_classes=12)


def camvid_colours(root: Path) -> PublicForm:
    """The same streets with classes as colours, and `_L` at the end of their names."""
    colours = np.array([[0, 0, 0], [0, 0, 192], [0, 128, 192], [64, 0, 128], [128, 0, 0], [192, 192, 128]], np.uint8)
    targets = {}
    for number in range(5):
        stem, labels = f"0006R0_f{930 + 30 * number:05}", scene(number, 6)
        labels[0, :6] = np.arange(6)
        save(photograph(labels, number), root / "701_StillsRaw" / f"{stem}.png")
        save(colours[labels], root / "LabeledApproved" / f"{stem}_L.png")
        targets[f"{stem}.png"] = labels  # the codes of the colours rise with the classes
    return PublicForm(root / "701_StillsRaw", root / "LabeledApproved", targets, num_classes=6)


def cityscapes(root: Path) -> PublicForm:
    """Nested folders, four kinds of ground truth for each photograph, and polygons beside them."""
    targets = {}
    for number in range(6):
        city = ("aachen", "bochum")[number % 2]
        stem, labels = f"{city}_{number:06}_000019", scene(number, 20)
        labels[0, :20] = np.arange(20)
        save(photograph(labels, number), root / "leftImg8bit" / "train" / city / f"{stem}_leftImg8bit.png")
        gt = root / "gtFine" / "train" / city
        save((np.eye(20, 3)[labels] * 200).astype(np.uint8), gt / f"{stem}_gtFine_color.png")
        save((labels * 1000).astype(np.uint16), gt / f"{stem}_gtFine_instanceIds.png")
        save(labels.astype(np.uint8), gt / f"{stem}_gtFine_labelIds.png")
        save(np.where(labels > 16, 255, labels).astype(np.uint8), gt / f"{stem}_gtFine_labelTrainIds.png")
        (gt / f"{stem}_gtFine_polygons.json").write_text("{}", encoding="utf-8")
        targets[f"train/{city}/{stem}_leftImg8bit.png"] = labels
    return PublicForm(root / "leftImg8bit", root / "gtFine", targets, num_classes=20)


def voc(root: Path) -> PublicForm:
    """Palette PNGs, few classes in each, with a border of 255."""
    palette = [value for index in range(256) for value in (index * 37 % 256, index * 71 % 256, index * 113 % 256)]
    targets = {}
    for number, present in enumerate(([15], [5, 15], [9, 18], [6, 7, 15])):
        labels = np.zeros((SIZE, SIZE), np.int64)
        for place, value in enumerate(present):
            labels[4:30, 3 + 15 * place : 13 + 15 * place] = 255
            labels[6:28, 5 + 15 * place : 11 + 15 * place] = value
            labels[40:46, 5 + 15 * place : 11 + 15 * place] = value
        name = f"2007_{number:06}"
        save(photograph(labels, number), root / "JPEGImages" / f"{name}.jpg")
        save(labels.astype(np.uint8), root / "SegmentationClass" / f"{name}.png", palette=palette)
        targets[f"{name}.jpg"] = labels
    values = [0, 5, 6, 7, 9, 15, 18]
    for name, labels in targets.items():
        targets[name] = np.where(labels == 255, 255, np.searchsorted(values, labels))
    return PublicForm(root / "JPEGImages", root / "SegmentationClass", targets, num_classes=7)


def voc_objects(root: Path) -> PublicForm:
    """Palette PNGs of numbered objects with a border of 255 around each."""
    palette = [value for index in range(256) for value in (index * 37 % 256, index * 71 % 256, index * 113 % 256)]
    targets = {}
    for number, count in enumerate((4, 1, 2, 5, 3, 4)):
        name, labels = f"2007_{number:06}", blobs(number, count)
        labels[(ndimage.grey_dilation(labels, 3) > 0) & (labels == 0)] = 255
        save(photograph(labels, number), root / "JPEGImages" / f"{name}.jpg")
        save(labels.astype(np.uint8), root / "SegmentationObject" / f"{name}.png", palette=palette)
        targets[f"{name}.jpg"] = np.where(labels == 255, 255, labels > 0)
    return PublicForm(root / "JPEGImages", root / "SegmentationObject", targets)


def flights(root: Path) -> PublicForm:
    """One root: folders of images and of colours in the folder of each flight, whose files are numbered alike."""
    colours = np.array([[0, 0, 0], [0, 128, 0], [128, 0, 0], [128, 64, 128]], np.uint8)
    targets = {}
    for flight in ("seq1", "seq2", "seq3"):
        for number in range(3):
            name, labels = f"{number * 100:06}.png", scene(number + 10 * int(flight[-1]), 4)
            labels[0, :4] = np.arange(4)
            save(photograph(labels, number), root / flight / "Images" / name)
            save(colours[labels], root / flight / "Labels" / name)
            targets[f"{flight}/Images/{name}"] = labels
    return PublicForm(root, root, targets, num_classes=4)


def kvasir(root: Path) -> PublicForm:
    """JPEG masks: white shapes with the noise of the compression."""
    targets = {}
    for number in range(4):
        name, labels = f"cju0qkwl35piu0993l0dewe{number}.jpg", blobs(number, 1)
        save(photograph(labels, number), root / "images" / name)
        save(np.repeat(_mask(labels)[:, :, None], 3, 2), root / "masks" / name, quality=85)
        targets[name] = (np.asarray(Image.open(root / "masks" / name).convert("L")) >= 128).astype(np.int64)
    return PublicForm(root / "images", root / "masks", targets)


def nuclei(root: Path) -> PublicForm:
    """A folder for each image, with one mask for each nucleus."""
    targets = {}
    for number in range(5):
        stem, labels = f"{number:02}ab{number:05}", blobs(number, 3 + number)
        rgba = np.dstack([photograph(labels, number), np.full(labels.shape, 255, np.uint8)])
        save(rgba, root / stem / "images" / f"{stem}.png")
        for nucleus in range(1, labels.max() + 1):
            save(_mask(labels == nucleus), root / stem / "masks" / f"{stem}_{nucleus:x}f.png")
        targets[f"{stem}/images/{stem}.png"] = (labels > 0).astype(np.int64)
    return PublicForm(root, root, targets)


def few_cells(root: Path) -> PublicForm:
    """8-bit maps of up to 12 numbered cells."""
    targets = {}
    for number, count in enumerate((12, 7, 9, 4, 11, 12)):
        name, labels = f"t{number:03}.png", blobs(number, count)
        save(photograph(labels > 0, number, grey=True), root / "raw" / name)
        save(labels.astype(np.uint8), root / "labels" / name)
        targets[name] = (labels > 0).astype(np.int64)
    return PublicForm(root / "raw", root / "labels", targets, channels=1)


def stack(root: Path) -> PublicForm:
    """Two TIFF files of 10 slices each, one of them the ground truth."""
    root.mkdir(parents=True, exist_ok=True)
    labels = np.stack([blobs(number) for number in range(10)])
    pictures = np.stack([photograph(one > 0, number, grey=True) for number, one in enumerate(labels)])
    for folder, name, pages in (("images", "train-volume.tif", pictures), ("gt", "train-labels.tif", _mask(labels))):
        (root / folder).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(root / folder / name, pages, photometric="minisblack")
    targets = {f"train-volume.tif#{page}": (one > 0).astype(np.int64) for page, one in enumerate(labels)}
    return PublicForm(root / "images", root / "gt", targets, channels=1)


def alpha_masks(root: Path) -> PublicForm:
    """Cut-outs: the shape is in the alpha channel of a picture of one colour."""
    targets = {}
    for number in range(4):
        name, labels = f"matte_{number}.png", blobs(number, 1)
        save(photograph(labels, number), root / "photo" / name)
        colour = np.full((*labels.shape, 3), 255, np.uint8)
        save(np.dstack([colour, _mask(labels)]), root / "matte" / name)
        targets[name] = (labels > 0).astype(np.int64)
    return PublicForm(root / "photo", root / "matte", targets)


def labelbox(root: Path) -> PublicForm:
    """RGB masks with three colours on black."""
    colours = np.array([[0, 0, 0], [31, 119, 180], [214, 39, 40], [255, 127, 14]], np.uint8)
    targets = {}
    for number in range(5):
        name, labels = f"frame {number} (1).png", scene(number, 4)
        labels[0, :4] = np.arange(4)
        save(photograph(labels, number), root / "data" / name)
        save(colours[labels], root / "masks" / name)
        targets[name] = labels
    return PublicForm(root / "data", root / "masks", targets, num_classes=4)


FORMS: dict[str, Callable[[Path], PublicForm]] = {
    one.__name__: one
    for one in (
        drive, chase, isic, carvana, camvid, camvid_colours, cityscapes, voc, voc_objects, flights, kvasir, nuclei,
        few_cells, stack, alpha_masks, labelbox,
    )
}  # fmt: skip
