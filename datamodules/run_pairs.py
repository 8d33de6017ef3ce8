"""The pairs of a run: which there are, what is found in their files, and whether they can be trained on."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TypeVar

from datamodules.data_errors import DataError, raised
from datamodules.data_settings import DataSettings
from datamodules.facts import Fact, facts_of_names
from datamodules.finding import classes_of_file, fact_of_gt, fact_of_images, fact_of_samples
from datamodules.gt.decision import GtSettings
from datamodules.gt.labels import ClassMapping
from datamodules.gt.scan import MOST_FILES
from datamodules.image_facts import ImageFacts
from datamodules.loading.pages import with_pages
from datamodules.loading.sources import FolderPairs, ReadSettings
from datamodules.loading.unreadable import Skipped
from datamodules.pair_checks import Check, care_for, check_pairs, check_samples
from datamodules.pairing.pairs import Pairing, PairSettings, pair_folders, pair_validation
from datamodules.pairing.swapped_folders import refuse_swapped
from datamodules.reading.image_files import ImageForm
from datamodules.reading.threads import processors
from datamodules.scanning import Progress, Scan
from datamodules.settings import check_classes, check_folders_named, check_loading
from datamodules.splitting.leaks import refuse_nested_folders, refuse_same_images
from datamodules.splitting.partition import Partition, SplitSettings, divide
from datamodules.splitting.split_settings import check_split
from datamodules.splitting.used_pairs import UsedPairs

Found = TypeVar("Found")


class RunPairs:
    """The pairs that the settings of a data module mean, as these are at the moment.

    Args:
        data: The data module.

    Attributes:
        used: What the run has done with its pairs.
        scan: What was seen of their files.
        on_problem: Called with each problem that leaves something to be looked at; it raises the error, unless
            somebody wants to see the rest too.
    """

    def __init__(self, data: DataSettings) -> None:
        self._data = data
        self.used = UsedPairs()
        self.scan = Scan()
        self.on_problem: Callable[[DataError], None] = raised

    def facts(self, network_channels: int | None, progress: Progress | None) -> Iterator[Fact]:
        """Find what is open; the caller sets what a fact says before it asks for the next one.

        Args:
            network_channels: How many channels the network takes, if that is settled.
            progress: Called after each pair with the number of pairs done and the number of all pairs.

        Raises:
            DataError: The data do not say it; the message says which setting decides.
        """
        stages = (self._facts_of_names, self._facts_of_gt, self._facts_of_images)
        for stage in (self._facts_of_samples,) if self._data.image_path is None else stages:
            try:
                yield from stage(network_channels, progress)
            except DataError as error:
                self.on_problem(error)

    def _facts_of_samples(self, _network_channels: int | None, _progress: Progress | None) -> Iterator[Fact]:
        yield fact_of_samples(self._data.num_classes)

    def _facts_of_names(self, _network_channels: int | None, _progress: Progress | None) -> Iterator[Fact]:
        data = self._data
        if self._pair_settings.is_open:
            refuse_swapped(str(data.image_path), str(data.gt_path), self.pairing.pairs)
        yield from facts_of_names(self.pairing, self._pair_settings, self._val_pairing)

    def _facts_of_gt(self, _network_channels: int | None, progress: Progress | None) -> Iterator[Fact]:
        data = self._data
        if data.classes is not None:
            yield Fact(classes_of_file(data.classes), "")
        if not self._gt_settings.are_complete and sum(map(len, self._all_files)) <= MOST_FILES:
            self.scan.look(self._all_files, progress)  # before their pages are counted, as in `look_at_everything`
        yield from fact_of_gt(self.sources, self._gt_settings, self.scan, data.skip_unreadable, progress)

    def _facts_of_images(self, network_channels: int | None, progress: Progress | None) -> Iterator[Fact]:
        data = self._data
        yield from fact_of_images(self.sources, data.channels, data.image_range, network_channels, self.scan, progress)

    def look_at_everything(self, progress: Progress | None = None) -> None:
        """Decode all files. The first page of each comes first: then their pages need not be counted once more.

        Raises:
            RuntimeError: A process that looks has ended; `launch.lost_workers` explains it.
        """
        workers = processors() if self._data.num_workers else 0
        self.scan.look_at_everything(self._all_files, progress, workers)
        self.scan.look_at_everything(self.sources, progress, workers)

    def check_settings(self) -> None:
        """Check what needs no file.

        Raises:
            DataError: Settings are out of their ranges or do not fit each other.
        """
        data = self._data
        check_folders_named(data.image_path, data.gt_path, data.val_image_path, data.val_gt_path)
        check_loading(data.batch_size, data.num_workers, data.image_size, data.val_fraction, data.sample_pairs)
        check_split(data.split, data.group, data.fold, data.val_image_path is not None)
        refuse_nested_folders(data.image_path, data.val_image_path)

    def check(self, every_gt: bool, progress: Progress | None = None) -> ImageFacts:
        """Find problems of the data before training.

        The settings are valid, all sizes fit, no file lacks its end, and the first pair of each side can be decoded and
        its values have a class. Of a new run, every ground truth is decoded, in `find_facts` or here; of a resumed one,
        every pair that is new.

        Args:
            every_gt: Whether to decode the ground truth also of the pairs that a resumed run has used.
            progress: Called after each pair with the number of pairs done and the number of all pairs.

        Raises:
            DataError: There are problems; the message contains all problems of one kind.
        """
        data, parts = self._data, self.partition
        training, validation = parts.training, parts.validation
        if not (isinstance(training, FolderPairs) and isinstance(validation, FolderPairs)):
            return check_samples(training, data.sample_pairs, self.mapping)
        if data.val_image_path is not None:
            refuse_same_images(training, validation)
        keeps_sizes = data.image_size is None and data.batch_size > 1
        one_size = [keeps_sizes and not data.augmentation, keeps_sizes]
        is_new = self.used.sides is None
        care = [care_for(unseen, is_new_run=is_new, every_gt=every_gt) for unseen in parts.unseen]
        check = Check(self.mapping, self.scan, self.skipped, data.skip_unreadable)
        return check_pairs((training, validation), one_size, care, check, progress)

    @property
    def mapping(self) -> ClassMapping:
        """The class of each value."""
        data = self._data
        num_classes = data.num_classes or 2
        check_classes(num_classes, data.class_values, data.ignore_index, data.ignored_values or ())
        return ClassMapping(num_classes, data.class_values, data.ignore_index, data.ignored_values or ())

    @cached_property
    def skipped(self) -> tuple[Skipped, Skipped]:
        """The pairs for training and for validation that the run does without."""
        data = self._data
        training, validation = (
            Skipped(hashes, self.used.skipped, data.skip_unreadable) for hashes in self.partition.hashes
        )
        return training, validation

    def do_without(self, hashes: Iterable[int]) -> None:
        """Do without pairs that another process could not read, as if this one had tried.

        Args:
            hashes: Those of their stems, as `used` keeps them.
        """
        if not self.used.skipped.issuperset(hashes):
            self.used.skipped.update(hashes)
            vars(self).pop("skipped", None)

    @property
    def fingerprint(self) -> str:
        """The same for the same pairs, on the same sides, with files of the same sizes for validation."""
        return f"{self.partition.trained} {self.partition.validated}"

    def forget(self) -> None:
        """Divide the pairs anew, since a setting has changed, or what the run has used."""
        for name in ("partition", "skipped"):  # the values of the cached properties
            vars(self).pop(name, None)

    @property
    def _pair_settings(self) -> PairSettings:
        data = self._data
        return PairSettings(data.image_pattern, data.gt_pattern, data.pairs, data.allow_unpaired)

    @property
    def _gt_settings(self) -> GtSettings:
        data = self._data
        return GtSettings(
            reading=data.gt_reading,
            class_values=data.class_values,
            ignore_index=data.ignore_index,
            ignored_values=data.ignored_values or (),
            threshold=data.gt_threshold,
            num_classes=data.num_classes,
        )

    @property
    def _read_settings(self) -> ReadSettings:
        """How files become numbers; what is open has a value that reads most files."""
        data = self._data
        low, high = data.image_range or (0, 255)
        form = ImageForm(data.channels or 3, (low, high), data.image_top or 255)
        most_bytes = int(data.max_image_memory * 2**20)
        return ReadSettings(form, data.gt_reading or "values", data.gt_threshold, data.exif_gt, most_bytes)

    @cached_property
    def pairing(self) -> Pairing:
        """Which files belong together, by their names or a table."""
        data = self._data
        return self._paired(lambda settings: pair_folders(str(data.image_path), str(data.gt_path), settings))

    @cached_property
    def _val_pairing(self) -> Pairing | None:
        data = self._data
        return self._paired(
            lambda settings: pair_validation(data.val_image_path, data.val_gt_path, settings, self.pairing)
        )

    def _paired(self, pair: Callable[[PairSettings], Found]) -> Found:
        try:
            return pair(self._pair_settings)
        except DataError as error:
            if self._data.allow_unpaired:
                raise
            self.on_problem(error)
            return pair(self._pair_settings._replace(allow_unpaired=True))

    @cached_property
    def _all_pairs(self) -> list[FolderPairs]:
        """All pairs of the folders, each page of a file by itself, and those for validation behind them."""
        return [with_pages(source, self.scan.pages, self.on_problem) for source in self._all_files]

    @cached_property
    def _all_files(self) -> list[FolderPairs]:
        """The same without regard to pages."""
        data, how = self._data, self._read_settings
        if data.image_path is None:
            return []
        sources = [FolderPairs(data.image_path, str(data.gt_path), self.pairing.pairs, how)]
        if self._val_pairing is not None:
            paths = str(data.val_image_path), str(data.val_gt_path)
            sources.append(FolderPairs(*paths, self._val_pairing.pairs, how))
        return sources

    @property
    def sources(self) -> list[FolderPairs]:
        """All pairs of the folders; those for validation, if they have folders of their own, are the second item."""
        return [source.read_by(self._read_settings) for source in self._all_pairs]

    @cached_property
    def partition(self) -> Partition:
        """The pairs for training and for validation."""
        data = self._data
        seed = data.seed if data.split_seed is None else data.split_seed
        settings = SplitSettings(data.val_fraction, seed, data.split, data.group, data.fold)
        return divide(self.sources, data.sample_pairs, settings, self.used.sides, self.used.validated)
