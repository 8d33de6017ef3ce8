"""The data module: pairs of images and ground truth as batches for training and validation."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor, nn
from torch.utils.data import Sampler

from datamodules.data_errors import DataError
from datamodules.data_line import data_line
from datamodules.data_settings import Reading
from datamodules.facts import Fact
from datamodules.image_facts import ImageFacts, images_line
from datamodules.loading.dataset import PairDataset
from datamodules.loading.pair_loader import PairLoader
from datamodules.loading.sampler import EpochSampler, Position
from datamodules.loading.sources import PairSource
from datamodules.loading.transforms import PairTransform, default_augmentation
from datamodules.loading.unreadable import ForgivingDataset, InOrder, Skipped
from datamodules.loading.workers import SERVER, start_method, start_server
from datamodules.run_pairs import RunPairs
from datamodules.scanning import Progress
from datamodules.settings import height_and_width
from datamodules.trainer_facts import is_in_group, position_of, set_first_batch
from resume.system.output import text


class PairedImages(LightningDataModule):
    """Images and their ground truth from two folders, paired by name, or the built-in sample set.

    Order and augmentation depend only on the seed, the epoch and the index. The position in the epoch is saved, so
    that a resumed run continues with the next sample. A setting that is null is found in the data, once for a run.

    Args:
        image_path: Folder of images, including sub-folders; null (with gt_path null): the built-in sample set.
        gt_path: Folder of ground truth; it may be the same folder, or inside it.
        image_pattern: Names of the images, such as "{stem}_img.*"; null: found from the names.
        gt_pattern: Names of their ground truth, such as "{stem}_mask.*"; null: found from the names.
        pairs: CSV with the paths of an image and of its ground truth in each row, in place of the patterns.
        allow_unpaired: Whether to leave out files without a partner.
        val_image_path: Folder of images for validation; null: a share of the pairs is used instead.
        val_gt_path: Folder of ground truth for validation.
        val_fraction: Share of the pairs for validation, if nothing else says which pairs are for validation; of fewer
            than 20 pairs, at most half.
        split: Files that name the pairs for training and for validation: train.txt and val.txt, or one CSV.
        group: Regular expression for the patient, slide or scene in a name: all pairs of a group are on one side.
        fold: K/N: the pairs are divided into N folds, and fold K is for validation.
        split_seed: Seed of the split; null: seed_everything. A run keeps it.
        channels: Channels of the images as the network gets them: 1 for grey, 3 for colour; null: found.
        image_range: The values that become 0 and 1, in images of more than 8 bits; null: found.
        image_top: The value that becomes 1 in images of 8 bits: 255, or 1 if they hold 0 and 1 alone; null: found.
        max_image_memory: Megabytes that one image may take, if its format cannot be read in parts.
        exif_gt: What becomes of ground truth without an EXIF orientation whose image has one: fit: it is turned if its
            size says so, and where it fits both ways, that is an error; turn, keep: where it fits both ways, it is
            turned, or not.
        gt_reading: What a pixel of the ground truth means: values, indices (of a palette) or colours are classes;
            nonzero, threshold or alpha tell foreground from background; null: found.
        gt_threshold: From this grey value on, a pixel is foreground, with gt_reading threshold.
        classes: YAML file with the name and the values or colours of each class; it overrules what would be found.
        class_names: The name of each class.
        num_classes: Number of classes, including the background; null: found.
        class_values: The value of each class in the ground truth files, or its colour as "#rrggbb"; null: found, or, if
            num_classes is set, 0, 1, ..., and with two classes 255 is also 1.
        ignore_index: Number in the target of pixels that are not counted; also their value in the ground truth, unless
            ignored_values is set.
        ignored_values: Values or colours in the ground truth whose pixels are not counted.
        image_size: Size for training: one number for a square, [height, width], or null to keep the sizes of the
            files.
        batch_size: Pairs in a batch, on each device.
        num_workers: Processes that load pairs; 0: the training process loads them.
        skip_unreadable: How many pairs with a file that cannot be read a run does without.
        augmentation: torchvision.transforms.v2 modules for training; null: random flips, []: none.
        sample_pairs: Number of pairs in the built-in sample set.
        seed: Seed of the order and the augmentation.
    """

    def __init__(
        self,
        image_path: str | None = "Data/images",
        gt_path: str | None = "Data/gt",
        image_pattern: str | None = None,
        gt_pattern: str | None = None,
        pairs: str | None = None,
        allow_unpaired: bool = False,
        val_image_path: str | None = None,
        val_gt_path: str | None = None,
        val_fraction: float = 0.2,
        split: list[str] | None = None,
        group: str | None = None,
        fold: str | None = None,
        split_seed: int | None = None,
        channels: int | None = None,
        image_range: list[float] | None = None,
        image_top: int | None = None,
        max_image_memory: float = 4096,
        exif_gt: Literal["fit", "turn", "keep"] = "fit",
        gt_reading: Reading | None = None,
        gt_threshold: float | None = None,
        classes: str | None = None,
        class_names: list[str] | None = None,
        num_classes: int | None = None,
        class_values: list[int | str | list[int] | list[str]] | None = None,
        ignore_index: int | None = None,
        ignored_values: list[int | str] | None = None,
        image_size: int | list[int] | None = 256,
        batch_size: int = 8,
        num_workers: int = 2,
        skip_unreadable: int = 0,
        augmentation: list[nn.Module] | None = None,
        sample_pairs: int = 200,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.image_path, self.gt_path = image_path, gt_path
        self.image_pattern, self.gt_pattern = image_pattern, gt_pattern
        self.pairs, self.allow_unpaired = pairs, allow_unpaired
        self.val_image_path, self.val_gt_path = val_image_path, val_gt_path
        self.val_fraction, self.split, self.group, self.fold = val_fraction, split, group, fold
        self.split_seed = split_seed
        self.channels, self.image_range, self.image_top = channels, image_range, image_top
        self.max_image_memory = max_image_memory
        self.exif_gt = exif_gt
        self.gt_reading, self.gt_threshold = gt_reading, gt_threshold
        self.classes, self.class_names = classes, class_names
        self.num_classes, self.class_values = num_classes, class_values
        self.ignore_index, self.ignored_values = ignore_index, ignored_values
        self.image_size = image_size
        self.batch_size, self.num_workers = batch_size, num_workers
        self.skip_unreadable = skip_unreadable
        self.augmentation = augmentation
        self.sample_pairs = sample_pairs
        self.seed = seed
        self._start = Position()
        self._sampler: EpochSampler | None = None
        self.run_pairs = RunPairs(self)
        self._seen: ImageFacts | None = None

    @property
    def class_mapping(self) -> dict[str, int]:
        """The class id of each value in the ground truth; the value is a string."""
        return {str(value): class_id for value, class_id in self.run_pairs.mapping.class_ids.items()}

    def find_facts(self, network_channels: int | None = None, progress: Progress | None = None) -> Iterator[Fact]:
        """Give each open setting its value, once for the run, and say how.

        Args:
            network_channels: How many channels the network takes, if that is settled.
            progress: Called after each pair with the number of pairs done and the number of all pairs.

        Raises:
            DataError: The data do not say it; the message says which setting decides.
        """
        self.run_pairs.check_settings()
        for fact in self.run_pairs.facts(network_channels, progress):
            self.take_facts(fact.settings)
            yield fact

    def take_facts(self, settings: Mapping[str, Any]) -> None:
        """Take values that were found in the data."""
        vars(self).update(settings)
        self.run_pairs.forget()

    def check(self, every_gt: bool, progress: Progress | None = None) -> None:
        """Find problems of the data before training: all files fit, and those that the run has not seen are decoded.

        Args:
            every_gt: Whether to decode the ground truth also of the pairs that a resumed run has used.
            progress: Called after each pair with the number of pairs done and the number of all pairs.

        Raises:
            DataError: There are problems; the message contains all problems of one kind.
        """
        self.run_pairs.check_settings()
        self._seen = self.run_pairs.check(every_gt, progress)

    def example_image(self) -> Tensor:
        """Return the first training image as input of the network: float32 (1, C, H, W), without augmentation."""
        dataset = self._dataset(self.run_pairs.partition.training, PairTransform(height_and_width(self.image_size)))
        return dataset[0][0].unsqueeze(0)

    def describe(self) -> str:
        """Return one line: the number of pairs, their source and, after `check`, what is done to the images."""
        line = data_line(self.run_pairs.partition, self.fold)
        return line if self._seen is None else f"{line}; {images_line(self._seen, height_and_width(self.image_size))}"

    @property
    def stayed(self) -> Sequence[str]:
        """The pairs that stay on the side on which the run used them, although its split now says otherwise."""
        return self.run_pairs.partition.stayed

    @property
    def validates_as_before(self) -> bool:
        """Whether the pairs for validation are those of the checkpoint that `continue_from` has got."""
        return self.run_pairs.used.validated in (None, self.run_pairs.partition.validated)

    def prepare_workers(self, trainer: Trainer | None) -> None:
        """Start the server of the workers, which takes seconds, while the program continues; None: no trainer."""
        if self.num_workers > 0 and start_method(is_in_group(trainer)) == SERVER:
            start_server()

    def setup(self, stage: str) -> None:  # noqa: ARG002 (Lightning passes it by name)
        if self.channels is None or self.num_classes is None:  # with a trainer alone, nobody has asked for them
            for _ in self.find_facts():
                pass
        # Lightning restores a checkpoint after this. Without a checkpoint, every fit starts at the beginning, also a
        # second fit.
        self._start, self._sampler = Position(), None

    def train_dataloader(self) -> PairLoader:
        """Return batches of image float32 (B, C, H, W) and target int64 (B, H, W), from the restored position on.

        Raises:
            DataError: There are fewer training pairs than devices.
        """
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        augmentation = default_augmentation() if self.augmentation is None else self.augmentation
        dataset = self._dataset(
            self.run_pairs.partition.training, PairTransform(height_and_width(self.image_size), augmentation)
        )
        if len(dataset) < world_size:
            message = text("Each device needs at least one pair for training: {pairs} pairs, {devices} devices.")
            raise DataError(message.format(pairs=len(dataset), devices=world_size))
        skipped = self.run_pairs.skipped[0]
        self._sampler = EpochSampler(
            dataset, self.seed, self.batch_size, rank, world_size, self._start, skipped.indices
        )
        return self._loader(dataset, self._sampler, skipped)

    def batches_per_epoch(self, world_size: int) -> int:
        """Return the number of training batches of an epoch on each of ``world_size`` devices."""
        return -(-len(self._plain_sampler(world_size)) // self.batch_size)

    def _plain_sampler(self, world_size: int, start: Position | None = None) -> EpochSampler:
        """That of the first process, without a transform."""
        dataset = self._dataset(self.run_pairs.partition.training, PairTransform(None))
        return EpochSampler(dataset, self.seed, self.batch_size, world_size=world_size, start=start or Position())

    def val_dataloader(self) -> PairLoader:
        """Return batches like those for training, in the order of the names, without augmentation.

        Each rank gets all batches. If the ranks shared them, the ranks would have different numbers of batches, or some
        pairs would be counted twice.
        """
        dataset = self._dataset(self.run_pairs.partition.validation, PairTransform(height_and_width(self.image_size)))
        skipped = self.run_pairs.skipped[1]
        return self._loader(dataset, InOrder(len(dataset), skipped.indices) if self.skip_unreadable else None, skipped)

    def state_dict(self) -> dict[str, Any]:
        """Return the position in training, and what the run has done with its pairs."""
        return {
            **self._position()._asdict(),
            "order": self._order,
            **self.run_pairs.used.state(self.run_pairs.partition),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.continue_from(state_dict)
        self._start = Position(*(state_dict[name] for name in Position._fields))
        if state_dict.get("order", self._order) != self._order:
            self._start = self._start._replace(samples=0)  # the position is one in another order
        if self.trainer and self._start.samples_done:
            set_first_batch(self.trainer, self._start, self._plain_sampler(self.trainer.world_size, self._start))

    def continue_from(self, state: Mapping[str, Any]) -> None:
        """Keep each pair on the side on which a run has used it, and do without those that it could not read.

        Args:
            state: What `state_dict` has returned in that run; without a split, if an earlier version has saved it.
        """
        if "sides" in state and self.run_pairs.used.take(state):
            self.run_pairs.forget()

    @property
    def _order(self) -> str:
        """What the order of an epoch depends on."""
        return f"{self.seed} {self.run_pairs.partition.trained}"

    def _position(self) -> Position:
        if self.trainer is None or self._sampler is None:
            return self._start
        return position_of(self.trainer, self._sampler)

    def _dataset(self, source: PairSource, transform: PairTransform) -> PairDataset:
        return PairDataset(source, self.run_pairs.mapping, transform, self.seed)

    def _loader(self, dataset: PairDataset, sampler: Sampler[Any] | None, skipped: Skipped) -> PairLoader:
        self.prepare_workers(self.trainer)
        on_cuda = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        in_group = is_in_group(self.trainer)
        if not self.skip_unreadable:
            return PairLoader(dataset, sampler, self.batch_size, self.num_workers, on_cuda, in_group)
        seed = self.seed if isinstance(sampler, EpochSampler) else None
        forgiving = ForgivingDataset(dataset, seed, skipped.indices, self.skip_unreadable)
        return PairLoader(forgiving, sampler, self.batch_size, self.num_workers, on_cuda, in_group, skipped.add)
