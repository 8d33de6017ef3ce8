"""Who imports whom, as docs/architecture.md says."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"resume", "launch", "callbacks", "lit_modules", "datamodules", "exactness"}
ALLOWED = {
    "resume": set(),
    "launch": {"resume", "callbacks", "datamodules", "lit_modules"},
    "callbacks": {"resume"},
    "lit_modules": {"resume"},
    "datamodules": {"resume"},
    "exactness": {"resume", "callbacks", "launch", "train"},
}
RESUME_MAY_USE = {*sys.stdlib_module_names, "questionary", "prompt_toolkit", "yaml", "filelock", "resume"}


def imports(path: Path) -> set[str]:
    """The absolute names of all modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def top_level(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_package_imports_only_what_the_layout_allows(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        others = top_level(imports(path)) & (PACKAGES | {"train"}) - {package}
        assert others <= ALLOWED[package], f"{path.name} imports {others}"


def test_resume_needs_neither_torch_nor_lightning() -> None:
    for path in (ROOT / "resume").rglob("*.py"):
        assert top_level(imports(path)) <= RESUME_MAY_USE, path.name


@pytest.mark.parametrize("package", ["datamodules", "lit_modules"])
def test_data_and_networks_use_only_the_texts_of_resume(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        used = {name for name in imports(path) if name.partition(".")[0] == "resume"}
        assert all(name.startswith("resume.system.output") for name in used), f"{path.name} imports {used}"


def test_no_callback_imports_another() -> None:
    callbacks = ["callbacks.checkpoint_files", "callbacks.interrupt", "callbacks.progress", "callbacks.run_state"]
    callbacks.append("callbacks.training_history")
    for path in (ROOT / "callbacks").glob("*.py"):
        if path.name != "__init__.py":
            others = {name for name in imports(path) for other in callbacks if name.startswith(other)}
            assert not others, f"{path.name} imports {others}"


def test_matplotlib_is_used_by_the_training_history_alone() -> None:
    users = [
        path.name
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "matplotlib" in top_level(imports(path))
    ]
    assert all("history" in name for name in users), users


def test_no_file_of_the_program_is_longer_than_300_lines() -> None:
    files = [ROOT / "train.py", *(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))]
    assert [path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) > 300] == []
