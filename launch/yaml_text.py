"""Plain values as YAML text that the parser of the configuration reads back as the same values."""

import math
import re
from typing import Any

import yaml


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
