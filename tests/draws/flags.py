"""Every flag of `--help`, and what becomes of a run that is resumed with another value of it."""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What must hold for the resumed run."""

    SAME = "bit for bit the run that was never stopped and had the old value"
    SAID = "trained to its end with finite weights, and what has changed was said"
    REFUSED = "exit code 2 with one message, and every file as it was"
    TRIAL = "tried from the start, and every file as it was"


@dataclass(frozen=True)
class Change:
    """A changed flag at a resume.

    Attributes:
        verdict: What must hold.
        values: What to draw from, each the words that are typed after the command that resumes.
        said: What the output must contain; empty: the name of the flag.
    """

    verdict: Verdict
    values: tuple[tuple[str, ...], ...]
    said: str = ""


def _rows(verdict: Verdict, *rows: tuple[str, ...], said: str = "") -> dict[str, Change]:
    return {key: Change(verdict, tuple((f"--{key}={value}",) for value in values), said) for key, *values in rows}


CHANGES: dict[str, Change] = {
    **_rows(
        Verdict.SAME,
        ("checkpoint.every_n_epochs", "2", "5"),
        ("checkpoint.keep_last", "0", "1"),
        ("data.allow_unpaired", "true"),
        ("data.class_names", "[ground,cell]"),
        ("data.exif_gt", "turn", "keep"),
        ("data.fold", "1/3"),
        ("data.group", "cell"),
        ("data.image_pattern", "{stem}.png"),
        ("data.image_range", "[0,100]"),
        ("data.max_image_memory", "100"),
        ("data.num_workers", "1"),
        ("data.skip_unreadable", "1"),
        ("data.split", "lists.csv"),
        ("data.split_seed", "3"),
        ("data.val_fraction", "0.5"),
        ("lang", "en", "zh"),
        ("checkpoint.save_every_minutes", "0", "0.000000001"),
        ("trainer.default_root_dir", "."),
        ("trainer.detect_anomaly", "true"),
        ("trainer.enable_autolog_hparams", "false"),
        ("trainer.enable_checkpointing", "true"),
        ("trainer.enable_model_summary", "true"),
        ("trainer.enable_progress_bar", "false"),
        ("trainer.limit_predict_batches", "3"),
        ("trainer.limit_test_batches", "3"),
        ("trainer.log_every_n_steps", "1"),
        ("trainer.max_time", "00:01:00:00"),
        ("trainer.min_epochs", "1"),
        ("trainer.min_steps", "2"),
        ("trainer.model_registry", "name"),
        ("trainer.num_sanity_val_steps", "0", "1"),
        ("trainer.profiler", "simple"),
    ),
    **_rows(
        Verdict.SAID,
        ("data.batch_size", "1", "3", "4"),
        ("data.gt_threshold", "3"),
        ("data.augmentation", "[]"),
        ("data.image_size", "24", "[16,32]"),
        ("data.sample_pairs", "20"),
        ("model.dice_weight", "0", "2.5"),
        ("seed_everything", "7"),
        ("trainer.accumulate_grad_batches", "2", "3"),
        ("trainer.benchmark", "true"),
        ("trainer.check_val_every_n_epoch", "2"),
        ("trainer.deterministic", "true", "warn"),
        ("trainer.gradient_clip_algorithm", "value"),
        ("trainer.gradient_clip_val", "0.05", "1"),
        ("trainer.inference_mode", "false"),
        ("trainer.limit_train_batches", "2", "0.5"),
        ("trainer.limit_val_batches", "1", "0.5"),
        ("trainer.precision", "bf16-mixed", "64-true"),
        ("trainer.reload_dataloaders_every_n_epochs", "1"),
        ("trainer.sync_batchnorm", "true"),
        ("trainer.use_distributed_sampler", "true"),
        ("trainer.val_check_interval", "0.5", "2"),
    ),
    **_rows(
        Verdict.SAID,
        ("trainer.max_epochs", "4", "5"),
        ("trainer.max_steps", "11"),
        said="Learning rate on the new length",
    ),
    "model.optimizer": Change(
        Verdict.SAID,
        (
            ("--model.optimizer.lr=0.001",),
            ("--model.optimizer.weight_decay=0.3",),
            ("--model.optimizer.maximize=true",),
        ),
    ),
    "trainer.callbacks": Change(
        Verdict.SAID,
        (("--trainer.callbacks+=EMAWeightAveraging",), ("--trainer.callbacks+=lightning.pytorch.callbacks.Timer",)),
    ),
    "checkpoint.monitor": Change(
        Verdict.SAID, (("--checkpoint.monitor=val/dice",), ("--checkpoint.monitor=val/iou_per_image",))
    ),
    "checkpoint.mode": Change(Verdict.REFUSED, (("--checkpoint.mode=min",),)),
    "trainer.logger": Change(
        Verdict.SAME,
        (("--trainer.logger=CSVLogger", "--trainer.logger.save_dir=logs", "--trainer.log_every_n_steps=1"),),
    ),
    **_rows(
        Verdict.REFUSED,
        ("data.channels", "1"),
        ("data.classes", "nowhere.yaml"),
        ("data.gt_reading", "nonzero"),
        ("data.ignore_index", "0"),
        ("data.ignored_values", "[9]"),
        ("data.image_top", "1"),
        ("data.val_gt_path", "nowhere"),
        ("data.val_image_path", "nowhere"),
        ("trainer.barebones", "true"),
        ("data.class_values", "[3,9]"),
        ("data.gt_path", "nowhere"),
        ("data.gt_pattern", "nowhere_{stem}.*"),
        ("data.image_path", "nowhere"),
        ("data.num_classes", "3"),
        ("data.pairs", "nowhere.csv"),
        ("model.lr_scheduler", "StepLR"),
        ("model.lr_scheduler_interval", "step"),
        ("model.network", "lit_modules.Segmentation", "torch.nn.ReLU"),
        ("trainer.overfit_batches", "1"),
        ("train_minutes", "1"),
    ),
    **_rows(Verdict.TRIAL, ("trainer.fast_dev_run", "true", "2")),
}
# What a draw does not change, and why.
NOT_DRAWN = {
    "break_lock": "belongs to a start, not to the run",
    "check_data": "trains nothing",
    "checkpoint_dir": "belongs to a start; the draws themselves need it",
    "ckpt_path": "belongs to a start; every draw uses it",
    "config": "the values of other flags, from a file",
    "no_interactive": "belongs to a start; every draw uses it",
    "print_config": "trains nothing",
    "trust": "belongs to a start; the draws resume own runs",
    "model.compile_network": "takes minutes; test_exact_resume.py has a compiled run",
    "trainer.accelerator": "needs another device",
    "trainer.devices": "starts further processes, which tests of many processes do",
    "trainer.num_nodes": "needs other machines",
    "trainer.plugins": "objects of other packages; clusters and precision are tested elsewhere",
    "trainer.strategy": "starts further processes, which tests of many processes do",
}
