"""Segmentation with any network."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities.types import LRSchedulerConfigType, LRSchedulerTypeUnion, OptimizerLRScheduler
from torch import Tensor, distributed, nn
from torch.nn.parameter import is_lazy
from torch.optim import AdamW
from torch.optim.lr_scheduler import ReduceLROnPlateau
from typing_extensions import override

from lit_modules.losses import image_losses
from lit_modules.metrics import MeanLoss, OverlapMetrics
from lit_modules.schedules import warmup_cosine

Batch = tuple[Tensor, Tensor]


class NetworkError(Exception):
    """A network that does not fit the task, or settings that do not fit each other."""


class Segmentation(LightningModule):
    """Gives each pixel of an image one of ``num_classes`` classes, by any network.

    A batch is ``(image, target)``: image ``(B, 3, H, W)`` floating point; target ``(B, H, W)`` int64, class
    ids from 0 to num_classes - 1 or ``ignore_index``. Logged are ``train/loss`` and ``val/loss`` (means over
    images), ``val/iou`` and ``val/dice`` (over all pixels of the validation) and ``val/iou_per_image``.

    Args:
        network: Takes the images and returns logits (B, C, H, W). C is num_classes; or 1 where num_classes
            is 2, and then the logits are those of the foreground.
        num_classes: Number of classes, background included.
        ignore_index: Pixels whose target is this value count nowhere.
        optimizer: Makes the optimizer from the parameters.
        lr_scheduler: Makes the schedule from the optimizer. By default the learning rate rises for a short
            while and then falls along a cosine to the end of the run.
        lr_scheduler_interval: Whether ``lr_scheduler`` counts epochs or steps.
        dice_weight: Weight of the Dice loss beside the cross entropy.
        compile_network: Whether torch.compile makes the network faster, for minutes of work at each start.

    Raises:
        NetworkError: The settings do not fit each other.
    """

    # What a best model can be chosen by, and which way is better.
    SCORES: ClassVar = {"val/loss": "min", "val/iou": "max", "val/dice": "max", "val/iou_per_image": "max"}

    def __init__(
        self,
        network: nn.Module,
        num_classes: int,
        ignore_index: int | None = None,
        optimizer: OptimizerCallable = lambda params: AdamW(params, lr=1e-3),
        lr_scheduler: LRSchedulerCallable | None = None,
        lr_scheduler_interval: Literal["epoch", "step"] = "epoch",
        dice_weight: float = 1.0,
        compile_network: bool = False,
    ) -> None:
        super().__init__()
        problems = []
        if num_classes < 2:
            problems.append(f"num_classes is {num_classes}, expected 2 or more (the background is a class)")
        if ignore_index is not None and 0 <= ignore_index < num_classes:
            problems.append(f"ignore_index is {ignore_index}, which is a class (0 to {num_classes - 1})")
        if dice_weight < 0:
            problems.append(f"dice_weight is {dice_weight}, expected 0 or more")
        if problems:
            raise NetworkError(f"{'; '.join(problems)}.")

        self.network = network
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler
        self.lr_scheduler_interval = lr_scheduler_interval
        self.dice_weight = dice_weight
        self.compile_network = compile_network
        self.train_loss = MeanLoss(sync_on_compute=False)  # it is summed over the processes in each step
        self.val_loss = MeanLoss()
        self.val_overlap = OverlapMetrics(num_classes, ignore_index)
        self._sums = torch.zeros(2)
        self._summing: distributed.Work | None = None
        self._loaded_train_loss: dict[str, Any] | None = None
        self._figures: dict[str, float] = {}  # of the epoch's latest validation; none yet: empty

    def check(self, image: Tensor) -> None:
        """Run the network once and see that its output fits; weights, buffers and modes stay as they are.

        Args:
            image: ``(1, 3, H, W)``, on the module's device.

        Raises:
            NetworkError: The network does not take the image, or its output has the wrong form.
        """
        with _untouched(self.network), torch.no_grad():
            self.network.eval()
            try:
                self(image)
            except (RuntimeError, ValueError, TypeError) as error:
                name, shape = type(self.network).__name__, tuple(image.shape)
                raise NetworkError(f"{name} does not take an image of shape {shape}: {error}") from error

    def check_optimizer(self) -> None:
        """Make the optimizer and the schedule once, on copies, and see that they take their settings.

        Raises:
            ValueError, TypeError: They do not.
            NetworkError: The schedule watches a metric that does not exist, or counts what it cannot count.
        """
        weights = [nn.Parameter(weight.detach().clone()) for weight in self.parameters() if weight.requires_grad]
        optimizer = self.optimizer(weights)
        if self.lr_scheduler is None:
            return
        scheduler = self.lr_scheduler(optimizer)
        if not isinstance(scheduler, ReduceLROnPlateau):
            return
        if self.lr_scheduler_interval == "step":
            raise NetworkError("ReduceLROnPlateau counts epochs: set --model.lr_scheduler_interval epoch.")
        if _watched(scheduler) not in self.SCORES:
            names = ", ".join(self.SCORES)
            raise NetworkError(f"ReduceLROnPlateau watches {_watched(scheduler)!r}, expected one of: {names}.")

    @override
    def setup(self, stage: str) -> None:
        if self.compile_network:
            self.network.compile()

    @override
    def forward(self, image: Tensor) -> Tensor:
        """Compute the logits ``(B, num_classes, H, W)``, also where the network gives the foreground's alone.

        Raises:
            NetworkError: The network's output has the wrong form.
        """
        logits = self.network(image)
        self._check_form(logits, image)
        if logits.shape[1] == self.num_classes:
            checked: Tensor = logits
            return checked
        # The same probabilities, loss and gradients as of a sigmoid, and from here on one kind of logits.
        return torch.cat([torch.zeros_like(logits), logits], dim=1)

    def _check_form(self, logits: object, image: Tensor) -> None:
        name, size = type(self.network).__name__, tuple(image.shape[-2:])
        channels = [1, 2] if self.num_classes == 2 else [self.num_classes]
        fitting = [(len(image), count, *size) for count in channels]
        expected = f"expected logits of shape {' or '.join(map(str, fitting))} for num_classes {self.num_classes}"
        if not isinstance(logits, Tensor):
            held = f" with {', '.join(map(str, logits))}" if isinstance(logits, dict) else ""
            raise NetworkError(f"{name} returns a {type(logits).__name__}{held}; {expected}.")
        if tuple(logits.shape) not in fitting:
            raise NetworkError(f"{name} returns shape {tuple(logits.shape)}; {expected}.")
        if not logits.is_floating_point():
            raise NetworkError(f"{name} returns {logits.dtype}; {expected}, floating point.")

    @override
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        image, target = batch
        losses, weights = image_losses(self(image), target, self.ignore_index, self.dice_weight)
        self._begin_to_sum(torch.stack([losses.detach().sum(), weights.sum()]).float())
        self._log_train_loss()
        return losses.sum() / weights.sum().clamp(min=1)

    def _begin_to_sum(self, sums: Tensor) -> None:
        """Add up the step's losses and images over all processes, while the gradients are computed.

        Each process then has the mean of all, in each step, so that the first one can save it alone: after an error,
        or when another one was killed, the others cannot be asked any more.
        """
        self._sums = sums
        self._summing = distributed.all_reduce(sums, async_op=True) if distributed.is_initialized() else None

    @override
    def on_after_backward(self) -> None:
        if self._summing is not None:
            self._summing.wait()  # on a GPU, its stream waits, not the program
        self.train_loss.update(*self._sums)

    def _log_train_loss(self) -> None:
        self.log("train/loss", self.train_loss, on_step=False, on_epoch=True)

    @override
    def on_validation_epoch_start(self) -> None:
        # Not left to the end of the last validation: an exception may have cut that one short.
        self.val_loss.reset()
        self.val_overlap.reset()

    @override
    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        image, target = batch
        logits = self(image)
        self.val_loss.update(*image_losses(logits, target, self.ignore_index, self.dice_weight))
        self.val_overlap.update(logits.argmax(dim=1), target)

    @override
    def on_validation_epoch_end(self) -> None:
        metrics = {"loss": self.val_loss.compute(), **self.val_overlap.compute()}
        figures = {f"val/{name}": figure for name, figure in metrics.items()}
        # The figures are already those of all processes; sync_dist only tells Lightning so.
        self.log_dict(figures, sync_dist=True, prog_bar=True)
        if not self.trainer.sanity_checking:
            self._figures = {name: figure.item() for name, figure in figures.items()}

    @override
    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self.optimizer([weight for weight in self.parameters() if weight.requires_grad])
        if self.lr_scheduler is None:
            schedule = warmup_cosine(optimizer, self.trainer.estimated_stepping_batches)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
        scheduler = self.lr_scheduler(optimizer)
        config: LRSchedulerConfigType = {"scheduler": scheduler, "interval": self.lr_scheduler_interval}
        if isinstance(scheduler, ReduceLROnPlateau):
            config["reduce_on_plateau"] = False  # it is stepped below
        return {"optimizer": optimizer, "lr_scheduler": config}

    # Lightning steps ReduceLROnPlateau behind the epoch's files, which then lack the step, and in the epoch
    # of a resume not at all. So it is stepped here, once for each epoch that was validated.

    @override
    def lr_scheduler_step(self, scheduler: LRSchedulerTypeUnion, metric: Any | None) -> None:
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

    @override
    def on_train_epoch_end(self) -> None:
        scheduler = self.lr_schedulers()
        if isinstance(scheduler, ReduceLROnPlateau) and self._figures:
            scheduler.step(self._figures[_watched(scheduler)])
        self._figures = {}

    # Within an epoch the mean of train/loss so far is part of the run, or a resumed one would report
    # the rest of the epoch alone; so are the figures of a validation in mid-epoch. Lightning keeps neither.

    @override
    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        total, images = self.train_loss.total.item(), self.train_loss.images.item()
        checkpoint["train_loss"] = {"epoch": self.trainer.current_epoch, "total": total, "images": images}
        checkpoint["val_figures"] = dict(self._figures)

    @override
    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._loaded_train_loss = checkpoint.get("train_loss")
        self._figures = dict(checkpoint["val_figures"])

    @override
    def on_train_start(self) -> None:
        loaded = self._loaded_train_loss
        if loaded is None or loaded["epoch"] != self.trainer.current_epoch:
            return
        if loaded["images"] > 0:
            total, images = (torch.tensor(loaded[name], device=self.device) for name in ("total", "images"))
            self.train_loss.update(total, images)
            # Here too, for there may be no batch left in the epoch.
            self._log_train_loss()


def _watched(scheduler: ReduceLROnPlateau) -> str:
    """The metric of a plateau schedule: Lightning's own class names one, torch's does not."""
    return str(getattr(scheduler, "monitor", "val/loss"))


@contextmanager
def _untouched(network: nn.Module) -> Iterator[None]:
    """Give modes and buffers back as they were."""
    modes = {module: module.training for module in network.modules()}
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers() if not is_lazy(buffer)}
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
        for name, buffer in network.named_buffers():
            if name in buffers:
                buffer.copy_(buffers[name])
