"""Configurations mutated over all keys: what stays imports, calls and writes nothing beyond the table."""

import copy
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from launch.allowed import ALLOWED
from launch.sifting import Known, Sifter, names_beyond_the_table
from launch.yaml_text import yaml_text
from tests.helpers.audit_watch import AuditWatch
from tests.helpers.built import built_cli
from tests.helpers.foreign import SETTINGS

CASES = 30_000
PARSED = 60
MARK = "evil_module"
# Where a text may be a path to read, or a regular expression.
FREE_TEXTS = ("image_path", "gt_path", "val_image_path", "val_gt_path", "split", "group", "pairs", "classes")
NAMES = ("class_names",)  # to be shown
COLOURS = ("class_values", "ignored_values")
PATTERNS = ("image_pattern", "gt_pattern")
PLACES = ("save_dir", "root_dir", "dirpath", "filename", "default_root_dir", "dump_stats")
HOSTILE: list[Any] = [
    "",
    f"{MARK}.Thing",
    MARK,
    f"{MARK}.yaml",
    f"./{MARK}",
    f"/tmp/{MARK}",
    f"../../{MARK}",
    f"~/{MARK}",
    f"https://{MARK}/x.yaml",
    f"\\\\{MARK}\\share",
    f"{{class_path: {MARK}.Thing}}",
    f"class_path: {MARK}.Thing",
    f"[{MARK}.Thing]",
    f"!!python/name:{MARK}.Thing",
    f"{MARK}.Thing\n",
    f" {MARK}.Thing",
    "",
    f"{MARK}.Thing",
    "builtins.print",
    "os.system",
    "LambdaCallback",
    {"class_path": f"{MARK}.Thing"},
    {"class_path": "builtins.print"},
    {"class_path": "lightning.pytorch.callbacks.LambdaCallback", "init_args": {"setup": f"{MARK}.run"}},
    {"class_path": "lightning.pytorch.callbacks.ModelCheckpoint", "init_args": {"dirpath": f"/tmp/{MARK}"}},
    {"class_path": "torch.optim.AdamW", "init_args": {"lr": {"class_path": f"{MARK}.Thing"}}},
    {"class_path": "torch.optim.AdamW", "dict_kwargs": {"hook": f"{MARK}.run"}},
    {"class_path": "lit_modules.networks.UNet", "init_args": f"{MARK}.yaml"},
    {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": f"/tmp/{MARK}", "name": ".."}},
    {"class_path": {"class_path": f"{MARK}.Thing"}},
    {"class_path": None},
    {"init_args": {"x": f"{MARK}.Thing"}},
    {f"{MARK}.Thing": 1},
    {"__path__": f"/tmp/{MARK}"},
    {1: f"{MARK}.Thing"},
    [],
    [f"{MARK}.Thing"],
    [{"class_path": f"{MARK}.Thing"}],
    [[{"class_path": f"{MARK}.Thing"}]],
    None,
    True,
    -1,
    1e308,
    b"evil_module",
    {MARK, 1},
    "",
]
KEYS = ["class_path", "init_args", "dict_kwargs", "__path__", "__default_config__", "__orig__", "config", "weights"]
KEYS += ["callbacks+", "model.network", f"{MARK}.Thing", "save_dir", "dirpath", "loss", "trust", "ckpt_path"]


def mutated(draw: random.Random) -> Any:
    """The configuration with one to three changes, each at any place in it."""
    settings = copy.deepcopy(SETTINGS)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        container, key = draw.choice(list(places(settings)))
        value = copy.deepcopy(draw.choice(HOSTILE))
        change = draw.randrange(6)
        if change == 0 and isinstance(container, dict):
            container[draw.choice(KEYS)] = value
        elif change == 1 and isinstance(container, dict):
            container[draw.choice(KEYS)] = container.pop(key)
        elif change == 2 and isinstance(container, list):
            container.append(value)
        elif change == 3:
            container[key] = [container[key], value]
        elif change == 4:
            _, other = draw.choice(list(places(SETTINGS)))
            container[key] = copy.deepcopy(draw.choice([value, {other: value}]))
        else:
            container[key] = value
    return settings


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(item, dict | list):
            yield from places(item)


def faults(value: Any, name: str = "") -> Iterator[str]:
    """What must not be in a configuration that is used."""
    if isinstance(value, dict):
        yield from wrong_keys(value)
        for key, item in value.items():
            yield from faults(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from faults(item, name)
    elif isinstance(value, str):
        is_free = name in (*FREE_TEXTS, *PATTERNS, *NAMES)
        is_colour = name in COLOURS and re.fullmatch("#[0-9a-f]{6}", value)
        if name != "class_path" and not is_free and not is_colour and not re.fullmatch(r"[\w /+,:-]*", value):
            yield f"{name}: {value}"
        if name in ("name", "version", "sub_dir") and "/" in value:
            yield f"leads to {value}"
    elif value is not None and not isinstance(value, bool | int | float):
        yield f"{name}: {value!r}"


def wrong_keys(mapping: dict[Any, Any]) -> Iterator[str]:
    if "class_path" in mapping and mapping["class_path"] not in ALLOWED:
        yield f"class {mapping['class_path']}"
    for key, item in mapping.items():
        if key in PLACES and item is not None:
            yield f"writes to {item}"
        if not (type(key) is int or re.fullmatch(r"[\w/ ]+", str(key))) or str(key).startswith("__"):
            yield f"key {key}"


@pytest.fixture(scope="module")
def watch() -> AuditWatch:
    """Notes what is imported, opened, started or compiled."""
    return AuditWatch(
        "import", "open", "exec", "compile", "os.system", "subprocess.Popen", "socket.connect", "os.mkdir"
    )


def sifted(draws: int, seed: int, watch: AuditWatch) -> Iterator[tuple[Any, Any, bool]]:
    """Mutated configurations, what was kept of each, and whether it is refused."""
    draw = random.Random(seed)
    for _ in range(draws):
        settings = mutated(draw)
        sifter = Sifter(Known())
        watch.is_on = True
        kept = sifter.settings(settings)
        watch.is_on = False
        yield settings, kept, bool(sifter.findings)


@pytest.mark.parametrize("draws", [500, pytest.param(CASES, marks=pytest.mark.slow)])
def test_whatever_is_changed_nothing_beyond_the_table_is_kept(draws: int, watch: AuditWatch) -> None:
    watch.seen.clear()
    refused = 0
    for settings, kept, is_refused in sifted(draws, seed=draws, watch=watch):
        assert list(faults(kept)) == [], settings
        assert names_beyond_the_table(kept) == []
        refused += is_refused
    assert watch.seen == []
    assert 0.3 * draws < refused < draws


@pytest.mark.slow
def test_the_parser_imports_and_opens_nothing_for_what_is_kept(
    watch: AuditWatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = str(Path(__file__).resolve().parents[2] / "configs" / "default.yaml")
    cli = built_cli(["--config", default, "--data.image_path=null", "--data.gt_path=null"])
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{MARK}.py").write_text("raise SystemExit('imported')\n", encoding="utf-8")
    (tmp_path / MARK).write_text(f"class_path: {MARK}.Thing\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    watch.seen.clear()
    parsed = 0
    for _, kept, _ in sifted(PARSED, seed=1, watch=watch):
        text = yaml_text(kept)
        watch.is_on = True
        try:
            cli.parser.parse_args(["--config", text])
            parsed += 1
        except Exception:  # noqa: BLE001 - whatever the parser says of values of wrong types
            continue
        finally:
            watch.is_on = False
    assert MARK not in sys.modules
    names = [str(name) for _, name, *_ in watch.seen]
    assert [name for name in names if MARK in name] == []
    assert parsed > PARSED // 4


def test_the_search_for_faults_finds_them() -> None:
    for hostile in ("a.B", "{a: b}", {"class_path": "a.B"}, {"dirpath": "x"}, {"__path__": 1}, b"x", ["a.B"]):
        settings = copy.deepcopy(SETTINGS)
        settings["trainer"]["max_epochs"] = hostile
        assert list(faults(settings))


def test_the_names_of_a_configuration_are_its_classes_beyond_the_table() -> None:
    network = {"class_path": "own.Net", "init_args": {"act": "torch.nn.ReLU", "block": {"class_path": "own.Block"}}}
    settings = copy.deepcopy(SETTINGS)
    settings["model"]["init_args"]["network"] = network
    settings["data"]["init_args"]["image_path"] = "a.b"
    assert names_beyond_the_table(settings) == ["own.Block", "own.Net"]
