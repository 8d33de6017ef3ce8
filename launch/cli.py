"""The configuration of a run: which settings exist, and what is built from them."""

from argparse import ArgumentError
from collections.abc import Collection, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.cli import ArgsType, LightningArgumentParser, LightningCLI
from typing_extensions import override

from callbacks import CheckpointFiles
from datamodules import PairedImages
from launch.config_errors import ConfigError, as_config_error, without_types
from launch.config_text import plain_values
from launch.config_values import value_problems
from launch.loggers import default_logger, logger_keys, settled
from launch.own_split import settle_split
from launch.parser import Parser
from launch.plugins import cluster_plugins, fix_bucket_order
from launch.time_limit import seconds_per_start, without_time_limits
from launch.yaml_text import yaml_text
from lit_modules import Segmentation
from resume.checkpoints.run_entry import DataPaths
from resume.configuration import CONFIGS, flat, plain_key, read_keys
from resume.flags import FLAGS, NOT_SAVED
from resume.system.output import text
from resume.system.settings_loader import SettingsLoader

# Settings of one part that another part decides, so that they cannot differ.
LINKS = {
    "data.seed": "seed_everything",
    "model.num_classes": "data.num_classes",
    "model.ignore_index": "data.ignore_index",
}


# To these, `--data.augmentation+=...` and the like add. An augmentation may be there twice.
_LISTS = ("data.init_args.augmentation", "trainer.logger", "trainer.plugins")


class TrainCLI(LightningCLI):
    """LightningCLI over the parts of this project. It builds the datamodule, and later the module and the trainer.

    Args:
        args: Command line with LightningCLI's own keys; a `--config` for each base configuration comes first.
        wants_help: Whether to print the help, with every setting of data and model in a list of its own.
        run_config: The configuration in the checkpoint of a resume, as YAML text; None for a new run.
        run_loggers: The ids and versions of its loggers in the checkpoint of a resume.

    Attributes:
        logger_keys: The name of each logger in the run entry.
        overruled: Settings of the split that are not as configured, but as in the run that is resumed.
        given: The keys of all settings that the command line and its configurations name.

    Raises:
        ConfigError: An unknown key, a value of the wrong type, or a setting that a class refuses.
    """

    datamodule: PairedImages
    model: Segmentation

    def __init__(
        self,
        args: list[str],
        *,
        wants_help: bool = False,
        run_config: str | None = None,
        run_loggers: Mapping[str, str] | None = None,
    ) -> None:
        self._wants_help = wants_help
        self._run_config = run_config
        self._run_loggers = run_loggers or {}
        self._texts: dict[str, str] = {}
        try:
            super().__init__(
                save_config_callback=None,  # the callback RunState writes config.yaml, once nothing can fail any more
                parser_class=Parser,
                parser_kwargs={
                    "prog": "train.py",
                    "usage": "python train.py [flags]",
                    "description": "Everything that can be configured, with the values of the default configuration:",
                    "allow_abbrev": False,
                    "exit_on_error": False,
                },
                args=args,
                run=False,
                auto_configure_optimizers=False,
                load_from_checkpoint_support=False,
            )
        except ArgumentError as error:
            raise ConfigError(without_types(str(error))) from error

    @override
    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        # Lightning's own version warns that sys.argv exists too.
        assert isinstance(args, list)
        self.given = _given(args)
        _refuse_linked(self.given)
        self.config = parser.parse_args(args)
        if self.config.trainer.logger in (True, None):  # to Lightning, both mean its own choice
            self.config = parser.parse_args([*args, f"--trainer.logger={default_logger()}"])
        problems = value_problems(self.config, LINKS)
        if problems:
            raise ConfigError("\n".join(problems))
        # A restarted job adds the callbacks of its command line to a configuration that already has them.
        callbacks = self.config.trainer.callbacks
        if isinstance(callbacks, list):
            self.config.trainer.callbacks = [one for i, one in enumerate(callbacks) if one not in callbacks[:i]]
        if self._run_config:
            _drop_repeated(self.config, yaml.safe_load(self._run_config))

    @override
    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        if self._wants_help:
            # As classes, jsonargparse would list their settings under --data.help and --model.help only.
            parser.add_class_arguments(PairedImages, "data", skip={"seed"})
            parser.add_class_arguments(Segmentation, "model", skip={"num_classes", "ignore_index"}, sub_configs=True)
        else:
            # Without a default, jsonargparse would also accept null, and name it in every message about a value.
            for part, key in ((PairedImages, "data"), (Segmentation, "model")):
                class_path = f"{part.__module__.partition('.')[0]}.{part.__name__}"
                parser.add_subclass_arguments(part, key, fail_untyped=False, default={"class_path": class_path})
            parser.link_arguments("seed_everything", "data.init_args.seed")
            parser.link_arguments("data.num_classes", "model.init_args.num_classes", apply_on="instantiate")
            parser.link_arguments("data.ignore_index", "model.init_args.ignore_index", apply_on="instantiate")
        parser.add_class_arguments(CheckpointFiles, "checkpoint", skip={"dirpath", "keeps_scores"}, instantiate=False)
        parser.add_lightning_class_args(Trainer, "trainer")

    @override
    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        for flag in FLAGS:
            if flag.setting is not None:
                parser.add_argument(
                    f"--{flag.key}", type=flag.setting.type, default=flag.setting.default, help=flag.help
                )
        if self._wants_help:
            parser.set_defaults(_default_values())

    @override
    def instantiate_classes(self) -> None:
        """Build the datamodule, which finds what the configuration leaves open; `build` builds the rest after that."""
        self.overruled = settle_split(self.config, self.seed, self._run_config)
        self.logger_keys = logger_keys(self.config)
        parser = Parser(exit_on_error=False)
        parser.add_subclass_arguments(PairedImages, "data", fail_untyped=False)
        with as_config_error():
            self.datamodule = parser.instantiate(_part(self.config, "data")).data

    def build(self) -> None:
        """Build the module, once no setting is open any more. `build_trainer` builds the trainer.

        Raises:
            ConfigError: A class refuses its settings.
        """
        config = self.config.clone()
        config.data = self.datamodule
        config.trainer.logger = settled(self.config, self._run_loggers)
        with as_config_error():
            self.config_init = self.parser.instantiate(config)
        self.model = self.config_init.model

    @property
    def seed(self) -> int:
        """The run's one seed: network weights, sample order, augmentation and dropout follow from it."""
        return int(self.config.seed_everything)

    @property
    def data_paths(self) -> DataPaths:
        """The folders of the data as configured."""
        data = self.config.data.init_args
        return DataPaths(data.image_path, data.gt_path, data.val_image_path, data.val_gt_path)

    @property
    def is_trial(self) -> bool:
        """Whether this start only tries whether training runs: it writes nothing, and begins at the first step."""
        return bool(self.config.trainer.fast_dev_run)

    @property
    def seconds_per_start(self) -> float | None:
        """How long each start may train; None means without a limit."""
        return seconds_per_start(self.config_init.trainer.max_time, self.configured_callbacks)

    @property
    def configured_callbacks(self) -> list[Callback]:
        """The callbacks of the configuration, built, without the program's own."""
        return _as_list(self.config_init.trainer.callbacks)

    def build_trainer(self, callbacks: list[Callback], checkpoint_io: CheckpointIO) -> Trainer:
        """The trainer of the configuration, with the program's own callbacks after the configured ones.

        Raises:
            ConfigError: The settings do not fit each other or this machine.
        """
        settings = dict(self.config_init.trainer)
        configured = without_time_limits(_as_list(settings.pop("callbacks")))
        plugins = _as_list(settings.pop("plugins"))
        with as_config_error():
            if self.seconds_per_start is not None and settings["max_epochs"] is None:
                settings["max_epochs"] = -1  # the time is the limit, as Lightning has it; not its 1000 epochs
            settings["max_time"] = None  # the callback Interrupt stops the run
            plugins = [*plugins, *cluster_plugins(plugins), checkpoint_io]
            trainer = Trainer(**settings, callbacks=[*configured, *callbacks], plugins=plugins)
        fix_bucket_order(trainer)
        return trainer

    def config_text(self, config: Namespace | None = None) -> str:
        """The resolved configuration as YAML that `--config` accepts, without what belongs to one start only."""
        config = self.config if config is None else config
        content = repr(config)
        if content not in self._texts:  # a start needs it often, and to write it takes a tenth of a second
            self._texts[content] = self._written(config)
        return self._texts[content]

    def _written(self, config: Namespace) -> str:
        kept = plain_values(yaml.safe_load(self.parser.dump(config, skip_unset=False)), config)
        for key in NOT_SAVED:
            kept.pop(key, None)
        kept["trainer"].pop("fast_dev_run")  # a trial is no setting of the run
        return yaml_text(kept)


def _part(config: Namespace, key: str) -> Namespace:
    part: Namespace = config.clone()
    for other in set(vars(part)) - {key}:
        del part[other]
    return part


def _as_list(setting: Any) -> list[Any]:
    return setting if isinstance(setting, list) else [setting] if setting is not None else []


def _default_values() -> dict[str, Any]:
    """The values of the default configuration, one level deep, the settings of data and model without their class."""
    content = yaml.safe_load((CONFIGS / "default.yaml").read_text(encoding="utf-8"))
    values: dict[str, Any] = {}
    for group, settings in content.items():
        if isinstance(settings, dict):
            values |= {f"{group}.{key}": value for key, value in settings.get("init_args", settings).items()}
        else:
            values[group] = settings
    return values


def _given(args: list[str]) -> frozenset[str]:
    """The keys that the command line and its configurations name, without `init_args`."""
    given = {plain_key(word[2:].partition("=")[0]) for word in args if word.startswith("--")}
    for flag, value in pairwise(args):
        is_yaml = "\n" in value  # the configuration of a run; as a name it is too long for the system
        if flag == "--config" and is_yaml:
            given |= flat(yaml.load(value, Loader=SettingsLoader)).keys()  # noqa: S506 - a SafeLoader
        elif flag == "--config" and Path(value).is_file():
            given |= read_keys(Path(value)).keys()
    return frozenset(given)


def _refuse_linked(given: Collection[str]) -> None:
    """Refuse settings that follow from others; the parser would silently ignore a value for them."""
    for key, source in LINKS.items():
        if key in given:
            raise ConfigError(
                text("--{key} cannot be set: it follows --{source}. Set that instead.").format(key=key, source=source)
            )


def _drop_repeated(config: Namespace, run_config: dict[str, Any]) -> None:
    """Drop what a restarted job adds to the lists of its run, if they already end with it."""
    for key in _LISTS:
        group, *inner, last = key.split(".")
        before, now = run_config.get(group), config.get(key)
        for name in [*inner, last]:
            before = (before or {}).get(name)
        if not isinstance(before, list) or not isinstance(now, list):
            continue
        added = now[len(before) :]
        if now[max(0, len(before) - len(added)) : len(before)] == added:
            config[key] = now[: len(before)]
