"""The configuration of a run: which settings exist, and what is built from them."""

import os
from argparse import ArgumentError
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from lightning.fabric.plugins import CheckpointIO
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from typing_extensions import override

from callbacks import CheckpointFiles
from datamodules import PairedImages
from launch.bucket_order import keep_buckets
from launch.plugins import cluster_plugins
from lit_modules import Segmentation

# Set anew by every start of the program, so no part of what the run is.
NOT_SAVED = ("config", "ckpt_path", "no_interactive", "break_lock")


class ConfigError(Exception):
    """A flag or a configuration file that does not fit; the message says which."""


@contextmanager
def as_config_error() -> Iterator[None]:
    """A class that refuses its settings says why; to the user that is a wrong configuration, not a fault."""
    try:
        yield
    except (ValueError, TypeError, MisconfigurationException) as error:
        raise ConfigError(str(error)) from error


class Utf8Parser(LightningArgumentParser):
    """Reads configuration files as UTF-8 on every system; jsonargparse takes the locale's encoding."""

    @override
    def parse_path(self, path: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Namespace:
        parsed: Namespace = self.parse_string(Path(path).read_text(encoding="utf-8"), path, *args, **kwargs)
        return parsed


class TrainCLI(LightningCLI):
    """LightningCLI over the parts of this project; `build` makes them, in the order in which they depend on each other.

    Args:
        args: Command line in LightningCLI's own spelling; a `--config` for the base configuration comes first.
        help_base: The configuration whose values `--help` shows as defaults.

    Raises:
        ConfigError: An unknown key or a value of the wrong type.
    """

    datamodule: PairedImages
    model: Segmentation

    def __init__(self, args: list[str], help_base: Path | None = None) -> None:
        files = [str(help_base)] if help_base else []
        try:
            super().__init__(
                save_config_callback=None,  # config.yaml is written by train.py, once nothing can fail any more
                parser_class=Utf8Parser,
                parser_kwargs={
                    "prog": "train.py",
                    "usage": "python train.py [flags]",
                    "description": "Everything that can be configured, with the values of the default configuration:",
                    "allow_abbrev": False,
                    "exit_on_error": False,
                    "default_config_files": files,
                },
                args=args,
                run=False,
                auto_configure_optimizers=False,
                load_from_checkpoint_support=False,
            )
        except ArgumentError as error:
            raise ConfigError(str(error)) from error

    @override
    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        # Lightning's own version warns that sys.argv is there too.
        assert isinstance(args, list)
        self.config = parser.parse_args(args)
        # A job that is started again adds what its command line adds to a configuration that has it already.
        callbacks = self.config.trainer.callbacks
        if isinstance(callbacks, list):
            self.config.trainer.callbacks = [one for i, one in enumerate(callbacks) if one not in callbacks[:i]]

    @override
    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        # What is skipped has one source elsewhere in the configuration and is passed on in `build`.
        parser.add_class_arguments(PairedImages, "data", skip={"seed"}, instantiate=False)
        parser.add_class_arguments(
            Segmentation, "model", skip={"num_classes", "ignore_index"}, instantiate=False, sub_configs=True
        )
        parser.add_class_arguments(CheckpointFiles, "checkpoint", skip={"dirpath"}, instantiate=False)
        parser.add_lightning_class_args(Trainer, "trainer")

    @override
    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument("--checkpoint_dir", type=str, default="checkpoints", help="Folder of the run's files.")
        parser.add_argument("--lang", type=str, default="auto", help="Language of the menu and the plot: auto, en, zh.")
        parser.add_argument("--ckpt_path", type=str | None, default=None, help="Checkpoint to resume from.")
        parser.add_argument("--no_interactive", type=bool, default=False, help="Ask nothing.")
        parser.add_argument("--break_lock", type=bool, default=False, help="Pass over another host's lock.")

    @override
    def instantiate_classes(self) -> None:
        """Build what the checks need: datamodule and module. The trainer comes with `build_trainer`."""
        with as_config_error():
            self.config_init = self.parser.instantiate(self.config)
        self.datamodule = PairedImages(**self.config_init.data, seed=self.seed)
        self.model = Segmentation(
            **self.config_init.model,
            num_classes=self.datamodule.num_classes,
            ignore_index=self.datamodule.ignore_index,
        )

    @property
    def seed(self) -> int:
        """The run's one seed: network weights, split, sample order, augmentation and dropout follow from it."""
        return int(self.config.seed_everything)

    def build_trainer(self, callbacks: list[Callback], checkpoint_io: CheckpointIO) -> Trainer:
        """The trainer of the configuration, with the program's own callbacks after the configured ones.

        Raises:
            ConfigError: The settings do not fit each other or this machine.
        """
        settings = dict(self.config_init.trainer)
        configured = settings.pop("callbacks") or []
        configured = configured if isinstance(configured, list) else [configured]
        plugins = settings.pop("plugins") or []
        plugins = plugins if isinstance(plugins, list) else [plugins]
        with as_config_error():
            plugins = [*plugins, *cluster_plugins(plugins), checkpoint_io]
            trainer = Trainer(**settings, callbacks=[*configured, *callbacks], plugins=plugins)
        keep_buckets(trainer)
        return trainer

    def config_text(self) -> str:
        """The resolved configuration as YAML that `--config` takes, without what belongs to one start only."""
        kept = yaml.safe_load(self.parser.dump(self.config, skip_unset=False))
        for key in NOT_SAVED:
            kept.pop(key, None)
        kept["trainer"].pop("fast_dev_run")  # a trial run is no setting of the run
        return yaml.safe_dump(kept, allow_unicode=True, sort_keys=False)
