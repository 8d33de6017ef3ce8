"""Configuration files, read before Lightning: which keys they set, and which ones a run starts from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resume.checkpoints.run_config import settings_of
from resume.decision import Resume
from resume.run_files import CONFIG
from resume.system.errors import ResumeError, UnreadableError
from resume.system.output import text
from resume.system.small_files import read_text
from resume.system.small_yaml import MAX_BYTES, parse_yaml

CONFIGS = Path(__file__).parent.parent / "configs"
_DATA_KEYS = {"data", "data.image_path", "data.gt_path"}


def read_keys(path: Path) -> dict[str, Any]:
    """The settings of a file of `--config` by `plain_key`: `{"data.image_path": "Data/images", ...}`.

    Raises:
        ResumeError: As `read_settings`.
    """
    return flat(read_settings(path))


def read_settings(path: Path, *, is_typed: bool = True) -> dict[str, Any]:
    """The settings of a YAML file, as nested dicts.

    Args:
        path: The file.
        is_typed: Whether the user typed `--config` and this path.

    Raises:
        ResumeError: The file is missing, not UTF-8, no YAML mapping, or too large or too deep for one.
    """
    file = f"--config {path}" if is_typed else str(path)
    try:
        content = parse_yaml(read_text(path, MAX_BYTES))
    except FileNotFoundError as error:
        raise ResumeError(text("{file}: there is no such file.").format(file=file)) from error
    except OSError as error:
        raise ResumeError(f"{file}: {error.strerror}.") from error
    except UnreadableError as error:
        raise ResumeError(text("{file} cannot be read: {reason}.").format(file=file, reason=error)) from error
    if not isinstance(content, dict | None):
        raise ResumeError(
            text("{file}: expected a mapping (key: value), got {got}.").format(file=file, got=type(content).__name__)
        )
    return content or {}


def flat(content: Mapping[Any, Any]) -> dict[str, Any]:
    """Nested settings by `plain_key`."""
    return {plain_key(key): value for key, value in _flatten(content, "")}


def plain_key(key: str) -> str:
    """The short spelling of a nested key: `data.image_path` for `data.init_args.image_path`."""
    return key.replace(".init_args.", ".")


def _flatten(mapping: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in mapping.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flatten(value, f"{name}.")
        else:
            yield name, value


def default_configs(given: frozenset[str]) -> list[str]:
    """The configuration files that a new run starts from; a later one overrides an earlier.

    Args:
        given: Keys that were typed or configured. If they name no data, and the folder that `default.yaml` names
            does not exist, a new run takes the built-in sample set.
    """
    default = str(CONFIGS / "default.yaml")
    image_path = default_settings().get("data.image_path")
    if given & _DATA_KEYS or image_path is None or Path(image_path).is_dir():
        return [default]
    return [default, str(CONFIGS / "sample.yaml")]


def _holds(file: Path, content: str) -> bool:
    """Whether a file holds this text, which then need not be read as YAML a second time."""
    try:
        return read_text(file, MAX_BYTES) == content
    except (OSError, UnreadableError):  # `read_settings` says why
        return False


def default_settings() -> dict[str, Any]:
    """The settings of `default.yaml`, for everything that nobody typed or configured."""
    return read_keys(CONFIGS / "default.yaml")


@dataclass(frozen=True)
class RunSettings:
    """The configuration of a run that is resumed, as nested dicts that anybody may have written.

    Attributes:
        own: What the resume starts from: the config.yaml beside the checkpoint, or else what the checkpoint carries.
        saved: What the checkpoint carries; what must be as in the run is read from it.
        file: Where `own` was read.
    """

    own: dict[str, Any]
    saved: dict[str, Any]
    file: Path


def run_settings(decision: Resume) -> RunSettings:
    """Read the configuration of the run that is resumed.

    Raises:
        ResumeError: The checkpoint carries no configuration and there is none beside it, or one cannot be read.
    """
    try:
        saved = settings_of(decision.checkpoint.config)
    except UnreadableError as error:
        raise ResumeError(f"{decision.path}: {error}.") from error
    if decision.config_file is not None:
        file = decision.config_file
        own = saved if _holds(file, decision.checkpoint.config) else read_settings(file, is_typed=False)
        return RunSettings(own, saved, file)
    if decision.checkpoint.config:
        return RunSettings(saved, saved, decision.path)
    raise ResumeError(
        text(
            "{path}: there is no {config} beside it, and it carries no configuration. "
            "Copy the run's {config} to {folder}, or use another checkpoint."
        ).format(path=decision.path, folder=decision.path.parent, config=CONFIG)
    )
