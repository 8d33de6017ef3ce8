"""The configuration that a checkpoint carries: YAML that anybody may have written."""

from typing import Any

from resume.system.errors import UnreadableError
from resume.system.output import text
from resume.system.small_yaml import parse_yaml


def settings_of(config: str) -> dict[str, Any]:
    """The settings of a configuration, as nested dicts.

    Raises:
        UnreadableError: It is no mapping in YAML, or too large or too deep for one.
    """
    try:
        settings = parse_yaml(config)
    except UnreadableError as error:
        raise UnreadableError(text("its configuration cannot be read: {reason}").format(reason=error)) from error
    if not isinstance(settings, dict | None):
        raise UnreadableError(text("its configuration is no mapping"))
    return settings or {}
