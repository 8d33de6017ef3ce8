"""The everyday flags: read for the stage before Lightning, rewritten to nested ones for LightningCLI."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resume.configuration import base_config, default_settings, read_keys
from resume.decision import Decision
from resume.system.errors import ResumeError
from resume.system.output import Language, resolve_language, set_language, text
from resume.system.requeue import array_task

DEFAULT_CHECKPOINT_DIR = "checkpoints"

# What users type → the key that the configuration knows.
EVERYDAY = {
    "image_path": "data.image_path",
    "gt_path": "data.gt_path",
    "max_epochs": "trainer.max_epochs",
    "batch_size": "data.batch_size",
    "save_every_minutes": "checkpoint.save_every_minutes",
    "checkpoint_dir": "checkpoint_dir",
    "ckpt_path": "ckpt_path",
    "resume": "ckpt_path",
    "no_interactive": "no_interactive",
    "break_lock": "break_lock",
    "lang": "lang",
}
# Read here, and not passed on as they were typed.
OWN = ("config", "checkpoint_dir", "ckpt_path", "no_interactive", "break_lock", "lang")
_SWITCHES = ("no_interactive", "break_lock")
LANGUAGES = ("auto", "en", "zh")
_INFORMATIONAL = ("--print_config", "--print_shtab", "--version")
# Groups of settings whose names begin like an everyday flag.
_GROUPS = ("checkpoint",)


@dataclass(frozen=True)
class Arguments:
    """The command line, as far as it matters before Lightning.

    Attributes:
        rest: What LightningCLI gets of it: all but `OWN`, in the order typed, in nested spelling.
        checkpoint_dir: Folder of the run's files; of an array of SLURM jobs, where none is given, one for each task.
        ckpt_path: Path or keyword of the checkpoint to resume from.
        no_interactive: Ask nothing.
        break_lock: Pass over the lock of a process on another host.
        requested_lang: `auto`, `en` or `zh`, as asked for.
        lang: The language that this means here.
        configs: The `--config` files, in order.
        typed: Nested keys of all flags that were typed, such as `data.image_path`.
        configured: Nested keys that the `--config` files set.
        informational: `--help` and the like: nothing is chosen, asked or trained.
    """

    rest: tuple[str, ...]
    checkpoint_dir: Path
    ckpt_path: str | None
    no_interactive: bool
    break_lock: bool
    requested_lang: str
    lang: Language
    configs: tuple[Path, ...]
    typed: frozenset[str]
    configured: frozenset[str]
    informational: bool

    @property
    def given(self) -> frozenset[str]:
        """Keys that were typed or configured, so that no default decides them."""
        return self.typed | self.configured

    def base_config(self, decision: Decision) -> str:
        """The configuration below everything typed: a path, or YAML text where the run's own file is gone.

        Raises:
            ResumeError: There is none.
        """
        return base_config(decision, self.given)

    def for_lightning(self, decision: Decision) -> list[str]:
        """The command line for LightningCLI: configurations first, so that what is typed wins over them.

        Raises:
            ResumeError: There is no base configuration.
        """
        configs = [self.base_config(decision), *map(str, self.configs)]
        return [
            *(word for config in configs for word in ("--config", config)),
            *self.rest,
            # Where none was given, that of the base configuration stays: the run's own, on a resume.
            *([f"--lang={self.requested_lang}"] if "lang" in self.given else []),
            f"--checkpoint_dir={decision.checkpoint_dir}",
        ]


def read_arguments(argv: list[str]) -> Arguments:
    """Read what is needed before Lightning, from the flags and the `--config` files, and set the language.

    Args:
        argv: The command line without the program's name.

    Raises:
        ResumeError: A flag of this stage without its value or with a wrong one, an abbreviated flag, or a
            `--config` file that is missing or no YAML in UTF-8.
    """
    set_language(resolve_language("auto"))  # for what goes wrong before the language is known
    own, rest, typed = _split(argv)
    if own["lang"]:
        set_language(resolve_language(_language(own["lang"][-1])))
    configs = tuple(expanded("--config", value) for value in own["config"])
    configured: dict[str, Any] = {}
    for config in configs:
        configured.update(read_keys(config))
    settings = _own_settings(default_settings()) | _own_settings(configured)
    values = settings | {key: found[-1] for key, found in own.items() if found}
    requested_lang = _language(values.get("lang", "auto"))
    language = resolve_language(requested_lang)
    set_language(language)
    checkpoint_dir = expanded(
        "--checkpoint_dir", _text("checkpoint_dir", values.get("checkpoint_dir", DEFAULT_CHECKPOINT_DIR))
    )
    task = array_task()
    if task is not None and not own["checkpoint_dir"] and "checkpoint_dir" not in configured:
        checkpoint_dir /= f"task_{task}"  # all tasks of an array have one command line
    return Arguments(
        rest=tuple(rest),
        checkpoint_dir=checkpoint_dir,
        ckpt_path=_text("ckpt_path", values["ckpt_path"]) if "ckpt_path" in values else None,
        no_interactive=_switch("no_interactive", values),
        break_lock=_switch("break_lock", values),
        requested_lang=requested_lang,
        lang=language,
        configs=configs,
        typed=frozenset(typed),
        configured=frozenset(configured),
        informational=any(map(_is_informational, argv)),
    )


def expanded(flag: str, value: str) -> Path:
    """The path that was typed, `~` and `~user` filled in.

    Raises:
        ResumeError: There is no such user.
    """
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise ResumeError(text("{flag} {path}: no home folder of that user.").format(flag=flag, path=value)) from error


def _own_settings(configured: dict[str, Any]) -> dict[str, Any]:
    return {key: configured[key] for key in OWN if configured.get(key) is not None}


def _split(argv: list[str]) -> tuple[dict[str, list[str]], list[str], set[str]]:
    """Part the command line into the values of `OWN`, what is passed on, and the keys that were typed."""
    own: dict[str, list[str]] = {key: [] for key in OWN}
    rest: list[str] = []
    typed: set[str] = set()
    words = iter(range(len(argv)))
    for position in words:
        word = _long_form(argv[position])
        if not word.startswith("--"):
            rest.append(word)
            continue
        flag, equals, value = word.partition("=")
        key = _key(flag)
        typed.add(key)
        if key not in OWN:
            rest.append(f"--{key}{equals}{value}")
        elif key in _SWITCHES:
            if not equals and position + 1 < len(argv) and not argv[position + 1].startswith("-"):
                raise ResumeError(text("{flag} takes no value, got {got!r}.").format(flag=flag, got=argv[position + 1]))
            own[key].append(value if equals else "true")
        else:
            if not equals:
                value = _next_word(argv, position, flag)
                next(words)
            own[key].append(value)
    return own, rest, typed


def _long_form(word: str) -> str:
    """LightningCLI knows `-c FILE` and `-cFILE` for `--config FILE`."""
    if not word.startswith("-c"):
        return word
    return "--config" if word == "-c" else f"--config={word[2:].removeprefix('=')}"


def _next_word(argv: list[str], position: int, flag: str) -> str:
    following = argv[position + 1] if position + 1 < len(argv) else None
    if following is None or following.startswith("-"):
        raise ResumeError(text("{flag}: expected a value after it, got {got}.").format(flag=flag, got=following or "-"))
    return following


def _key(flag: str) -> str:
    """The nested key of a flag.

    Raises:
        ResumeError: It is no flag, but nearly an everyday one; LightningCLI would say so only after the menu.
    """
    name = flag.removeprefix("--")
    if name in EVERYDAY:
        return EVERYDAY[name]
    meant = name.replace("-", "_")
    known = [*EVERYDAY, "config"]
    near = [full for full in known if meant and full.startswith(meant)] if name not in _GROUPS else []
    if not near and "." not in name:
        near = difflib.get_close_matches(meant, EVERYDAY, n=1, cutoff=0.85)
    if near and name not in known:
        raise ResumeError(
            text("{flag}: no such flag, and flags are not abbreviated. Did you mean {meant}?").format(
                flag=flag, meant=", ".join(f"--{full}" for full in near)
            )
        )
    return name


def _is_informational(word: str) -> bool:
    flag = word.partition("=")[0]
    return flag in ("-h", "--help", *_INFORMATIONAL) or (flag.startswith("--") and flag.endswith(".help"))


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ResumeError(text("{flag}: expected a path, got {got!r}.").format(flag=f"--{key}", got=value))
    return value


def _switch(key: str, values: dict[str, Any]) -> bool:
    value = values.get(key, False)
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise ResumeError(
        text("{flag}: expected nothing, true or false after it, got {got!r}.").format(flag=f"--{key}", got=value)
    )


def _language(value: Any) -> str:
    if value not in LANGUAGES:
        raise ResumeError(text("--lang: expected auto, en or zh, got {got!r}.").format(got=value))
    return str(value)
