"""Who imports whom, as docs/architecture.md says, and which module knows what."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from resume.run_files import RUN_ENTRY, SHARDS_CONTENT, SHARDS_TABLE, TABLE

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("resume", "launch", "callbacks", "lit_modules", "datamodules", "exactness")
# What each package may import of the others: a module, or a package with all that is in it.
MAY_IMPORT = {
    "resume": (),
    "datamodules": (
        "resume.system.output",
        "resume.system.worker_processes",
        "resume.system.small_yaml",
        "resume.system.errors",
    ),
    "lit_modules": ("resume.system.output",),
    "callbacks": ("resume.system", "resume.run_files", "resume.checkpoints"),
    "launch": ("resume", "callbacks", "datamodules", "lit_modules"),
    "exactness": ("resume", "callbacks", "launch", "train"),
    "train": ("resume", "callbacks", "datamodules", "lit_modules", "launch"),
}
# The layers of `resume`, the lowest first. A module imports only from lower layers; a module of a room (a folder) also
# from its own room, without a circle.
LAYERS = (
    ("resume.system",),
    ("resume.run_files",),
    ("resume.checkpoints",),
    ("resume.commands", "resume.decision", "resume.flags"),
    (
        "resume.archive",
        "resume.configuration",
        "resume.disk_space",
        "resume.handoff",
        "resume.journal",
        "resume.limits",
        "resume.plan",
        "resume.portable_links",
    ),
    ("resume.arguments", "resume.compatibility", "resume.menu", "resume.set_aside"),
    ("resume.apply", "resume.choose"),
    ("resume",),
)
ROOMS = ("resume.system", "resume.checkpoints", "resume.menu")
# The rooms of `datamodules`, the lowest first, and what all of them may use. The data module itself stands between the
# last two: it uses all rooms but `report`, which is of what it has found.
DATA_ROOMS = ("reading", "gt", "pairing", "loading", "splitting", "", "report")
OF_ALL_DATA = {"datamodules.data_errors", "datamodules.seeding", "datamodules.text_tables"}
RESUME_MAY_USE = {*sys.stdlib_module_names, "questionary", "prompt_toolkit", "yaml", "filelock", "resume"}
LONGEST_FILE = 300


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources() -> Iterator[Path]:
    """All files of the program."""
    yield ROOT / "train.py"
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


MODULES = {module_name(path): path for path in sources()}


@cache
def imports(path: Path) -> frozenset[str]:
    """The absolute names of all modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            # `from package import module` is an import of the module; `from module import name` is one of the module.
            found |= {name if name in MODULES else node.module for name in names}
    return frozenset(found)


def top_level(names: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def layer_of(name: str) -> int:
    found = [number for number, layer in enumerate(LAYERS) for entry in layer if _is_entry(entry, name)]
    assert len(found) == 1, f"{name} is in no layer, or in several: {found}"
    return found[0]


def _is_entry(entry: str, name: str) -> bool:
    return is_within(name, entry) if entry in ROOMS else name == entry


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_a_package_imports_only_what_the_layout_allows(package: str) -> None:
    for name, path in MODULES.items():
        if not is_within(name, package):
            continue
        others = {found for found in imports(path) if top_level({found}) & {*PACKAGES, "train"} - {package}}
        wrong = {found for found in others if not any(is_within(found, allowed) for allowed in MAY_IMPORT[package])}
        assert wrong == set(), f"{name} imports {wrong}"


def test_a_module_of_resume_imports_only_lower_layers_and_its_own_room() -> None:
    for name in MODULES:
        if not is_within(name, "resume"):
            continue
        room = next((room for room in ROOMS if is_within(name, room)), None)
        for found in imports(MODULES[name]):
            if is_within(found, "resume") and not (room and is_within(found, room)):
                assert layer_of(found) < layer_of(name), f"{name} imports {found}, which is not in a lower layer"


def data_room(name: str) -> str:
    _, *room, _ = name.split(".")
    return room[0] if room else ""


def test_a_room_of_the_data_imports_only_lower_rooms() -> None:
    for name in [name for name in MODULES if is_within(name, "datamodules") and MODULES[name].stem != "__init__"]:
        for found in imports(MODULES[name]) - OF_ALL_DATA:
            if is_within(found, "datamodules") and name not in OF_ALL_DATA:
                higher = DATA_ROOMS.index(data_room(found)) > DATA_ROOMS.index(data_room(name))
                assert not higher, f"{name} imports {found}"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_has_a_circle_of_imports(package: str) -> None:
    graph = {name: imports(path) & MODULES.keys() for name, path in MODULES.items() if is_within(name, package)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_resume_needs_neither_torch_nor_lightning() -> None:
    for name, path in MODULES.items():
        if is_within(name, "resume"):
            assert top_level(imports(path)) <= RESUME_MAY_USE, name


def test_the_table_of_names_imports_the_standard_library_alone() -> None:
    assert top_level(imports(MODULES["resume.run_files"])) <= sys.stdlib_module_names


def test_importing_the_program_imports_nothing_slow() -> None:
    program = "import sys, resume, train, launch.parent; print({'torch', 'lightning', 'numpy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("package", ["datamodules", "lit_modules"])
def test_data_and_networks_use_only_the_texts_of_resume(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        used = {name for name in imports(path) if name.partition(".")[0] == "resume"}
        if path.name == "workers.py":
            used.discard("resume.system.worker_processes")  # the end of the processes that it starts
        if path.name == "class_file.py":
            used -= {"resume.system.small_yaml", "resume.system.errors"}  # YAML of anybody's, within bounds
        assert all(name.startswith("resume.system.output") for name in used), f"{path.name} imports {used}"


def test_no_callback_imports_another() -> None:
    callbacks = ["callbacks.checkpoint_files", "callbacks.interrupt", "callbacks.progress", "callbacks.run_state"]
    callbacks.append("callbacks.training_history")
    for name, path in MODULES.items():
        if is_within(name, "callbacks") and name != "callbacks":
            others = imports(path) & set(callbacks)
            assert not others, f"{name} imports {others}"


def test_matplotlib_is_used_by_the_training_history_alone() -> None:
    users = [name for name, path in MODULES.items() if "matplotlib" in top_level(imports(path))]
    assert all("history" in name for name in users), users


def test_no_file_of_the_program_is_too_long() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert [name for name, length in lengths.items() if length > LONGEST_FILE] == []


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Line and value of each string of a file, without docstrings; of an f-string, its fixed parts."""
    module = tree(path)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(module)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def names_a_run_file(said: str) -> bool:
    """Whether a string contains the name of a file of the table; the plain word `archive` only if it is all."""
    names = [row.name for row in TABLE if row.form != "folder"] + [SHARDS_CONTENT, SHARDS_TABLE, RUN_ENTRY]
    stems = [name.partition("*")[0] if "*" in name else name for name in names]
    pattern = "|".join(re.escape(stem) for stem in stems)
    folders = {row.name for row in TABLE if row.form == "folder"}
    return said in folders or re.search(rf"(?<![\w.])(?:{pattern})|\.distcp", said) is not None


def test_no_name_of_a_file_is_written_anywhere_but_in_the_table() -> None:
    found = [
        f"{name}:{line}: {said!r}"
        for name, path in MODULES.items()
        if name != "resume.run_files"
        for line, said in strings(path)
        if names_a_run_file(said)
    ]
    assert found == []


@pytest.mark.parametrize(
    "said", ["latest_checkpoint.pth", "a/config.yaml", "checkpoint_epoch_", "see meta.pt.", "archive", "__0_0.distcp"]
)
def test_the_search_for_names_finds_them(said: str) -> None:
    assert names_a_run_file(said)


@pytest.mark.parametrize(
    "said", ["torch.distributed.checkpoint.metadata", "{path}: damaged", "the archive", "my.config.yaml"]
)
def test_the_search_for_names_finds_nothing_else(said: str) -> None:
    assert not names_a_run_file(said)
