"""Training and validation of segmentation with any network."""

import math
from operator import index
from typing import Any, ClassVar, Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from lightning.pytorch.utilities.types import LRSchedulerConfigType, LRSchedulerTypeUnion, OptimizerLRScheduler
from torch import Tensor, distributed, nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau
from typing_extensions import override

from lit_modules.bad_steps import BadSteps
from lit_modules.losses import image_losses
from lit_modules.metrics import MOST_CLASSES, MeanLoss, OverlapMetrics, class_ids
from lit_modules.network_checks import NetworkError, check_weights, preserved
from lit_modules.network_output import Logits, read_output
from lit_modules.optimizer_settings import Settings, monitor_of, settings_of, take_changes
from lit_modules.schedules import ProgressSchedule
from resume.system.output import text

Batch = tuple[Tensor, Tensor]
AUXILIARY_WEIGHT = 0.5  # of the loss of a second head, as torchvision trains its networks for segmentation


class Segmentation(LightningModule):
    """Assigns one of ``num_classes`` classes to each pixel of an image, with any network.

    A batch is ``(image, target)``: image ``(B, 3, H, W)``, floating point; target ``(B, H, W)``, int64, class ids from
    0 to num_classes - 1 or ``ignore_index``. The module logs ``train/loss`` and ``val/loss`` (means over images),
    ``val/iou`` and ``val/dice`` (over all pixels of the validation) and ``val/iou_per_image``; the last three are NaN
    if the ground truth of the validation has no foreground, or if logits are not finite.

    Args:
        network: Takes the images and returns logits (B, C, H, W), or a dict with logits as ``out`` and, of a second
            head that is only trained, as ``aux``. C is num_classes; if num_classes is 2, C may be 1, and the logits are
            those of the foreground.
        num_classes: Number of classes, including the background.
        ignore_index: Target value of pixels that are not counted.
        optimizer: Makes the optimizer from the parameters.
        lr_scheduler: Makes the schedule from the optimizer. By default, the learning rate increases for a short time
            and then decreases along a cosine until the end of the run.
        lr_scheduler_interval: Whether ``lr_scheduler`` counts epochs or steps.
        dice_weight: Weight of the Dice loss, which is added to the cross entropy.
        compile_network: Whether torch.compile makes the network faster; it takes minutes at each start.

    Raises:
        NetworkError: A setting is wrong; the message contains all wrong settings.
    """

    # The metrics that can choose the best model, and the better direction of each.
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
        if not 2 <= num_classes <= MOST_CLASSES:
            message = text("num_classes is {value}; it must be from 2 to {most}: the background is a class too.")
            problems.append(message.format(value=num_classes, most=MOST_CLASSES))
        if ignore_index is not None and 0 <= ignore_index < num_classes:
            message = text("ignore_index is {value}; it must not be a class id (0 to {last}).")
            problems.append(message.format(value=ignore_index, last=num_classes - 1))
        if not 0 <= dice_weight < math.inf:
            problems.append(text("dice_weight is {value}; it must be at least 0.").format(value=dice_weight))
        if problems:
            raise NetworkError("\n".join(problems))

        self.network = network
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler
        self.lr_scheduler_interval = lr_scheduler_interval
        self.dice_weight = dice_weight
        self.compile_network = compile_network
        self.train_loss = MeanLoss(sync_on_compute=False)  # training_step already sums it over all processes
        self.val_loss = MeanLoss()
        self.val_overlap = OverlapMetrics(num_classes, ignore_index)
        self.bad_steps = BadSteps()
        self._schedule: ProgressSchedule | None = None
        self._optimizer_settings: Settings = []
        self._loaded: dict[str, Any] = {}
        self._sums = torch.zeros(2)
        self._summing: distributed.Work | None = None
        self._val_metrics: dict[str, float] = {}  # of the latest validation of this epoch; empty before the first
        self._has_said_no_foreground = False

    def check(self, image: Tensor) -> None:
        """Run the network once and check its output; weights, buffers and modes are unchanged afterwards.

        Args:
            image: ``(1, 3, H, W)``, on the module's device.

        Raises:
            NetworkError: The network does not accept the image, its output is wrong, or weights are not finite.
        """
        with preserved(self.network), torch.no_grad():
            self.network.eval()
            try:
                self(image)
            except (RuntimeError, ValueError, TypeError) as error:
                message = text("{network} does not accept an image of shape {shape}: {reason}")
                name, shape = type(self.network).__name__, tuple(image.shape)
                raise NetworkError(message.format(network=name, shape=shape, reason=error)) from error
        check_weights(self.network)

    @override
    def setup(self, stage: str) -> None:
        if self.compile_network:
            self.network.compile()

    @override
    def forward(self, image: Tensor) -> Tensor:
        """Compute the logits ``(B, num_classes, H, W)``, also if the network returns those of the foreground only.

        Raises:
            NetworkError: The output of the network is wrong.
        """
        return self._logits(image).main

    def _logits(self, image: Tensor) -> Logits:
        return read_output(self.network, self.network(image), image, self.num_classes)

    @override
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        image, target = batch
        logits = self._logits(image)
        losses, weights = image_losses(logits.main, target, self.ignore_index, self.dice_weight)
        if logits.auxiliary is not None:
            auxiliary, _ = image_losses(logits.auxiliary, target, self.ignore_index, self.dice_weight)
            losses = losses + AUXILIARY_WEIGHT * auxiliary
        self._start_sum(torch.stack([losses.detach().sum(), weights.sum()]).float())
        self._log_train_loss()
        return losses.sum() / weights.sum().clamp(min=1)

    def _start_sum(self, sums: Tensor) -> None:
        """Start to add the losses and images of this step over all processes, while the gradients are computed.

        Each process then has the mean over all processes after each step, so that the first process can save it alone:
        after an error, or after another process was killed, it cannot ask the other processes.
        """
        self._sums = sums
        self._summing = distributed.all_reduce(sums, async_op=True) if distributed.is_initialized() else None

    @override
    def on_before_zero_grad(self, optimizer: Optimizer) -> None:
        self.bad_steps.begin_step()

    @override
    def on_after_backward(self) -> None:
        if self._summing is not None:
            self._summing.wait()  # on a GPU, only its stream waits, not the program
        self.train_loss.update(*self._sums)
        self.bad_steps.add(self._sums[0])

    def _log_train_loss(self) -> None:
        self.log("train/loss", self.train_loss, on_step=False, on_epoch=True)

    @override
    def on_validation_epoch_start(self) -> None:
        # Not at the end of a validation, because an exception may have ended the last validation early.
        self.val_loss.reset()
        self.val_overlap.reset()

    @override
    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        image, target = batch
        logits = self(image)
        self.val_loss.update(*image_losses(logits, target, self.ignore_index, self.dice_weight))
        self.val_overlap.update(class_ids(logits), target)

    @override
    def on_validation_epoch_end(self) -> None:
        overlap = self.val_overlap.compute()
        foreground = overlap.pop("foreground")
        metrics = {f"val/{name}": value for name, value in {"loss": self.val_loss.compute(), **overlap}.items()}
        # The metrics already include all processes; without sync_dist, Lightning would warn.
        self.log_dict(metrics, sync_dist=True, prog_bar=True)
        if self.trainer.sanity_checking:
            return
        self._val_metrics = {name: metric.item() for name, metric in metrics.items()}
        if foreground == 0 and not self._has_said_no_foreground:
            self._has_said_no_foreground = True
            message = text("The ground truth of the validation has no foreground, so {metrics} are NaN.")
            self.print(message.format(metrics=", ".join(f"val/{name}" for name in overlap)))

    @override
    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self.optimizer([weight for weight in self.parameters() if weight.requires_grad])
        self._optimizer_settings = settings_of(optimizer)
        optimizer.register_step_post_hook(lambda *_: self.bad_steps.end_step(optimizer, self.trainer.global_step + 1))
        if self.lr_scheduler is None:
            self._schedule = ProgressSchedule(self.trainer)
            default = self._schedule.scheduler(optimizer)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": default, "interval": "step"}}
        scheduler = self.lr_scheduler(optimizer)
        config: LRSchedulerConfigType = {"scheduler": scheduler, "interval": self.lr_scheduler_interval}
        if isinstance(scheduler, ReduceLROnPlateau):
            config["reduce_on_plateau"] = False  # on_train_epoch_end steps it
        return {"optimizer": optimizer, "lr_scheduler": config}

    # Lightning steps ReduceLROnPlateau after it has saved the checkpoints of the epoch, so they lack the step, and does
    # not step it at all in the epoch of a resume. So this module steps it, once for each epoch with a validation.

    @override
    def lr_scheduler_step(self, scheduler: LRSchedulerTypeUnion, metric: Any | None) -> None:
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

    @override
    def on_train_epoch_end(self) -> None:
        scheduler = self.lr_schedulers()
        if isinstance(scheduler, ReduceLROnPlateau) and self._val_metrics:
            metric = self._val_metrics[monitor_of(scheduler)]
            if not math.isnan(metric):  # it says nothing about progress, but would count as an epoch without any
                scheduler.step(metric)
        self._val_metrics = {}
        self._report_bad_steps()

    def _report_bad_steps(self) -> None:
        found = self.bad_steps.end_epoch()
        if found.number:
            said = text("Steps of this epoch whose loss is not finite: {count}, the first is step {first}.")
            self.print(said.format(count=found.number, first=found.first))

    @override
    def on_train_end(self) -> None:
        found = self.bad_steps.of_run
        if found.number:
            said = text("Steps of this run whose loss is not finite: {count}, the first is step {first}.")
            self.print(said.format(count=found.number, first=found.first))

    # The checkpoint must hold the mean of train/loss and the bad steps so far in the epoch, or a resumed run would
    # report only the rest of the epoch; and the metrics of a validation within the epoch. Lightning saves none of them.

    @override
    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        total, images = self.train_loss.total.item(), self.train_loss.images.item()
        checkpoint["train_loss"] = {"epoch": self.trainer.current_epoch, "total": total, "images": images}
        checkpoint["bad_steps"] = self.bad_steps.state_dict()
        checkpoint["val_metrics"] = dict(self._val_metrics)
        checkpoint["optimizer_settings"] = self._optimizer_settings
        checkpoint["schedule"] = None if self._schedule is None else self._schedule.state_dict()

    @override
    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._loaded = {name: checkpoint[name] for name in ("train_loss", "optimizer_settings", "schedule")}
        index(self._loaded["train_loss"]["epoch"])  # a wrong one would be taken for that of an earlier epoch
        self._val_metrics = {name: float(value) for name, value in checkpoint["val_metrics"].items()}
        self.bad_steps.load_state_dict(checkpoint["bad_steps"])

    @override
    def on_train_start(self) -> None:
        loaded, self._loaded = self._loaded, {}
        if loaded:
            self._restore_train_loss(loaded["train_loss"])
            self._take_changed_settings(loaded)

    def _restore_train_loss(self, loaded: dict[str, Any]) -> None:
        if loaded["epoch"] != self.trainer.current_epoch or loaded["images"] == 0:
            return
        total, images = (torch.tensor(loaded[name], device=self.device) for name in ("total", "images"))
        self.train_loss.update(total, images)
        # Also here, because the epoch may have no batch left.
        self._log_train_loss()

    def _take_changed_settings(self, loaded: dict[str, Any]) -> None:
        """Use the changed settings of the optimizer and the changed length of the run, now that all is restored."""
        (optimizer,), schedulers = self.trainer.optimizers, self.trainer.lr_scheduler_configs
        scheduler = schedulers[0].scheduler if schedulers else None
        take_changes(optimizer, scheduler, loaded["optimizer_settings"], self._optimizer_settings)
        if self._schedule is None or loaded["schedule"] is None or not self._schedule.resume(loaded["schedule"]):
            return
        peak = optimizer.param_groups[0]["initial_lr"]
        now, highest, last = (f"{peak * factor:.3g}" for factor in self._schedule.outlook())
        said = text("Learning rate on the new length of the run: now {now}, highest {highest}, last {last}.")
        self.print(said.format(now=now, highest=highest, last=last))
