"""Configuration files, read before Lightning is: which keys they set, and which one a run is based on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resume.decision import Decision, Resume
from resume.run_files import CONFIG
from resume.system.errors import ResumeError
from resume.system.output import text

CONFIGS = Path(__file__).parent.parent / "configs"
_DATA_KEYS = {"data", "data.image_path", "data.gt_path"}


def read_keys(path: Path) -> dict[str, Any]:
    """The settings of a YAML file as flat keys: `{"data.image_path": "Data/images", ...}`.

    Raises:
        ResumeError: The file is missing, not UTF-8, or no YAML mapping.
    """
    import yaml  # takes 15 ms, which importing this package need not

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ResumeError(text("--config {path}: there is no such file.").format(path=path)) from error
    except OSError as error:
        raise ResumeError(f"--config {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ResumeError(
            text("--config {path}: not UTF-8 (byte {position}). Save the file as UTF-8.").format(
                path=path, position=error.start
            )
        ) from error
    except yaml.YAMLError as error:
        raise ResumeError(text("--config {path}: no valid YAML: {reason}").format(path=path, reason=error)) from error
    if not isinstance(content, dict | None):
        raise ResumeError(
            text("--config {path}: expected a mapping (key: value), got {got}.").format(
                path=path, got=type(content).__name__
            )
        )
    return dict(_flatten(content or {}, ""))


def _flatten(mapping: dict[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in mapping.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flatten(value, f"{name}.")
        else:
            yield name, value


def base_config(decision: Decision, given: frozenset[str]) -> str:
    """The configuration that everything else is laid over: a path, or YAML text.

    Args:
        decision: A resume goes on with the run's own configuration.
        given: Keys that were typed or configured. Where they name no data, and the folder that `default.yaml`
            names does not exist, a fresh start takes the built-in sample set.

    Raises:
        ResumeError: The checkpoint carries no configuration and none lies beside it.
    """
    if isinstance(decision, Resume):
        return _config_of(decision)
    default = str(CONFIGS / "default.yaml")
    if given & _DATA_KEYS:
        return default
    image_path = default_settings().get("data.image_path")
    return default if image_path is None or Path(image_path).is_dir() else str(CONFIGS / "sample.yaml")


def default_settings() -> dict[str, Any]:
    """The flat keys of `default.yaml`, which decide what nobody typed or configured."""
    return read_keys(CONFIGS / "default.yaml")


def _config_of(decision: Resume) -> str:
    if decision.config_file is not None:
        return str(decision.config_file)
    if decision.checkpoint.config:
        return decision.checkpoint.config
    raise ResumeError(
        text(
            "{path}: no {config} beside it, and no configuration in it. "
            "Put the run's {config} into {folder}, or use another checkpoint."
        ).format(path=decision.path, folder=decision.path.parent, config=CONFIG)
    )
