"""The everyday flags, in one table: what users type, the key that the configuration knows, and the help."""

from dataclasses import dataclass
from typing import Any

from resume.system.output import catalogued, text, translated

LANGUAGES = ("auto", "en", "zh")


@dataclass(frozen=True)
class Setting:
    """A setting of the program itself, which the parser gets from this table.

    Attributes:
        type: What the parser accepts.
        default: The value where nobody sets it.
        is_saved: Whether it belongs to the run; the others belong to one start of the program.
    """

    type: Any
    default: Any
    is_saved: bool = False


@dataclass(frozen=True)
class Flag:
    """A flag that users type.

    Attributes:
        name: As typed, without the dashes.
        key: The nested key that it sets in the configuration.
        value: What stands for the value in the help; empty for a switch.
        help: The help in English.
        setting: What the parser needs; None: the key is a setting of the data, the module, the trainer or the files.
        alias: A second name.
    """

    name: str
    key: str
    value: str
    help: str
    setting: Setting | None = None
    alias: str | None = None


FLAGS = (
    Flag(
        "image_path",
        "data.image_path",
        "FOLDER",
        catalogued("images (Data/images); without it and without that folder: the built-in sample set"),
    ),
    Flag("gt_path", "data.gt_path", "FOLDER", catalogued("their ground truth, under the same names (Data/gt)")),
    Flag(
        "checkpoint_dir",
        "checkpoint_dir",
        "FOLDER",
        catalogued("where checkpoints, history and plots go (checkpoints)"),
        Setting(str, "checkpoints", is_saved=True),
    ),
    Flag(
        "ckpt_path",
        "ckpt_path",
        "PATH|KEYWORD",
        catalogued(
            "resume from this and ask nothing; keywords: latest (or last), best, interrupted, epoch (the newest epoch "
            "file), auto (the newest usable checkpoint; a new run if there is none)"
        ),
        Setting(str | None, None),
        alias="resume",
    ),
    Flag(
        "no_interactive",
        "no_interactive",
        "",
        catalogued("ask nothing; without --ckpt_path start a new run (an earlier run is archived)"),
        Setting(bool, False),
    ),
    Flag(
        "break_lock",
        "break_lock",
        "",
        catalogued("continue although a run on another host seems to use the folder: for a run that was killed there"),
        Setting(bool, False),
    ),
    Flag(
        "trust",
        "trust",
        "",
        catalogued("also use classes that the configuration of a checkpoint from elsewhere names"),
        Setting(bool, False),
    ),
    Flag(
        "check_data",
        "check_data",
        "",
        catalogued("read all data, report what is found and what is wrong, draw some pairs; no training"),
        Setting(bool, False),
    ),
    Flag("max_epochs", "trainer.max_epochs", "N", catalogued("train up to this epoch")),
    Flag(
        "train_minutes",
        "train_minutes",
        "M",
        catalogued("a time budget for the whole run instead of max_epochs: it gets the length that fits"),
        Setting(float | None, None, is_saved=True),
    ),
    Flag("batch_size", "data.batch_size", "N", catalogued("pairs in a batch")),
    Flag(
        "lang", "lang", "|".join(LANGUAGES), catalogued("language of the program"), Setting(str, "auto", is_saved=True)
    ),
    Flag(
        "save_every_minutes",
        "checkpoint.save_every_minutes",
        "M",
        catalogued("also write the latest checkpoint this often within an epoch (10; 0: never)"),
    ),
)

# Read before Lightning, in addition to the settings of the table.
CONFIG = "config"
# What a user may type -> the key that the configuration knows.
KEYS = {name: flag.key for flag in FLAGS for name in (flag.name, flag.alias) if name}
SETTINGS = {flag.key: flag.setting for flag in FLAGS if flag.setting is not None}
SWITCHES = tuple(flag.key for flag in FLAGS if not flag.value)
# Settings of one start, which are no part of the run.
NOT_SAVED = (CONFIG, *(key for key, setting in SETTINGS.items() if not setting.is_saved))


def everyday_help() -> str:
    """The first screen of `--help`: what most users need, printed before anything slow is imported."""
    return "\n".join(
        [
            text("usage: python train.py [--image_path FOLDER --gt_path FOLDER] [flags]"),
            "",
            text(
                "Train a network on paired images and ground truth. If there is an earlier run, a menu asks what to do."
            ),
            "",
            text("everyday flags:"),
            *(line for flag in FLAGS for line in _help_lines(_usage(flag), translated(flag.help))),
            *_help_lines("--config FILE", text("YAML with any of the settings below; flags override it")),
            *_help_lines("--print_config", text("print the resulting configuration and exit")),
        ]
    )


def _usage(flag: Flag) -> str:
    return ", ".join(f"--{name} {flag.value}".rstrip() for name in (flag.name, flag.alias) if name)


def _help_lines(usage: str, explanation: str) -> list[str]:
    import textwrap  # needed for the help alone

    column = 27
    lines = textwrap.wrap(explanation, 120 - column)
    first = f"  {usage}".ljust(column)
    if len(first) > column:
        return [first, *(" " * column + line for line in lines)]
    return [first + lines[0], *(" " * column + line for line in lines[1:])]
