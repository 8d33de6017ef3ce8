"""A configuration from elsewhere, value by value: what stays, and what somebody has to vouch for first."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launch.allowed import ALLOWED, CLASS, CLASSES, GROUPS, PLACE, Rule, full_class_path
from launch.origins import is_module
from resume.configuration import plain_key

# Classes of these packages are found by their short names too, since the program itself imports them.
_IMPORTED = ("lightning", "torch", "torchvision")
_DEFAULTS = {"data": "datamodules.PairedImages", "model": "lit_modules.Segmentation"}
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
# A text that no parser takes for anything but a text: neither YAML, nor an address, nor a path that leads elsewhere.
_PLAIN = re.compile(r"(?!\.)[\w .,/+=%@()^-]*")
# Arguments of classes beyond the table that name places, and those that name weights: a word, or a file.
_PLACES = re.compile(r"(^|_)(dir|dirs|dirpath|path|paths|file|files|filename|folder|root|out|output|url|uri)($|_)")
_WEIGHTS = re.compile(r"(^|_)(weights|pretrained|checkpoint|ckpt)($|_)")
_BARE = re.compile(r"[\w-]*")
_PARTS = ("class_path", "init_args", "dict_kwargs")
_FOLDER = "checkpoint_dir"  # every start sets it
_NOTHING: Any = object()


@dataclass(frozen=True)
class Finding:
    """Something that nobody has vouched for.

    Attributes:
        key: Where it is, as users type it, such as `model.network`.
        value: What is there: the class path, or the value of an argument.
        name: What would be imported for it; None: nothing.
    """

    key: str
    value: Any
    name: str | None = None


@dataclass(frozen=True)
class Known:
    """What is trusted without the table.

    Attributes:
        names: Class paths and other names that were typed for this start, or that the run's own signature covers.
        given: The keys that were typed or configured: what the configuration has there is not used.
        signed: The configuration that the user's own program has written; empty where there is none.
    """

    names: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()
    signed: Mapping[str, Any] = field(default_factory=dict)

    def trusts(self, name: str) -> bool:
        """Whether a name is trusted: as it is, or by the short form of a class that the program itself imports."""
        short = name.rpartition(".")[2]
        return name in self.names or (short in self.names and name.partition(".")[0] in _IMPORTED)


class Sifter:
    """Copies what may be used of a configuration.

    Attributes:
        findings: What nobody has vouched for; it is left out.
        unused: Key and value of what says where to write; it is left out, since the program decides that.
    """

    def __init__(self, known: Known) -> None:
        self.findings: list[Finding] = []
        self.unused: list[tuple[str, Any]] = []
        self._known = known

    def settings(self, tree: Mapping[Any, Any]) -> dict[str, Any]:
        """The whole configuration, without what must not be used."""
        kept: dict[str, Any] = {}
        for key, value in tree.items():
            if key == _FOLDER:
                continue
            signed = self._known.signed.get(key, _NOTHING)
            if key in _DEFAULTS:
                kept[key] = self._class(key, value, signed, CLASS)
            elif key in GROUPS and key:
                kept[key] = self._group(str(key), value, signed)
            else:
                kept[key] = self._argument(str(key), value, GROUPS[""].get(key), signed)
        return {key: value for key, value in kept.items() if value is not _NOTHING}

    def _group(self, group: str, values: Any, signed: Any) -> Any:
        if not isinstance(values, dict):
            return self._refuse(group, values)
        return self._arguments(group, values, GROUPS[group], signed, is_trusted=False)

    def _arguments(
        self, place: str, values: Mapping[Any, Any], rules: Mapping[str, Rule], signed: Any, *, is_trusted: bool
    ) -> dict[Any, Any]:
        before = signed if isinstance(signed, Mapping) else {}
        kept = {
            name: self._argument(
                f"{place}.{name}", value, rules.get(name), before.get(name, _NOTHING), is_trusted=is_trusted
            )
            for name, value in values.items()
        }
        return {name: value for name, value in kept.items() if value is not _NOTHING}

    def _argument(self, key: str, value: Any, rule: Rule | None, signed: Any, *, is_trusted: bool = False) -> Any:
        if _is_same(value, signed):
            return value
        if isinstance(value, list) and plain_key(key) in self._known.given:
            return _NOTHING  # the list that was typed takes its place
        if rule is not None:
            if rule.form == PLACE:
                return self._place(key, value)
            if rule.form == CLASSES and isinstance(value, list):
                return self._list(key, value, signed)
            if rule.accepts(value):
                return value
            if rule.form in (CLASS, CLASSES) and isinstance(value, dict):
                return self._class(key, value, signed)
        return self._free(key, value) if is_trusted else self._refuse(key, value)

    def _place(self, key: str, value: Any) -> Any:
        if value is None or value is False:
            return value  # nowhere; an empty text is the working folder
        if plain_key(key) not in self._known.given:
            self.unused.append((plain_key(key), value))
        return _NOTHING

    def _list(self, key: str, values: list[Any], signed: Any) -> list[Any]:
        before = signed if isinstance(signed, list) else []
        found = [
            value if any(_is_same(value, one) for one in before) else self._class(key, value, _NOTHING)
            for value in values
        ]
        return [value for value in found if value is not _NOTHING]

    def _class(self, key: str, value: Any, signed: Any, default_of: str = "") -> Any:
        """A mapping that names a class. `default_of`: whether the parser knows the class where none is named."""
        if _is_same(value, signed):
            return value
        if not isinstance(value, dict) or not set(value) <= set(_PARTS):
            return self._refuse(key, value)
        written = value.get("class_path", _DEFAULTS[key] if default_of else None)
        if not isinstance(written, str) or not isinstance(value.get("init_args") or {}, dict):
            return self._refuse(key, value)
        name = full_class_path(written)
        trusted = self._known.trusts(name) or self._known.trusts(written)
        if name not in ALLOWED and not trusted:
            return self._unknown_class(key, name, value)
        before = signed if isinstance(signed, Mapping) and signed.get("class_path") == name else {}
        kept = dict(value) | ({"class_path": name} if "class_path" in value else {})
        if value.get("init_args"):
            arguments, rules = before.get("init_args"), ALLOWED.get(name, {})
            kept["init_args"] = self._arguments(key, value["init_args"], rules, arguments, is_trusted=trusted)
        if "dict_kwargs" in value:
            more, signed_more = f"{key}.dict_kwargs", before.get("dict_kwargs", _NOTHING)
            kept["dict_kwargs"] = self._argument(more, value["dict_kwargs"], None, signed_more, is_trusted=trusted)
        return {part: item for part, item in kept.items() if item is not _NOTHING}

    def _unknown_class(self, key: str, name: str, value: Mapping[str, Any]) -> Any:
        before = len(self.findings)
        self._refuse(key, name, name)
        if len(self.findings) > before:  # all that there is to vouch for, at once
            for part in ("init_args", "dict_kwargs"):
                self._free(key, value.get(part))
        return _NOTHING

    def _free(self, key: str, value: Any) -> Any:
        """An argument of a class that is trusted by its name, and that no row of the table describes."""
        if isinstance(value, dict):
            if "class_path" in value:
                return self._class(key, value, _NOTHING)
            kept = {name: self._free_item(f"{key}.{name}", name, item) for name, item in value.items()}
            return {name: item for name, item in kept.items() if item is not _NOTHING}
        if isinstance(value, list):
            return [item for item in (self._free(key, item) for item in value) if item is not _NOTHING]
        if value is None or isinstance(value, bool | int | float):
            return value
        if not isinstance(value, str):  # YAML also has bytes and sets
            return self._refuse(key, value)
        if _DOTTED.fullmatch(value) and is_module(value.partition(".")[0]):
            is_known = value in ALLOWED or self._known.trusts(value)
            return value if is_known else self._refuse(key, value, value)
        return value if _is_plain_text(key, value) else self._refuse(key, value)

    def _free_item(self, key: str, name: Any, value: Any) -> Any:
        if isinstance(name, str) and (name.startswith("__") or not _PLAIN.fullmatch(name)):
            return self._refuse(key, value)
        return self._free(key, value)

    def _refuse(self, key: str, value: Any, name: str | None = None) -> Any:
        """Leave a value out; nobody has to vouch for it where something else was typed in its place."""
        plain = plain_key(key)
        if self._known.given.isdisjoint({plain, f"{plain}.class_path"}):
            self.findings.append(Finding(plain, value, name))
        return _NOTHING


def _is_same(value: Any, signed: Any) -> bool:
    return signed is not _NOTHING and repr(value) == repr(signed)


def _is_plain_text(key: str, value: str) -> bool:
    if ".." in value or value.startswith(("/", "-")) or not _PLAIN.fullmatch(value):
        return False
    name = key.rpartition(".")[2].lower()
    if _PLACES.search(name) or (_WEIGHTS.search(name) and not _BARE.fullmatch(value)):
        return not value
    return not _exists(value)  # where a class is expected, the parser would open the file


def _exists(name: str) -> bool:
    try:
        return bool(name) and Path(name).exists()
    except (OSError, ValueError):
        return False


def names_beyond_the_table(settings: Any) -> list[str]:
    """The class paths in a configuration that the table lacks."""
    found: set[str] = set()
    level = [settings]
    while level:
        mappings = [value for value in level if isinstance(value, dict)]
        found |= {value["class_path"] for value in mappings if isinstance(value.get("class_path"), str)}
        inner = [*mappings, *(value for value in level if isinstance(value, list))]
        level = [item for value in inner for item in (value.values() if isinstance(value, dict) else value)]
    return sorted(found - ALLOWED.keys())


def flag_for(finding: Finding, tree: Mapping[Any, Any]) -> tuple[str, str] | None:
    """The flag that vouches for a finding, and its value: of a list, the whole list; None where no flag can.

    Args:
        finding: From a `Sifter`.
        tree: The configuration that it has read.
    """
    if finding.key.partition(".")[0] not in (*GROUPS, *_DEFAULTS) and finding.key not in GROUPS[""]:
        return None
    value: Any = tree
    key = ""
    for name in finding.key.split("."):
        value = value.get("init_args", value) if isinstance(value, dict) else value
        value = value.get(name) if isinstance(value, dict) else None
        key = f"{key}.{name}" if key else name
        if isinstance(value, list):
            return f"--{key}", json.dumps(value, ensure_ascii=False, default=str)
    if finding.name is not None and isinstance(value, dict):
        return f"--{key}", finding.name
    is_text = isinstance(finding.value, str)
    return f"--{finding.key}", finding.value if is_text else json.dumps(finding.value, default=str)
