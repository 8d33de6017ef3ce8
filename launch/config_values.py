"""Values of a parsed configuration that the parser lets pass, and that would fail only later, or never be said."""

import inspect
import sys
from collections.abc import Container, Iterator, Mapping
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import Trainer

from launch.parser import Missing
from resume.configuration import plain_key
from resume.system.output import text

_LARGEST_SEED = 2**32 - 1  # numpy's
# Types as annotations name them, also where a module keeps these as text.
_NUMBERS = {name: kind.__name__ for kind in (bool, int, float) for name in (kind, kind.__name__)}


def value_problems(config: Namespace, linked: Container[str]) -> list[str]:
    """Find arguments that need a value, nulls in place of numbers, and a seed out of range.

    Args:
        config: The parsed configuration.
        linked: The keys that get their values when the classes are built.

    Returns:
        A sentence for each.
    """
    nulls = _nulls(Trainer, "trainer", vars(config.trainer))
    problems = []
    for place, values in _mappings(config, ""):
        missing = [str(name) for name, value in values.items() if value is Missing]
        said = text("{key}: {name} has neither a type nor a default, so it needs a value: --{key}.{name} VALUE")
        problems += [said.format(key=plain_key(place), name=name) for name in missing]
        arguments = values.get("init_args")
        if "class_path" in values and isinstance(arguments, dict | Namespace):
            nulls += _nulls(_loaded(values["class_path"]), plain_key(place), _items(arguments))
    said = text("{key} is null; expected {type}.")
    problems += [said.format(key=key, type=kind) for key, kind in nulls if key not in linked]
    if not 0 <= int(config.seed_everything) <= _LARGEST_SEED:
        said = text("--seed_everything is {value}; it must be from 0 to {most}.")
        problems.append(said.format(value=config.seed_everything, most=_LARGEST_SEED))
    return problems


def _mappings(config: Any, place: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping of the configuration, with its key."""
    if isinstance(config, list):
        for item in config:
            yield from _mappings(item, place)
    elif isinstance(config, dict | Namespace):
        values = _items(config)
        yield place.removesuffix(".init_args"), values
        for key, value in values.items():
            yield from _mappings(value, f"{place}.{key}" if place else str(key))


def _items(values: dict[str, Any] | Namespace) -> Mapping[str, Any]:
    return values if isinstance(values, dict) else vars(values)


def _nulls(kind: Any, place: str, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Key and type of each; in a file, the parser takes null for any value, and the class may fail in training."""
    types = {name: _number_of(kind, name) for name, value in values.items() if value is None}
    return [(f"{place}.{name}", expected) for name, expected in types.items() if expected is not None]


def _number_of(kind: Any, name: str) -> str | None:
    """The type of an argument that takes numbers alone; None if it may get something else."""
    for base in getattr(kind, "__mro__", ()):
        parameter = inspect.signature(base).parameters.get(name) if "__init__" in vars(base) else None
        if parameter is not None:
            return None if parameter.default is None else _NUMBERS.get(parameter.annotation)
    return None


def _loaded(class_path: Any) -> Any:
    """The class, which the parser has imported."""
    module, _, name = str(class_path).rpartition(".")
    return getattr(sys.modules.get(module), name, None)
