"""The command line: read for the stage before Lightning, rewritten to nested keys for LightningCLI."""

import difflib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from resume.configuration import default_settings, plain_key, read_keys
from resume.decision import Decision, Resume
from resume.flags import CONFIG, KEYS, LANGUAGES, SETTINGS, SWITCHES
from resume.system.errors import ResumeError
from resume.system.launch_info import SHELL, Launch
from resume.system.output import Language, resolve_language, set_language, text

# Read here, and not passed on as they were typed.
_EARLY = (CONFIG, *SETTINGS)
_INFORMATIONAL = ("--print_config", "--print_shtab", "--version")
_HELP = ("-h", "--help")
# Flags that take several words, as in `--data.split train.txt val.txt`; the parser would take the first one only.
_LISTS = ("data.split",)
# What the names of all other settings begin with.
_GROUPS = ("checkpoint", "data", "model", "seed_everything", "trainer")


@dataclass(frozen=True)
class Arguments:
    """The command line, as far as it matters before Lightning.

    Attributes:
        launch: What started the program.
        rest: What LightningCLI gets: all flags but those that are read here, in the order typed, with nested keys.
        checkpoint_dir: Folder of the run's files. In a SLURM job array, unless it is given, one for each task.
        ckpt_path: Path or keyword of the checkpoint to resume from.
        no_interactive: Ask nothing.
        break_lock: Ignore the lock of a process on another host.
        trust: Use what the configuration of any checkpoint names.
        check_data: Look at the data only.
        train_minutes: The time budget of the run; None where none is given.
        requested_lang: `auto`, `en` or `zh`, as requested.
        lang: The language that `requested_lang` means on this system.
        configs: The `--config` files, in order.
        typed: Keys of all flags that were typed, such as `data.image_path`.
        configured: Keys that the `--config` files set.
        wants_help: `--help`.
        informational: `--help`, `--print_config` and the like: nothing is chosen, asked or trained.
    """

    launch: Launch
    rest: tuple[str, ...]
    checkpoint_dir: Path
    ckpt_path: str | None
    no_interactive: bool
    break_lock: bool
    trust: bool
    check_data: bool
    train_minutes: float | None
    requested_lang: str
    lang: Language
    configs: tuple[Path, ...]
    typed: frozenset[str]
    configured: frozenset[str]
    wants_help: bool
    informational: bool

    @property
    def given(self) -> frozenset[str]:
        """Keys that were typed or configured, so that no default decides them."""
        return self.typed | self.configured

    def for_lightning(self, decision: Decision, base: Sequence[str]) -> list[str]:
        """The command line for LightningCLI: configurations first, so that typed flags override them.

        Args:
            decision: What this start does.
            base: The configurations that everything else overrides, each a path or YAML text.
        """
        configs = [*base, *map(str, self.configs)]
        return [
            *(word for config in configs for word in ("--config", config)),
            *self.rest,
            # Unless it was given, the language of the base configuration stays: on a resume, the run's own.
            *([f"--lang={self.requested_lang}"] if "lang" in self.given else []),
            f"--checkpoint_dir={decision.checkpoint_dir}",
            *self._budget(decision),
        ]

    def _budget(self, decision: Decision) -> list[str]:
        """A new run with a time budget has no end until its speed is known; a resumed one keeps what was planned."""
        if self.train_minutes is None:
            return []
        endless = [] if isinstance(decision, Resume) else ["--trainer.max_epochs=-1"]
        return [f"--train_minutes={self.train_minutes}", *endless]


def read_arguments(argv: list[str], launch: Launch = SHELL) -> Arguments:
    """Read what is needed before Lightning, from the flags and the `--config` files, and set the language.

    Args:
        argv: The command line without the program's name.
        launch: What started the program.

    Raises:
        ResumeError: A flag of this stage has no value or a wrong one, a flag is abbreviated, or a `--config` file is
            missing or is no YAML in UTF-8.
    """
    set_language(resolve_language("auto"))  # for errors before the requested language is known
    early, rest, typed = _split(argv)
    if early["lang"]:
        set_language(resolve_language(_language(early["lang"][-1])))
    configs = tuple(expanded("--config", value) for value in early[CONFIG])
    configured: dict[str, Any] = {}
    for config in configs:
        configured.update(read_keys(config))
    defaults = {key: setting.default for key, setting in SETTINGS.items()}
    values = defaults | _early_settings(default_settings()) | _early_settings(configured)
    values |= {key: found[-1] for key, found in early.items() if found}
    requested_lang = _language(values["lang"])
    language = resolve_language(requested_lang)
    set_language(language)
    checkpoint_dir = expanded("--checkpoint_dir", _text("checkpoint_dir", values["checkpoint_dir"]))
    if launch.array_task is not None and not early["checkpoint_dir"] and "checkpoint_dir" not in configured:
        checkpoint_dir /= f"task_{launch.array_task}"  # all tasks of an array have one command line
    return Arguments(
        launch=launch,
        rest=tuple(rest),
        checkpoint_dir=checkpoint_dir,
        ckpt_path=None if values["ckpt_path"] is None else _text("ckpt_path", values["ckpt_path"]),
        no_interactive=_switch("no_interactive", values),
        break_lock=_switch("break_lock", values),
        trust=_switch("trust", values),
        check_data=_switch("check_data", values),
        train_minutes=_minutes(values["train_minutes"], {*typed, *configured}),
        requested_lang=requested_lang,
        lang=language,
        configs=configs,
        typed=frozenset(typed),
        configured=frozenset(configured),
        wants_help=not {*_HELP}.isdisjoint(argv),
        informational=any(map(_is_informational, argv)),
    )


def expanded(flag: str, value: str) -> Path:
    """The path that was typed, with `~` and `~user` expanded.

    Raises:
        ResumeError: There is no such user.
    """
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise ResumeError(text("{flag} {path}: no home folder of that user.").format(flag=flag, path=value)) from error


def _early_settings(configured: dict[str, Any]) -> dict[str, Any]:
    return {key: configured[key] for key in SETTINGS if configured.get(key) is not None}


def _split(argv: list[str]) -> tuple[dict[str, list[str]], list[str], set[str]]:
    """Split the command line into the values that are read here, what is passed on, and the keys that were typed."""
    early: dict[str, list[str]] = {key: [] for key in _EARLY}
    rest: list[str] = []
    typed: set[str] = set()
    words = iter(range(len(argv)))
    for position in words:
        word = _long_form(argv[position])
        if not word.startswith("--"):
            if not word.startswith("-") and not _takes_value(argv[:position]):
                raise ResumeError(text("{word!r}: expected a flag, such as --ckpt_path best.").format(word=word))
            rest.append(word)
            continue
        flag, equals, value = word.partition("=")
        key = _key(flag)
        typed.add(plain_key(key))
        if plain_key(key) in _LISTS:
            values = [value] if equals else _words_until_flag(argv[position + 1 :])
            for _ in values if not equals else ():
                next(words)
            rest.append(f"--{key}={_as_list(flag, values)}")
        elif key not in _EARLY:
            rest.append(f"--{key}{equals}{value}")
        elif key in SWITCHES:
            if not equals and position + 1 < len(argv) and not argv[position + 1].startswith("-"):
                raise ResumeError(text("{flag} takes no value, got {got!r}.").format(flag=flag, got=argv[position + 1]))
            early[key].append(value if equals else "true")
        else:
            if not equals:
                value = _next_word(argv, position, flag)
                next(words)
            early[key].append(value)
    return early, rest, typed


def _takes_value(before: Sequence[str]) -> bool:
    """Whether the last of the words before a word is a flag without a value."""
    return bool(before) and before[-1].startswith("-") and "=" not in before[-1]


def _long_form(word: str) -> str:
    """LightningCLI accepts `-c FILE` and `-cFILE` for `--config FILE`."""
    if not word.startswith("-c"):
        return word
    return "--config" if word == "-c" else f"--config={word[2:].removeprefix('=')}"


def _words_until_flag(words: Sequence[str]) -> list[str]:
    return list(takewhile(lambda word: not word.startswith("-"), words))


def _as_list(flag: str, values: list[str]) -> str:
    """One value for the parser; a list in YAML and null stay as they were typed."""
    if not values:
        raise ResumeError(text("{flag}: expected one or more files after it.").format(flag=flag))
    is_yaml = len(values) == 1 and (values[0].startswith("[") or values[0] == "null")
    return values[0] if is_yaml else json.dumps(values)


def _next_word(argv: list[str], position: int, flag: str) -> str:
    following = argv[position + 1] if position + 1 < len(argv) else None
    if following is None or following.startswith("-"):
        raise ResumeError(text("{flag}: expected a value after it, got {got}.").format(flag=flag, got=following or "-"))
    return following


def _key(flag: str) -> str:
    """The nested key of a flag.

    Raises:
        ResumeError: There is no such flag; LightningCLI would find out only after the menu.
    """
    name = flag.removeprefix("--")
    if name in KEYS:
        return KEYS[name]
    known = [*KEYS, CONFIG]
    if name in known or name in _GROUPS or flag in (*_HELP, *_INFORMATIONAL):
        return name
    group, dot, _ = name.partition(".")
    if dot and group in _GROUPS:
        return name
    meant = name.replace("-", "_")
    near = [full for full in known if meant and full.startswith(meant)]
    near = near or difflib.get_close_matches(meant, [*known, *_GROUPS], n=1, cutoff=0.85)
    if dot:
        near = [f"{full}.{name.partition('.')[2]}" for full in difflib.get_close_matches(group, _GROUPS, n=1)]
    if near:
        said = text("{flag}: no such flag, and flags are not abbreviated. Did you mean {meant}?")
        raise ResumeError(said.format(flag=flag, meant=", ".join(f"--{full}" for full in near)))
    raise ResumeError(text("{flag}: no such flag. All flags: python train.py --help").format(flag=flag))


def _is_informational(word: str) -> bool:
    flag = word.partition("=")[0]
    return flag in (*_HELP, *_INFORMATIONAL) or (flag.startswith("--") and flag.endswith(".help"))


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ResumeError(text("{flag}: expected a path, got {got!r}.").format(flag=f"--{key}", got=value))
    return value


def _switch(key: str, values: dict[str, Any]) -> bool:
    value = values[key]
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise ResumeError(
        text("{flag}: expected nothing, true or false after it, got {got!r}.").format(flag=f"--{key}", got=value)
    )


def _minutes(value: Any, given: set[str]) -> float | None:
    if value is None:
        return None
    try:
        minutes = float(value)
    except (TypeError, ValueError):
        minutes = math.nan
    if not 0 < minutes < math.inf:
        raise ResumeError(text("--train_minutes: expected a number above 0, got {got!r}.").format(got=value))
    other = sorted(given & {"trainer.max_epochs", "trainer.max_steps"})
    if other:
        said = text("--train_minutes decides how long the run is, and so does {other}. Use one of them.")
        raise ResumeError(said.format(other=", ".join(f"--{key}" for key in other)))
    return minutes


def _language(value: Any) -> str:
    if value not in LANGUAGES:
        raise ResumeError(text("--lang: expected auto, en or zh, got {got!r}.").format(got=value))
    return str(value)
