"""The runs that are tortured: tiny, but with everything that can go wrong in a real one."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from datamodules.loading.samples import draw_pair

STEPS_PER_EPOCH = 4
_PAIRS = {"images": 16, "val_images": 6}
_USUAL = ["--no_interactive", "--data.image_size=16", "--batch_size=4", "--model.network.width=2"]
_USUAL += ["--model.network.depth=1", "--model.network.dropout=0.3", "--model.optimizer.lr=0.02"]
_USUAL += ["--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"]
_USUAL += ["--trainer.callbacks+=tests.torture.moments.Steps"]
EVERY_STEP = "--save_every_minutes=0.000000001"
# One of each is drawn.
_DRAWN = [
    ["--max_epochs=3", "--max_epochs=4"],
    ["--data.num_workers=0", "--data.num_workers=1", "--data.num_workers=2"],
    ["", EVERY_STEP],
    ["", "", "--trainer.val_check_interval=0.5"],
    ["", "--checkpoint.keep_last=1", "--checkpoint.keep_last=2"],
    ["", "", "--checkpoint.every_n_epochs=2"],
    ["", "--checkpoint.monitor=val/loss --checkpoint.mode=min"],
]


@dataclass(frozen=True)
class Configuration:
    """A configuration of a run.

    Attributes:
        flags: All but the checkpoint folder.
        interval: So many steps lie between two saves.
        lost_at_most: So many steps a kill may cost.
    """

    flags: tuple[str, ...]

    @property
    def interval(self) -> int:
        return 1 if EVERY_STEP in self.flags else STEPS_PER_EPOCH

    @property
    def lost_at_most(self) -> int:
        # A step that a validation follows is saved with the step after it.
        return 2 if EVERY_STEP in self.flags else STEPS_PER_EPOCH

    def __str__(self) -> str:
        own = [
            flag for flag in self.flags if flag not in _USUAL and not flag.startswith(("--image", "--gt", "--data.val"))
        ]
        return " ".join(own)


def draw_configuration(rng: random.Random, data: Path) -> Configuration:
    """Draw one."""
    drawn = [flag for choices in _DRAWN for flag in rng.choice(choices).split()]
    folders = [f"--image_path={data / 'images'}", f"--gt_path={data / 'gt'}"]
    folders += [f"--data.val_image_path={data / 'val_images'}", f"--data.val_gt_path={data / 'val_gt'}"]
    return Configuration((*folders, *_USUAL, *drawn))


def draw_images(data: Path) -> int:
    """Write the images and their ground truth into a folder; returns how many pairs."""
    for name, count in _PAIRS.items():
        images, gt = data / name, data / name.replace("images", "gt")
        images.mkdir(parents=True)
        gt.mkdir()
        for number in range(count):
            image, labels = draw_pair(len(name), number)
            Image.fromarray(image).save(images / f"{number}.png")
            Image.fromarray(labels * np.uint8(255)).save(gt / f"{number}.png")
    return sum(_PAIRS.values())
