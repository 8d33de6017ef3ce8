"""Runs whose configuration somebody else has written, and runs of this user's own."""

import copy
from pathlib import Path
from typing import Any

import yaml

from resume.checkpoints.signature import signed
from tests.helpers import checkpoint_folders

# A configuration in which every class and every value is in the table.
SETTINGS: dict[str, Any] = {
    "seed_everything": 0,
    "lang": "en",
    "checkpoint_dir": "checkpoints",
    "train_minutes": None,
    "data": {
        "class_path": "datamodules.PairedImages",
        "init_args": {
            "image_path": "Data/images",
            "gt_path": "Data/gt",
            "image_pattern": "{stem}_img.*",
            "gt_pattern": "{numbers}_*.png",
            "pairs": "pairs.csv",
            "allow_unpaired": False,
            "split": ["train.txt", "val.txt"],
            "group": "(p[0-9]+)_.*",
            "fold": "1/5",
            "channels": 3,
            "image_range": [0.0, 4095.0],
            "image_top": 255,
            "max_image_memory": 512.0,
            "exif_gt": "keep",
            "gt_reading": "values",
            "gt_threshold": None,
            "classes": None,
            "class_names": ["ground", "cell (老的)"],
            "num_classes": 2,
            "class_values": [0, [128, 255]],
            "ignored_values": [7],
            "ignore_index": 7,
            "skip_unreadable": 1,
            "image_size": [16, 16],
            "batch_size": 4,
            "num_workers": 0,
            "augmentation": [
                {
                    "class_path": "torchvision.transforms.v2.RandomApply",
                    "init_args": {
                        "transforms": [
                            {
                                "class_path": "torchvision.transforms.v2.RandomRotation",
                                "init_args": {"degrees": [-10.0, 10.0], "interpolation": "NEAREST", "fill": 0},
                            }
                        ],
                        "p": 0.5,
                    },
                }
            ],
        },
    },
    "model": {
        "class_path": "lit_modules.Segmentation",
        "init_args": {
            "network": {"class_path": "lit_modules.networks.UNet", "init_args": {"width": 2, "depth": 1}},
            "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 0.001, "betas": [0.9, 0.999]}},
            "lr_scheduler": {"class_path": "torch.optim.lr_scheduler.StepLR", "init_args": {"step_size": 3}},
            "lr_scheduler_interval": "epoch",
            "dice_weight": 1.0,
            "compile_network": False,
        },
    },
    "checkpoint": {"monitor": "val/iou", "mode": "max", "every_n_epochs": 1, "keep_last": 10},
    "trainer": {
        "accelerator": "cpu",
        "strategy": "auto",
        "devices": 1,
        "precision": "32-true",
        "logger": {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": None, "name": "a"}},
        "callbacks": [
            {
                "class_path": "lightning.pytorch.callbacks.EarlyStopping",
                "init_args": {"monitor": "val/loss", "patience": 3},
            }
        ],
        "profiler": {"class_path": "lightning.pytorch.profilers.SimpleProfiler", "init_args": {"filename": None}},
        "plugins": None,
        "max_epochs": 3,
        "max_time": "00:12:00:00",
        "default_root_dir": None,
    },
}


def settings_with(changes: dict[str, Any]) -> dict[str, Any]:
    """The configuration with other values: `{"model/network": ...}`, as keys are typed, with a slash for each dot."""
    settings = copy.deepcopy(SETTINGS)
    for key, value in changes.items():
        *outer, last = key.split("/")
        inner = settings
        for name in outer:
            inner = inner[name]
            inner = inner.get("init_args", inner)
        inner[last] = value
    return settings


def save_run(folder: Path, settings: Any, *, trusted: list[str] | None = None) -> Path:
    """A folder of two checkpoints, with this configuration in each of them.

    Args:
        folder: Where to write.
        settings: The configuration.
        trusted: The names that its user has typed; such a run is signed with the present key. None: not signed.
    """
    text = yaml.safe_dump(settings, sort_keys=False)
    entry = checkpoint_folders.entry(1, config=text, trusted=trusted or [], signature="")
    signature = "" if trusted is None else signed(entry).signature
    for name, epoch in (("checkpoint_epoch_1.pth", 1), ("latest_checkpoint.pth", 2)):
        checkpoint_folders.save(folder / name, epoch, config=text, trusted=trusted or [], signature=signature)
    return folder
