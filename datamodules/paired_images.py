"""The data module: pairs of images and ground truth as batches for training and validation."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from lightning.pytorch import LightningDataModule, Trainer
from torch import Tensor, nn

from datamodules.data_errors import DataError
from datamodules.dataset import PairDataset
from datamodules.facts import Fact, facts_of_names
from datamodules.image_facts import ImageFacts, images_line
from datamodules.labels import ClassMapping
from datamodules.leaks import refuse_nested_folders, refuse_same_images
from datamodules.pair_checks import Progress, care_for, check_pairs, check_samples
from datamodules.pair_loader import PairLoader
from datamodules.pairs import Pairing, PairSettings, pair_folders
from datamodules.partition import Partition, SplitSettings, data_line, divide_folder, divide_samples, two_folders
from datamodules.sampler import EpochSampler, Position
from datamodules.settings import check_classes, check_folders_named, check_loading, check_split, height_and_width
from datamodules.sides import Sides, split_of
from datamodules.sources import FolderPairs, PairSource
from datamodules.trainer_facts import is_in_group, position_of, set_first_batch
from datamodules.transforms import PairTransform, default_augmentation
from datamodules.workers import SERVER, start_method, start_server
from resume.system.output import text


class PairedImages(LightningDataModule):
    """Images and their ground truth from two folders, paired by name, or the built-in sample set.

    Order and augmentation depend only on the seed, the epoch and the index. The position in the epoch is saved, so
    that a resumed run continues with the next sample.

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
        num_classes: Number of classes, including the background.
        class_values: The value of each class in the ground truth files; null: 0, 1, ..., and with two classes 255
            is also 1.
        ignore_index: Value in the ground truth whose pixels are not counted.
        image_size: Size for training: one number for a square, [height, width], or null to keep the sizes of the
            files.
        batch_size: Pairs in a batch, on each device.
        num_workers: Processes that load pairs; 0: the training process loads them.
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
        num_classes: int = 2,
        class_values: list[int] | None = None,
        ignore_index: int | None = None,
        image_size: int | list[int] | None = 256,
        batch_size: int = 8,
        num_workers: int = 2,
        augmentation: list[nn.Module] | None = None,
        sample_pairs: int = 200,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.image_path = image_path
        self.gt_path = gt_path
        self.image_pattern = image_pattern
        self.gt_pattern = gt_pattern
        self.pairs = pairs
        self.allow_unpaired = allow_unpaired
        self.val_image_path = val_image_path
        self.val_gt_path = val_gt_path
        self.val_fraction = val_fraction
        self.split = split
        self.group = group
        self.fold = fold
        self.split_seed = split_seed
        self.num_classes = num_classes
        self.class_values = class_values
        self.ignore_index = ignore_index
        self.image_size = image_size
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.augmentation = augmentation
        self.sample_pairs = sample_pairs
        self.seed = seed
        self._start = Position()
        self._sampler: EpochSampler | None = None
        self._known: Sides | None = None  # the sides of the run before this start
        self._validated_before: str | None = None
        self._facts: ImageFacts | None = None

    @property
    def class_mapping(self) -> dict[str, int]:
        """The class id of each value in the ground truth; the value is a string."""
        return {str(value): class_id for value, class_id in self._mapping.class_ids.items()}

    def check(self, every_gt: bool, progress: Progress | None = None) -> None:
        """Find problems of the data before training.

        The settings are valid, all sizes fit, no file lacks its end, and the first pair of each side can be decoded and
        its values have a class. Of a new run, every ground truth is decoded; of a resumed one, every pair that is new.

        Args:
            every_gt: Whether to decode the ground truth also of the pairs that a resumed run has used.
            progress: Called after each pair with the number of pairs done and the number of all pairs.

        Raises:
            DataError: There are problems; the message contains all problems of one kind.
        """
        check_folders_named(self.image_path, self.gt_path, self.val_image_path, self.val_gt_path)
        check_loading(self.batch_size, self.num_workers, self.image_size, self.val_fraction, self.sample_pairs)
        check_split(self.split, self.group, self.fold, self.val_image_path is not None)
        refuse_nested_folders(self.image_path, self.val_image_path)
        parts = self._partition
        training, validation = parts.training, parts.validation
        if not (isinstance(training, FolderPairs) and isinstance(validation, FolderPairs)):
            self._facts = check_samples(training, self.sample_pairs, self._mapping)
            return
        if self.val_image_path is not None:
            refuse_same_images(training, validation)
        keeps_sizes = self.image_size is None and self.batch_size > 1
        one_size = [keeps_sizes and not self.augmentation, keeps_sizes]
        care = [care_for(unseen, is_new_run=self._known is None, every_gt=every_gt) for unseen in parts.unseen]
        self._facts = check_pairs((training, validation), one_size, self._mapping, care, progress)

    def find_facts(self) -> Iterator[Fact]:
        """Give each open setting its value, once for the run; raises a DataError where the data do not say it."""
        if self.image_path is None or self.gt_path is None:
            return
        for fact in facts_of_names(self._pairing, self._pair_settings):
            vars(self).update(fact.settings)
            yield fact

    def example_image(self) -> Tensor:
        """Return the first training image as input of the network: float32 (1, 3, H, W), without augmentation."""
        dataset = self._dataset(self._partition.training, PairTransform(height_and_width(self.image_size)))
        return dataset[0][0].unsqueeze(0)

    def describe(self) -> str:
        """Return one line: the number of pairs, their source and, after `check`, what is done to the images."""
        line = data_line(self._partition, self.fold)
        return line if self._facts is None else f"{line}; {images_line(self._facts, height_and_width(self.image_size))}"

    @property
    def stayed(self) -> Sequence[str]:
        """The pairs that stay on the side on which the run used them, although its split now says otherwise."""
        return self._partition.stayed

    @property
    def validates_as_before(self) -> bool:
        """Whether the pairs for validation are those of the checkpoint that `continue_from` has got."""
        return self._validated_before in (None, self._partition.validated)

    def prepare_workers(self, trainer: Trainer | None) -> None:
        """Start the server of the workers, which takes seconds, while the program continues; None: no trainer."""
        if self.num_workers > 0 and start_method(is_in_group(trainer)) == SERVER:
            start_server()

    def setup(self, stage: str) -> None:  # noqa: ARG002 (Lightning passes it by name)
        # Lightning restores a checkpoint after this. Without a checkpoint, every fit starts at the beginning, also a
        # second fit.
        self._start, self._sampler = Position(), None

    def train_dataloader(self) -> PairLoader:
        """Return batches of image float32 (B, 3, H, W) and target int64 (B, H, W), from the restored position on.

        Raises:
            DataError: There are fewer training pairs than devices.
        """
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        augmentation = default_augmentation() if self.augmentation is None else self.augmentation
        dataset = self._dataset(
            self._partition.training, PairTransform(height_and_width(self.image_size), augmentation)
        )
        if len(dataset) < world_size:
            message = text("Each device needs at least one pair for training: {pairs} pairs, {devices} devices.")
            raise DataError(message.format(pairs=len(dataset), devices=world_size))
        self._sampler = EpochSampler(dataset, self.seed, self.batch_size, rank, world_size, self._start)
        return self._loader(dataset, self._sampler)

    def batches_per_epoch(self, world_size: int) -> int:
        """Return the number of training batches of an epoch on each of ``world_size`` devices."""
        return -(-len(self._plain_sampler(world_size)) // self.batch_size)

    def _plain_sampler(self, world_size: int, start: Position | None = None) -> EpochSampler:
        """That of the first process, without a transform."""
        dataset = self._dataset(self._partition.training, PairTransform(None))
        return EpochSampler(dataset, self.seed, self.batch_size, world_size=world_size, start=start or Position())

    def val_dataloader(self) -> PairLoader:
        """Return batches like those for training, in the order of the names, without augmentation.

        Each rank gets all batches. If the ranks shared them, the ranks would have different numbers of batches, or some
        pairs would be counted twice.
        """
        dataset = self._dataset(self._partition.validation, PairTransform(height_and_width(self.image_size)))
        return self._loader(dataset, None)

    def state_dict(self) -> dict[str, Any]:
        """Return the position in training, and the side of each pair that the run has used."""
        parts = self._partition
        split = {"sides": parts.sides.state(), "validated": parts.validated}
        return {**self._position()._asdict(), "order": self._order, **split}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.continue_from(state_dict)
        self._start = Position(*(state_dict[name] for name in Position._fields))
        if state_dict.get("order", self._order) != self._order:
            self._start = self._start._replace(samples=0)  # the position is one in another order
        if self.trainer and self._start.samples_done:
            set_first_batch(self.trainer, self._start, self._plain_sampler(self.trainer.world_size, self._start))

    def continue_from(self, state: Mapping[str, Any]) -> None:
        """Keep each pair on the side on which a run has used it.

        Args:
            state: What `state_dict` has returned in that run; without a split, if an earlier version has saved it.
        """
        if "sides" not in state:
            return
        known, self._validated_before = split_of(state)
        if not known.equals(self._known):
            self._known = known
            self.__dict__.pop("_partition", None)  # the value of the cached property

    @property
    def _order(self) -> str:
        """What the order of an epoch depends on."""
        return f"{self.seed} {self._partition.trained}"

    def _position(self) -> Position:
        if self.trainer is None or self._sampler is None:
            return self._start
        return position_of(self.trainer, self._sampler)

    def _dataset(self, source: PairSource, transform: PairTransform) -> PairDataset:
        return PairDataset(source, self._mapping, transform, self.seed)

    def _loader(self, dataset: PairDataset, sampler: EpochSampler | None) -> PairLoader:
        self.prepare_workers(self.trainer)
        on_cuda = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        in_group = is_in_group(self.trainer)
        return PairLoader(dataset, sampler, self.batch_size, self.num_workers, on_cuda, in_group)

    @cached_property
    def _mapping(self) -> ClassMapping:
        check_classes(self.num_classes, self.class_values, self.ignore_index)
        return ClassMapping(self.num_classes, self.class_values, self.ignore_index)

    @property
    def _pair_settings(self) -> PairSettings:
        return PairSettings(self.image_pattern, self.gt_pattern, self.pairs, self.allow_unpaired)

    @cached_property
    def _pairing(self) -> Pairing:
        return pair_folders(str(self.image_path), str(self.gt_path), self._pair_settings)

    @property
    def _split_settings(self) -> SplitSettings:
        seed = self.seed if self.split_seed is None else self.split_seed
        return SplitSettings(self.val_fraction, seed, self.split, self.group, self.fold)

    @cached_property
    def _partition(self) -> Partition:
        if self.image_path is None or self.gt_path is None:
            return divide_samples(self.sample_pairs, self._split_settings, self._known)
        if self.val_image_path is None or self.val_gt_path is None:
            pairs = self._pairing.pairs
            return divide_folder(self.image_path, self.gt_path, pairs, self._split_settings, self._known)
        val_paths = self.val_image_path, self.val_gt_path
        val_pairs = pair_folders(*val_paths, self._pair_settings._replace(table=None)).pairs
        both = (self.image_path, self.gt_path), self._pairing.pairs, val_paths, val_pairs
        return two_folders(*both, self.group, self._known, self._validated_before)
