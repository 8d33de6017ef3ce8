"""The configuration that a checkpoint carries: YAML that anybody may have written."""

from functools import lru_cache
from types import NoneType
from typing import Any

from resume.system.errors import UnreadableError
from resume.system.output import text
from resume.system.small_yaml import parse_yaml

# The settings that are read from it: the types of each, which may be absent. All others are left to the parser.
_FORM: dict[str, tuple[type, ...]] = {
    "seed_everything": (int,),
    "train_minutes": (int, float, NoneType),
    "data": (dict,),
    "data.init_args": (dict,),
    "data.init_args.val_fraction": (int, float),
    "data.init_args.split": (list, NoneType),
    "data.init_args.group": (str, NoneType),
    "data.init_args.fold": (str, NoneType),
    "data.init_args.split_seed": (int, NoneType),
    "model": (dict,),
    "model.init_args": (dict,),
    "model.init_args.optimizer": (dict, NoneType),
    "model.init_args.optimizer.init_args": (dict, NoneType),
    "model.init_args.lr_scheduler": (dict, NoneType),
    "model.init_args.lr_scheduler.init_args": (dict, NoneType),
    "trainer": (dict,),
    "trainer.max_epochs": (int, NoneType),
    "trainer.max_steps": (int,),
    "trainer.accumulate_grad_batches": (int,),
    "trainer.callbacks": (list, dict, NoneType),
}
# A data class of the user's own may have arguments of the same names and of other types.
_DATA_CLASS, _OF_DATA_CLASS = "datamodules.PairedImages", "data.init_args."
_AT_LEAST = {"trainer.accumulate_grad_batches": 1}
_LONGEST_VALUE = 40


@lru_cache(maxsize=8)  # a start asks for those of the run and its own again and again
def settings_of(config: str) -> dict[str, Any]:
    """The settings of a configuration, as nested dicts, which the caller must not change.

    Raises:
        UnreadableError: It is no mapping in YAML, too large or too deep for one, or a setting in it is of another type
            than this program writes.
    """
    try:
        settings = parse_yaml(config)
    except UnreadableError as error:
        raise UnreadableError(text("its configuration cannot be read: {reason}").format(reason=error)) from error
    if not isinstance(settings, dict | None):
        raise UnreadableError(text("its configuration is no mapping"))
    settings = settings or {}
    _require("data", _value(settings, "data"), _FORM["data"])
    has_own_data = _value(settings, "data.class_path") not in (..., _DATA_CLASS)
    for key, types in _FORM.items():
        if not (has_own_data and key.startswith(_OF_DATA_CLASS)):
            _require(key, _value(settings, key), types)
    for one in _list(settings, "trainer.callbacks"):
        _require("trainer.callbacks", one, (dict,))
        _require("trainer.callbacks.init_args", one.get("init_args"), (dict, NoneType))
        if str(one.get("class_path")).rpartition(".")[2] == "EarlyStopping":
            _require("trainer.callbacks.patience", part_of(one, "init_args").get("patience"), (int, NoneType))
    for one in () if has_own_data else _list(settings, "data.init_args.split"):
        _require("data.init_args.split", one, (str,))
    return settings


def part_of(settings: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The mapping at nested keys of `settings_of`; empty if it is absent or null."""
    for key in keys:
        settings = settings.get(key) or {}
    return settings


def _value(settings: dict[str, Any], key: str) -> Any:
    """The setting at a nested key; ... if it is absent, or has no place because its mapping is null."""
    *outer, name = key.split(".")
    return part_of(settings, *outer).get(name, ...)


def _list(settings: dict[str, Any], key: str) -> list[Any]:
    found = _value(settings, key)
    return found if isinstance(found, list) else [found] if isinstance(found, dict) else []


def _require(key: str, value: Any, types: tuple[type, ...]) -> None:
    is_known = value is ... or type(value) in types
    if is_known and not (key in _AT_LEAST and value is not ... and value < _AT_LEAST[key]):
        return
    shown = value if isinstance(value, str) else repr(value)
    shown = shown if len(shown) <= _LONGEST_VALUE else f"{shown[: _LONGEST_VALUE - 1]}…"
    setting = f"{key.replace('.init_args.', '.')}: {shown}"
    raise UnreadableError(text("its configuration has a wrong value ({setting})").format(setting=setting))
