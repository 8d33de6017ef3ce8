"""What is drawn: a configuration, a stop, a checkpoint to resume from, and a flag that is changed there."""

import random
from dataclasses import dataclass

from tests.draws.flags import CHANGES, Change

BASE = ["--data.image_size=16", "--batch_size=2", "--data.val_fraction=0.3", "--data.num_workers=0", "--max_epochs=3"]
BASE += ["--model.network.width=4", "--model.network.depth=1", "--model.network.dropout=0.3"]
BASE += ["--model.optimizer.lr=0.02", "--lang=en"]
BASE += ["--trainer.callbacks+=tests.helpers.stopping.StopAsPlanned", "--no_interactive"]

_UNITS = "units"  # what decides where a step or a validation ends
_SCHEDULE = "schedule"
# Of each kind, one is drawn. A kind that the changed flag is of, or does not fit, is left out.
_SETTINGS: dict[str, list[list[str]]] = {
    _UNITS: [[], [], ["--trainer.accumulate_grad_batches=2"], ["--trainer.val_check_interval=0.5"]],
    "clipping": [[], ["--trainer.gradient_clip_val=0.5"]],
    "precision": [[], [], ["--trainer.precision=bf16-mixed"]],
    _SCHEDULE: [
        [],
        [],
        ["--model.lr_scheduler=StepLR", "--model.lr_scheduler.step_size=1"],
        ["--model.lr_scheduler=lightning.pytorch.cli.ReduceLROnPlateau", "--model.lr_scheduler.monitor=val/loss"],
    ],
    "optimizer": [[], ["--model.optimizer=SGD", "--model.optimizer.lr=0.1", "--model.optimizer.momentum=0.9"]],
    "callbacks": [[], [], ["--trainer.callbacks+=EMAWeightAveraging", "--trainer.callbacks.decay=0.5"]],
    "files": [[], ["--save_every_minutes=0.000000001"], ["--checkpoint.monitor=val/loss", "--checkpoint.mode=min"]],
}
_LEFT_OUT = {
    "checkpoint.mode": {"files"},
    "checkpoint.monitor": {"files"},
    "data.batch_size": {_UNITS},
    "trainer.max_epochs": {_SCHEDULE},
    "model.lr_scheduler": {_SCHEDULE},
    "model.lr_scheduler_interval": {_SCHEDULE},
    "trainer.accumulate_grad_batches": {_UNITS},
    "trainer.callbacks": {"callbacks"},
    "trainer.check_val_every_n_epoch": {_SCHEDULE, _UNITS},
    "trainer.gradient_clip_val": {"clipping"},
    "trainer.limit_train_batches": {_UNITS},
    "trainer.max_steps": {_SCHEDULE, _UNITS},
    "trainer.precision": {"precision"},
    "trainer.val_check_interval": {_UNITS},
    "checkpoint.save_every_minutes": {"files"},
}
_PLACES = ("step", "step", "val", "val_end")
_STEPS = range(1, 6)  # in every configuration
_VALIDATED = 4  # optimizer steps, in every configuration


@dataclass(frozen=True)
class Draw:
    """One draw.

    Attributes:
        seed: Gives the same draw again.
        settings: The command line of the run.
        plan: Where a signal stops it.
        keyword: What it is resumed from.
        flag: The flag that is changed there.
        words: How it is typed.
    """

    seed: int
    settings: tuple[str, ...]
    plan: tuple[str, int]
    keyword: str
    flag: str
    words: tuple[str, ...]

    @property
    def change(self) -> Change:
        return CHANGES[self.flag]


def draw(seed: int) -> Draw:
    """Draw from the seed; the flags follow each other, so that as many seeds as flags try each of them."""
    rng = random.Random(seed)
    flags = sorted(CHANGES)
    flag = flags[seed % len(flags)]
    settings = [
        setting
        for kind, choices in _SETTINGS.items()
        if kind not in _LEFT_OUT.get(flag, ())
        for setting in rng.choice(choices)
    ]
    place = rng.choice(_PLACES)
    step = rng.choice(_STEPS) if place == "step" else _VALIDATED
    keyword = rng.choice(("interrupted", "auto", "latest"))
    words = rng.choice(CHANGES[flag].values)
    return Draw(seed, (*BASE, *settings), (place, step), keyword, flag, words)
