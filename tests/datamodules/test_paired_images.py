import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from datamodules import DataError, PairedImages
from tests.helpers.loaders import ending_workers
from tests.helpers.real_data import REAL

WritePairs = Callable[..., tuple[str, str]]
# A spawned worker imports torch anew.
START_METHODS = ["spawn"] if os.name == "nt" else ["fork", pytest.param("spawn", marks=pytest.mark.slow)]


class Recorder(LightningModule):
    """Records the bytes of each sample, with its epoch and batch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.seen: list[tuple[int, int, bytes]] = []
        self.validated = 0

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        self.seen += [(self.current_epoch, batch_idx, image.numpy().tobytes()) for image in batch[0]]
        return self.weight * batch[0].mean()

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.validated += len(batch[0])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        # Like the default schedule: Lightning then builds the loader before it restores the counts of the checkpoint.
        assert self.trainer.estimated_stepping_batches > 0
        return torch.optim.SGD(self.parameters(), lr=0.1)


class SaveAt(Callback):
    """Saves one checkpoint: after a number of steps, or at the end of an epoch or of its validation."""

    def __init__(self, file: Path, batch: int = -1, epoch_end: int = -1, validation_end: int = -1) -> None:
        self.file, self.batch, self.epoch_end, self.validation_end = file, batch, epoch_end, validation_end

    def on_train_batch_end(self, trainer: Trainer, *args: object, **kwargs: object) -> None:
        if trainer.global_step == self.batch:
            trainer.save_checkpoint(self.file)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == self.epoch_end:
            trainer.save_checkpoint(self.file)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == self.validation_end and not trainer.sanity_checking:
            trainer.save_checkpoint(self.file)


def data(paths: tuple[str, str], **settings: Any) -> PairedImages:
    return PairedImages(*paths, **{"image_size": 8, "batch_size": 3, "num_workers": 0, "val_fraction": 0.3} | settings)


def fit(datamodule: PairedImages, ckpt_path: Path | None = None, *callbacks: Callback, **settings: Any) -> Recorder:
    module = Recorder()
    trainer = Trainer(
        accelerator="cpu", max_epochs=3, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=list(callbacks), num_sanity_val_steps=0, **settings,
    )  # fmt: skip
    trainer.fit(module, datamodule=datamodule, ckpt_path=ckpt_path)
    return module


# Warnings of Lightning 2.6 in every run with a small dataset.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*:FutureWarning"),
]


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("at", [{"batch": 1}, {"batch": 5}, {"batch": 7}, {"epoch_end": 0}, {"validation_end": 1}])
def test_a_resumed_run_continues_with_the_samples_of_the_uninterrupted_run(
    write_pairs: WritePairs, tmp_path: Path, at: dict[str, int], num_workers: int
) -> None:
    file = tmp_path / "a.ckpt"
    paths = write_pairs(16)
    whole = fit(data(paths), None, SaveAt(file, **at)).seen
    rest = fit(data(paths, num_workers=num_workers), file).seen
    assert rest
    assert rest == whole[-len(rest) :]
    state = torch.load(file, weights_only=True)
    assert len(rest) == len(whole) - state["global_step"] * 3 + short_batches(whole, state["global_step"])


def short_batches(seen: list[tuple[int, int, bytes]], steps: int) -> int:
    """Count the samples that the first `steps` batches lack to three samples each."""
    batches = sorted({(epoch, batch) for epoch, batch, _ in seen})[:steps]
    return sum(3 - sum((epoch, batch) == key for epoch, batch, _ in seen) for key in batches)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 50])
def test_after_a_change_of_batch_size_no_sample_is_repeated_or_missed(
    write_pairs: WritePairs, tmp_path: Path, batch_size: int
) -> None:
    file = tmp_path / "a.ckpt"
    paths = write_pairs(17)
    whole = fit(data(paths), None, SaveAt(file, batch=6)).seen
    module = fit(data(paths, batch_size=batch_size), file)
    done = torch.load(file, weights_only=True)["PairedImages"]
    per_epoch = [image for epoch, _, image in whole if epoch == done["epoch"]]
    resumed = [image for epoch, _, image in module.seen if epoch == done["epoch"]]
    common = min(len(resumed), len(per_epoch) - done["samples_done"])
    assert resumed[:common] == per_epoch[done["samples_done"] :][:common]
    assert len(data(paths).train_dataloader().dataset) - done["samples_done"] - len(resumed) in (0, 1)  # type: ignore[arg-type]
    assert module.validated == 2 * len(data(paths).val_dataloader().dataset)  # type: ignore[arg-type]
    batches = [batch for epoch, batch, _ in module.seen if epoch == done["epoch"]]
    assert batches[-1] + 1 == len(data(paths, batch_size=batch_size).train_dataloader())


@pytest.mark.parametrize("pairs", [4, 17, 24])
def test_after_a_change_of_the_files_the_epoch_starts_again_and_is_validated(
    write_pairs: WritePairs, tmp_path: Path, pairs: int
) -> None:
    file = tmp_path / "a.ckpt"
    fit(data(write_pairs(16)), None, SaveAt(file, batch=2))
    paths = write_pairs(pairs, name="other")
    module = fit(data(paths), file)
    assert [epoch for epoch, _, _ in module.seen] == [epoch for epoch, _, _ in fit(data(paths)).seen]
    assert module.validated == 3 * len(data(paths).val_dataloader().dataset)  # type: ignore[arg-type]


@pytest.mark.parametrize("changed", ["seed", "files"])
def test_in_another_order_the_epoch_starts_again_so_that_no_sample_is_missed(
    write_pairs: WritePairs, tmp_path: Path, changed: str
) -> None:
    file = tmp_path / "a.ckpt"
    paths = write_pairs(16)
    fit(data(paths, augmentation=[]), None, SaveAt(file, batch=2))
    seed = 0
    if changed == "seed":
        seed = 5
    else:  # as many as before, but others
        name = Path(data(paths).train_dataloader().dataset._source.image_file(0)).name  # type: ignore[attr-defined]
        for path in paths:
            Path(path, name).rename(Path(path, "zz.png"))
    module = fit(data(paths, seed=seed, split_seed=0, augmentation=[]), file)
    first = [image for epoch, _, image in module.seen if epoch == 0]
    assert len(set(first)) == len(first) == len([image for epoch, _, image in module.seen if epoch == 1])


def test_the_checkpoint_holds_the_position(write_pairs: WritePairs, tmp_path: Path) -> None:
    paths = write_pairs(16)
    samples = len(data(paths).train_dataloader().dataset)  # type: ignore[arg-type]
    for at, expected in (
        ({"batch": 2}, {"epoch": 0, "samples_done": 6, "samples": samples}),
        ({"epoch_end": 1}, {"epoch": 2, "samples_done": 0, "samples": 0}),
        ({"validation_end": 1}, {"epoch": 2, "samples_done": 0, "samples": 0}),
    ):
        fit(data(paths), None, SaveAt(tmp_path / "a.ckpt", **at))
        state = torch.load(tmp_path / "a.ckpt", weights_only=True)["PairedImages"]
        assert {name: state[name] for name in expected} == expected


def test_a_second_fit_without_a_checkpoint_starts_at_the_beginning(write_pairs: WritePairs, tmp_path: Path) -> None:
    file = tmp_path / "a.ckpt"
    datamodule = data(write_pairs(16))
    whole = fit(datamodule, None, SaveAt(file, batch=2)).seen
    fit(datamodule, file)
    assert fit(datamodule).seen == whole


@pytest.mark.parametrize("start_method", START_METHODS)
def test_order_and_augmentation_are_the_same_with_and_without_workers(
    write_pairs: WritePairs, start_method: str
) -> None:
    paths = write_pairs(8)
    alone, shared = data(paths).train_dataloader(), data(paths, num_workers=2).train_dataloader()
    shared.multiprocessing_context = start_method
    with ending_workers(shared):
        for epoch in range(2):
            for loader in (alone, shared):
                loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
            for (image, target), (same_image, same_target) in zip(alone, shared, strict=True):
                assert torch.equal(image, same_image)
                assert torch.equal(target, same_target)


def test_validation_has_the_same_images_every_time(write_pairs: WritePairs) -> None:
    loader = data(write_pairs(12)).val_dataloader()
    assert all(torch.equal(a[0], b[0]) for a, b in zip(loader, loader, strict=True))


def test_with_a_separate_validation_set_all_pairs_are_for_training(write_pairs: WritePairs) -> None:
    paths, val_paths = write_pairs(6), write_pairs(["a", "b", "c"], name="val")
    datamodule = data(paths, val_image_path=val_paths[0], val_gt_path=val_paths[1])
    datamodule.check(every_gt=True)
    train, val = f"from {paths[0]} and {paths[1]}", f"from {val_paths[0]} and {val_paths[1]}"
    images = "images of 8 × 8 pixels, each standardised to mean 0 and standard deviation 1"
    assert datamodule.describe() == f"6 pairs for training, {train}; 3 for validation, {val}; {images}"


def test_validation_with_the_training_images_is_an_error(write_pairs: WritePairs) -> None:
    paths = write_pairs(6)
    with pytest.raises(DataError, match="Training and validation"):
        data(paths, val_image_path=paths[0], val_gt_path=paths[1]).check(every_gt=False)


def test_the_built_in_sample_set_needs_no_files() -> None:
    datamodule = PairedImages(None, None, sample_pairs=10, image_size=32, batch_size=4, num_workers=0)
    datamodule.check(every_gt=True)
    assert "from the built-in sample set (drawn, seed 0)" in datamodule.describe()
    image, target = next(iter(datamodule.train_dataloader()))
    assert image.shape == (4, 3, 32, 32)
    assert target.unique().tolist() == [0, 1]


def test_the_data_line_counts_the_pairs_and_names_the_folders(write_pairs: WritePairs) -> None:
    paths = write_pairs(["a", "b"])
    assert data(paths).describe() == f"1 pair for training, 1 for validation, from {paths[0]} and {paths[1]}"


def test_class_mapping_is_from_value_to_class_id(write_pairs: WritePairs) -> None:
    assert data(write_pairs(2)).class_mapping == {"0": 0, "1": 1, "255": 1}
    assert data(write_pairs(2), num_classes=3, class_values=[0, 128, 255]).class_mapping == {
        "0": 0,
        "128": 1,
        "255": 2,
    }


@pytest.mark.parametrize("settings", [{"batch_size": 0}, {"num_classes": 1}, {"val_gt_path": "gt"}])
def test_check_refuses_invalid_settings(write_pairs: WritePairs, settings: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=f"--(data.)?{next(iter(settings))}"):
        data(write_pairs(4), **settings).check(every_gt=False)


def test_check_refuses_different_sizes_if_no_image_size_is_set(
    write_pairs: WritePairs, write_pair: Callable[..., None]
) -> None:
    paths = write_pairs(8)
    write_pair("pair_0", size=12)
    write_pair("pair_1", size=16)
    datamodule = data(paths, image_size=None)
    with pytest.raises(DataError, match="one batch"):
        datamodule.check(every_gt=True)
    data(paths, image_size=None, batch_size=1).check(every_gt=True)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_file_that_is_damaged_in_training_gives_a_message_without_traceback(
    write_pairs: WritePairs, num_workers: int
) -> None:
    paths = write_pairs(4)
    loader = data(paths, num_workers=num_workers).train_dataloader()
    for file in Path(paths[0]).iterdir():
        file.write_bytes(b"")
    with ending_workers(loader), pytest.raises(DataError) as error:
        next(iter(loader))
    assert "Traceback" not in str(error.value)
    assert "cannot be read as an image" in str(error.value)


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("start_method", START_METHODS)
def test_an_error_in_a_worker_is_in_the_language_of_the_program(write_pairs: WritePairs, start_method: str) -> None:
    paths = write_pairs(4)
    loader = data(paths, num_workers=1).train_dataloader()
    loader.multiprocessing_context = start_method
    for file in Path(paths[0]).iterdir():
        file.write_bytes(b"")
    with (
        ending_workers(loader),
        pytest.raises(DataError, match=r"\.png 无法作为图像读取: 它不是图像，或文件开头已损坏$"),
    ):
        next(iter(loader))


@pytest.mark.usefixtures("chinese")
def test_the_data_line_is_in_the_language_of_the_program(write_pairs: WritePairs) -> None:
    paths = write_pairs(["a", "b"])
    assert data(paths).describe() == f"训练 1 对，验证 1 对，来自 {paths[0]} 和 {paths[1]}"


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")
def test_a_real_set_passes_the_check_and_loads() -> None:
    folder = REAL / "dsb2018_mini"
    datamodule = data((str(folder / "images"), str(folder / "gt")), image_size=64)
    datamodule.check(every_gt=True)
    for image, target in datamodule.val_dataloader():
        assert image.isfinite().all()
        assert set(target.unique().tolist()) <= {0, 1}
