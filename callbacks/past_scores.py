"""What compares the scores of epochs forgets those of other things: early stopping, ReduceLROnPlateau."""

from collections.abc import Collection

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from torch.optim.lr_scheduler import ReduceLROnPlateau
from typing_extensions import override

from callbacks.finding import callbacks_of


class ForgetPastScores(Callback):
    """Lets early stopping and ReduceLROnPlateau begin anew, at a resume after which their metric measures other things.

    The learning rate that a schedule has reached stays.

    Args:
        metrics: The metrics whose past values must not be compared with those to come.
    """

    def __init__(self, metrics: Collection[str]) -> None:
        self.metrics = metrics

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for callback in callbacks_of(trainer, EarlyStopping):
            if callback.monitor in self.metrics:
                callback.best_score = torch.tensor(torch.inf if callback.monitor_op == torch.lt else -torch.inf)
                callback.wait_count = 0
        for config in trainer.lr_scheduler_configs:
            scheduler = config.scheduler
            # Lightning's class has a monitor; torch's class, which has none, waits for val/loss.
            if isinstance(scheduler, ReduceLROnPlateau) and getattr(scheduler, "monitor", "val/loss") in self.metrics:
                scheduler.best = scheduler.mode_worse
                scheduler.num_bad_epochs = 0
