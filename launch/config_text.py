"""A configuration as YAML text that is read back as the same configuration."""

import math
import re
from typing import Any

import yaml
from jsonargparse import Namespace


class _Dumper(yaml.SafeDumper):
    """Quotes texts that jsonargparse would read as numbers, such as `1e-3`, which is none for PyYAML."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+.0-9][-+.0-9_eE]*"), list("-+.0123456789"))


def yaml_text(values: Any, *, one_line: bool = False) -> str:
    """The YAML text of plain values."""
    width = math.inf if one_line else None
    written: str = yaml.dump(
        values, Dumper=_Dumper, allow_unicode=True, sort_keys=False, default_flow_style=one_line, width=width
    )
    return written.removesuffix("\n...\n").strip() if one_line else written


def plain_values(dumped: Any, parsed: Any) -> Any:
    """The values of a configuration as plain values.

    Args:
        dumped: The values as jsonargparse writes them. It reads each text in a list or dict without a type as YAML once
            more, so that ['1'] becomes [1].
        parsed: The same values in the configuration.
    """
    if isinstance(parsed, Namespace):
        parsed = vars(parsed)
    if isinstance(dumped, dict) and isinstance(parsed, dict):
        return {key: plain_values(value, parsed.get(key, value)) for key, value in dumped.items()}
    if isinstance(dumped, list) and isinstance(parsed, list | tuple) and len(dumped) == len(parsed):
        return [plain_values(*pair) for pair in zip(dumped, parsed, strict=True)]
    return parsed if type(parsed) in (str, int, float, bool) else dumped
