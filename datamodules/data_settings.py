"""The settings of a data module from which the pairs of its run follow."""

from typing import Literal, Protocol

from torch import nn

Reading = Literal["values", "indices", "colours", "nonzero", "threshold", "alpha"]


class DataSettings(Protocol):
    """As `PairedImages` explains them; None: still to be found, where it says so."""

    image_path: str | None
    gt_path: str | None
    image_pattern: str | None
    gt_pattern: str | None
    pairs: str | None
    allow_unpaired: bool
    val_image_path: str | None
    val_gt_path: str | None
    val_fraction: float
    split: list[str] | None
    group: str | None
    fold: str | None
    split_seed: int | None
    channels: int | None
    image_range: list[float] | None
    image_top: int | None
    max_image_memory: float
    exif_gt: Literal["fit", "turn", "keep"]
    gt_reading: Reading | None
    gt_threshold: float | None
    classes: str | None
    num_classes: int | None
    class_values: list[int | str | list[int] | list[str]] | None
    ignore_index: int | None
    ignored_values: list[int | str] | None
    image_size: int | list[int] | None
    batch_size: int
    num_workers: int
    skip_unreadable: int
    augmentation: list[nn.Module] | None
    sample_pairs: int
    seed: int
