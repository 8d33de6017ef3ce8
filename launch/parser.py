"""The parser of the configuration: files in UTF-8, and what classes leave open about their arguments."""

import ast
import dataclasses
import inspect
import os
from argparse import SUPPRESS
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any, get_args

import torch
from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.loggers import Logger
from typing_extensions import override

from launch.loggers import FOLDERS
from launch.yaml_text import yaml_text

# Of the numbers and texts, no subclasses: YAML holds neither `numpy.float64(1)` nor a member of a `StrEnum`.
_EXACT = (str, bytes, int, float, complex, bool, type(None))
_KEPT = (range, Path, timedelta, Enum, type, torch.dtype)


class Missing:
    """Stands in the configuration, as a class, for an argument that has neither type nor default, nor a value."""


class Parser(LightningArgumentParser):
    """Reads configuration files as UTF-8 on every system, and takes arguments that have no type as plain YAML values.

    jsonargparse reads files in the encoding of the locale. An argument without a type it refuses, or sets to None if
    it is mandatory: here that needs a value (`value_problems` finds those that have none), which may be any.
    jsonargparse writes a default that is an object of any class, such as `nn.ReLU()` or a lambda, as a text, which a
    resume would then pass to the class instead: such a default stays out of the configuration, and so the class uses it
    again. The folder of a logger is null unless it is typed, which `launch.loggers` replaces.
    """

    @override
    def parse_path(self, path: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Namespace:
        parsed: Namespace = self.parse_string(Path(path).read_text(encoding="utf-8"), path, *args, **kwargs)
        return parsed

    @override
    def parse_args(self, args: Any = None, *rest: Any, **kwargs: Any) -> Any:
        # jsonargparse passes a value on to the parser of a class as Python writes it, so that null becomes 'None'.
        if getattr(self, "_inner_parser", False) and args:
            args = [_from_python(word) for word in args]
        return super().parse_args(args, *rest, **kwargs)

    @override
    def add_function_arguments(self, *args: Any, linked_targets: object = None, **kwargs: Any) -> list[str]:
        # jsonargparse passes the links of the class around a function, which takes no such argument.
        added: list[str] = super().add_function_arguments(*args, **kwargs)
        return added

    def _add_signature_parameter(
        self, container: Any, nested_key: str | None, param: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Add one argument of a class; jsonargparse calls this for each place that takes a class path."""
        if param.name not in (kwargs.get("linked_targets") or ()):
            param = _of_the_run(param) if _is_folder_of_logs(param) else _completed(param)
        return super()._add_signature_parameter(container, nested_key, param, *args, **kwargs)


def _from_python(word: str) -> str:
    """The word `--key=value` with its value in YAML."""
    flag, equals, value = word.partition("=")
    if value != "None" and value[:1] not in ("[", "{"):
        return word
    try:
        return f"{flag}{equals}{yaml_text(ast.literal_eval(value), one_line=True)}"
    except (ValueError, SyntaxError):
        return word


def _is_folder_of_logs(param: Any) -> bool:
    return param.name in FOLDERS and isinstance(param.parent, type) and issubclass(param.parent, Logger)


def _of_the_run(param: Any) -> Any:
    untyped = param.annotation is inspect.Parameter.empty
    return dataclasses.replace(param, annotation=Any if untyped else param.annotation | None, default=None)


def _completed(param: Any) -> Any:
    """The argument with what its signature leaves open."""
    untyped = param.annotation is inspect.Parameter.empty
    if param.default is inspect.Parameter.empty:
        return dataclasses.replace(param, annotation=Any, default=Missing) if untyped else param
    if _is_read_back(param.default, typed=not untyped) and not _is_enum_of_no_type(param):
        return param
    return dataclasses.replace(param, annotation=Any if untyped else param.annotation, default=SUPPRESS)


def _is_enum_of_no_type(param: Any) -> bool:
    """Whether the default is of an Enum that the type does not name, as in `interval: str = Interval.step`."""
    types = (param.annotation, *get_args(param.annotation))
    return isinstance(param.default, Enum) and type(param.default) not in types


def _is_read_back(default: Any, *, typed: bool) -> bool:
    """Whether the default of an argument, written into a configuration, is read as the same value.

    Args:
        default: The value.
        typed: Whether the argument has a type, which also turns lists within it into tuples and sets.
    """
    if isinstance(default, tuple | set | frozenset):
        return all(_is_plain(item) or (typed and _is_read_back(item, typed=True)) for item in default)
    if isinstance(default, FunctionType | BuiltinFunctionType):
        return "<" not in default.__qualname__  # neither a lambda nor a function within a function
    if isinstance(default, _EXACT):
        return type(default) in _EXACT
    if isinstance(default, _KEPT) or dataclasses.is_dataclass(default):
        return True
    # The parser's own notes, for an argument whose default is not known.
    return _is_plain(default) or type(default).__module__.startswith("jsonargparse.")


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(type(key) in (str, int) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or type(value) in (str, int, float, bool)
