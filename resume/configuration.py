"""Configuration files, read before Lightning: which keys they set, and which ones a run starts from."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from resume.decision import Decision, Resume
from resume.run_files import CONFIG
from resume.system.errors import ResumeError
from resume.system.output import text

CONFIGS = Path(__file__).parent.parent / "configs"
_DATA_KEYS = {"data", "data.image_path", "data.gt_path"}


def read_keys(path: Path) -> dict[str, Any]:
    """The settings of a YAML file by `plain_key`: `{"data.image_path": "Data/images", ...}`.

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
    return flat(content or {})


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


def base_configs(decision: Decision, given: frozenset[str]) -> list[str]:
    """The configurations that everything else overrides, each a path or YAML text; a later one overrides an earlier.

    Args:
        decision: A resume starts from the run's own configuration.
        given: Keys that were typed or configured. If they name no data, and the folder that `default.yaml` names
            does not exist, a fresh start takes the built-in sample set.

    Raises:
        ResumeError: The checkpoint carries no configuration and there is none beside it.
    """
    if isinstance(decision, Resume):
        return [_config_of(decision)]
    default = str(CONFIGS / "default.yaml")
    image_path = default_settings().get("data.image_path")
    if given & _DATA_KEYS or image_path is None or Path(image_path).is_dir():
        return [default]
    return [default, str(CONFIGS / "sample.yaml")]


def default_settings() -> dict[str, Any]:
    """The settings of `default.yaml`, for everything that nobody typed or configured."""
    return read_keys(CONFIGS / "default.yaml")


def _config_of(decision: Resume) -> str:
    if decision.config_file is not None:
        return str(decision.config_file)
    if decision.checkpoint.config:
        return decision.checkpoint.config
    raise ResumeError(
        text(
            "{path}: there is no {config} beside it, and it carries no configuration. "
            "Copy the run's {config} to {folder}, or use another checkpoint."
        ).format(path=decision.path, folder=decision.path.parent, config=CONFIG)
    )
