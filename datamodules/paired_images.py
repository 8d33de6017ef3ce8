from functools import cached_property
from pathlib import Path

from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.loops.progress import _ProcessedTracker
from lightning.pytorch.strategies import ParallelStrategy
from torch import Tensor, nn

from datamodules.data_errors import DataError
from datamodules.dataset import PairDataset
from datamodules.labels import ClassMapping
from datamodules.pair_checks import Progress, check_pairs
from datamodules.pair_loader import PairLoader
from datamodules.pairs import find_pairs
from datamodules.sampler import EpochSampler, Position
from datamodules.settings import check_classes, check_folders_named, check_loading
from datamodules.sources import FolderPairs, PairSource, SamplePairs
from datamodules.split import split
from datamodules.transforms import PairTransform, default_augmentation
from datamodules.workers import SERVER, start_method, start_server


class PairedImages(LightningDataModule):
    """Images and their ground truth from two folders, paired by name, or the built-in sample set.

    Order and augmentation depend on the seed, the epoch and the index alone; the position in the epoch is
    saved, so that a resumed run goes on with the very next sample.

    Args:
        image_path: Folder of images, sub-folders included; null (with gt_path null) takes the built-in
            sample set.
        gt_path: Folder of ground truth, with the same names up to the suffix.
        val_image_path: Folder of images for validation; null sets a share of the pairs aside instead.
        val_gt_path: Folder of ground truth for validation.
        val_fraction: The share of the pairs that is set aside for validation.
        num_classes: How many classes there are, background included.
        class_values: The value of each class in the ground truth files; null: 0, 1, ..., and for two classes
            255 is 1.
        ignore_index: Value in the ground truth whose pixels count nowhere.
        image_size: Size to train at: one number for a square, [height, width], or null to keep the files'
            size.
        batch_size: Pairs in a batch, on each device.
        num_workers: Processes that load pairs; 0 loads inside the training process.
        augmentation: torchvision.transforms.v2 modules for training; null: random flips, []: none.
        sample_pairs: How many pairs the built-in sample set has.
        seed: Decides the split, the order and the augmentation.
    """

    def __init__(
        self,
        image_path: str | None = "Data/images",
        gt_path: str | None = "Data/gt",
        val_image_path: str | None = None,
        val_gt_path: str | None = None,
        val_fraction: float = 0.2,
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
        self.val_image_path = val_image_path
        self.val_gt_path = val_gt_path
        self.val_fraction = val_fraction
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

    @property
    def class_mapping(self) -> dict[str, int]:
        """Value in the ground truth, as text, to class id."""
        return {str(value): class_id for value, class_id in self._mapping.class_ids.items()}

    def check(self, every_gt: bool, progress: Progress | None = None) -> None:
        """Finds out before training what would break it.

        Always: settings make sense, pairs are complete, all files have readable headers and fitting sizes,
            the first
        pair of training and of validation decodes and its values fit.

        Args:
            every_gt: Whether to decode all ground truth for its values too.
            progress: Called after each pair with the number of pairs done and of all pairs.

        Raises:
            DataError: With everything of one kind that is wrong.
        """
        check_folders_named(self.image_path, self.gt_path, self.val_image_path, self.val_gt_path)
        check_loading(self.batch_size, self.num_workers, self.image_size, self.val_fraction, self.sample_pairs)
        folders = [source for source in self._sources if isinstance(source, FolderPairs)]
        if not folders:
            raw = self._sources[0].load(0)
            self._mapping.target(raw.labels, raw.gt_name)
            return
        batches_mix = self.image_size is None and self.batch_size > 1
        check_pairs(folders, [batches_mix and not self.augmentation, batches_mix], self._mapping, every_gt, progress)

    def example_image(self) -> Tensor:
        """The first training image as the network gets it: float32 (1, 3, H, W), without augmentation."""
        dataset = self._dataset(self._sources[0], PairTransform(self._height_and_width))
        return dataset[0][0].unsqueeze(0)

    def describe(self) -> str:
        """One line on how many pairs there are, and where they come from."""
        train, val = (len(source) for source in self._sources)
        if self.image_path is None:
            origin = f"from the built-in sample set (drawn, seed {self.seed})"
        else:
            origin = f"from {self.image_path} and {self.gt_path}"
        if self.val_image_path is None:
            return f"{train} pairs for training, {val} for validation, {origin}"
        return (
            f"{train} pairs for training, {origin}; "
            f"{val} for validation, from {self.val_image_path} and {self.val_gt_path}"
        )

    def prepare_workers(self, trainer: Trainer | None) -> None:
        """Begin early what takes seconds before the first worker starts; the program goes on meanwhile.

        Args:
            trainer: The one that is to fit; None: whoever takes a loader.
        """
        if self.num_workers > 0 and start_method(_is_in_group(trainer)) == SERVER:
            start_server()

    def setup(self, stage: str) -> None:  # noqa: ARG002 (Lightning passes it by name)
        # Lightning restores a checkpoint after this; a fit without one starts at the beginning, also the
        # second.
        self._start, self._sampler = Position(), None

    def train_dataloader(self) -> PairLoader:
        """Batches of image float32 (B, 3, H, W) and target int64 (B, H, W), from the restored position on.

        Raises:
            DataError: There are fewer pairs than devices.
        """
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        augmentation = default_augmentation() if self.augmentation is None else self.augmentation
        dataset = self._dataset(self._sources[0], PairTransform(self._height_and_width, augmentation))
        if len(dataset) < world_size:
            raise DataError(f"{len(dataset)} pairs for training cannot be shared by {world_size} devices.")
        self._sampler = EpochSampler(dataset, self.seed, self.batch_size, rank, world_size, self._start)
        return self._loader(dataset, self._sampler)

    def val_dataloader(self) -> PairLoader:
        """Batches like those for training, in the order of the names, without augmentation; all of them on
        each rank.

        Sharing them out would leave ranks with different numbers of batches, or count some pairs twice.
        """
        dataset = self._dataset(self._sources[1], PairTransform(self._height_and_width))
        return self._loader(dataset, None)

    def state_dict(self) -> dict[str, int]:
        """The position: the 0-based epoch, and how many of its samples are done over all ranks."""
        return self._position()._asdict()

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self._start = Position(**state_dict)
        if self.trainer and self._start.samples_done:
            self._set_first_batch(self.trainer)

    def _position(self) -> Position:
        if self.trainer is None or self._sampler is None:
            return self._start
        epochs, batches = _counts(self.trainer)
        if epochs.processed == epochs.started:  # between two epochs the batches are still those of the last
            return Position(epochs.processed)
        if batches.processed >= self.trainer.num_training_batches:
            return Position(epochs.processed + 1)
        return self._sampler.position(epochs.processed, batches.processed)

    def _set_first_batch(self, trainer: Trainer) -> None:
        """Makes Lightning begin at the batch behind the samples that are done: it has another number when the batch
        size or the number of devices has changed.

        In the checkpoint, before the loops are restored from it: a schedule that asks for the number of steps has the
        loader made still earlier.
        """
        checkpoint = trainer._checkpoint_connector._loaded_checkpoint
        loops = checkpoint["loops"]["fit_loop"]
        if loops["epoch_progress"]["current"]["processed"] != self._start.epoch:
            return
        sampler = EpochSampler(
            self._dataset(self._sources[0], PairTransform(None)),
            self.seed,
            self.batch_size,
            world_size=trainer.world_size,
            start=self._start,
        )
        batches = loops["epoch_loop.batch_progress"]["current"]
        moved = sampler.first_batch(self._start.epoch) - batches["processed"]
        batches.update({name: count + moved for name, count in batches.items()})

    def _dataset(self, source: PairSource, transform: PairTransform) -> PairDataset:
        return PairDataset(source, self._mapping, transform, self.seed)

    def _loader(self, dataset: PairDataset, sampler: EpochSampler | None) -> PairLoader:
        self.prepare_workers(self.trainer)
        on_cuda = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
        in_group = _is_in_group(self.trainer)
        return PairLoader(dataset, sampler, self.batch_size, self.num_workers, on_cuda, in_group)

    @property
    def _height_and_width(self) -> tuple[int, int] | None:
        if self.image_size is None:
            return None
        sides = [self.image_size] if isinstance(self.image_size, int) else self.image_size
        return sides[0], sides[-1]

    @cached_property
    def _mapping(self) -> ClassMapping:
        check_classes(self.num_classes, self.class_values, self.ignore_index)
        return ClassMapping(self.num_classes, self.class_values, self.ignore_index)

    @cached_property
    def _sources(self) -> tuple[PairSource, PairSource]:
        """For training and for validation."""
        if self.image_path is None or self.gt_path is None:
            train, val = split([f"sample {index}" for index in range(self.sample_pairs)], self.val_fraction, self.seed)
            return SamplePairs(self.seed, train), SamplePairs(self.seed, val)
        pairs = find_pairs(self.image_path, self.gt_path)
        if self.val_image_path is None or self.val_gt_path is None:
            train, val = split([pair.stem for pair in pairs], self.val_fraction, self.seed)
            return (
                FolderPairs(self.image_path, self.gt_path, [pairs[index] for index in train]),
                FolderPairs(self.image_path, self.gt_path, [pairs[index] for index in val]),
            )
        val_pairs = find_pairs(self.val_image_path, self.val_gt_path)
        if Path(self.image_path).samefile(self.val_image_path):
            raise DataError(f"training and validation cannot have the same images: {self.image_path}")
        return (
            FolderPairs(self.image_path, self.gt_path, pairs),
            FolderPairs(self.val_image_path, self.val_gt_path, val_pairs),
        )


def _is_in_group(trainer: Trainer | None) -> bool:
    return trainer is not None and isinstance(trainer.strategy, ParallelStrategy)  # with one device too


def _counts(trainer: Trainer) -> tuple[_ProcessedTracker, _ProcessedTracker]:
    """Lightning's counts of the run's epochs and of the epoch's batches."""
    epochs = trainer.fit_loop.epoch_progress.current
    batches = trainer.fit_loop.epoch_loop.batch_progress.current
    assert isinstance(epochs, _ProcessedTracker)
    assert isinstance(batches, _ProcessedTracker)
    return epochs, batches
