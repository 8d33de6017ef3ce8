import sys
from pathlib import Path

import pytest

from launch.origins import origin

RAISES = "raise SystemExit('imported')\n"


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that must not be imported."""
    folder = tmp_path / "foreign_package"
    (folder / "inner").mkdir(parents=True)
    for name in ("__init__.py", "module.py", "inner/__init__.py", "inner/deep.py"):
        (folder / name).write_text(RAISES, encoding="utf-8")
    (tmp_path / "space" / "part").mkdir(parents=True)
    (tmp_path / "space/part/deep.py").write_text(RAISES, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("foreign_package.Net", "__init__.py"),
        ("foreign_package.module.Net", "module.py"),
        ("foreign_package.module.Net.Inner", "module.py"),
        ("foreign_package.inner.Net", "inner/__init__.py"),
        ("foreign_package.inner.deep.Net", "inner/deep.py"),
        ("foreign_package.none.Net", "__init__.py"),
    ],
)
def test_the_file_of_a_name_is_found_without_an_import(package: Path, name: str, file: str) -> None:
    assert origin(name) == str(package / file)
    assert "foreign_package" not in sys.modules


def test_a_package_without_a_file_of_its_own_is_searched_too(tmp_path: Path) -> None:
    assert origin("space.part.deep.Net") == str(tmp_path / "space/part/deep.py")
    assert origin("space.part.Net") == str(tmp_path / "space/part")
    assert "space" not in sys.modules


@pytest.mark.parametrize("name", ["builtins.print", "sys.exit"])
def test_what_python_brings_has_no_file(name: str) -> None:
    assert origin(name) == "part of Python"


@pytest.mark.parametrize("name", ["no_such_package_here.Net", "__main__.Net", "..", "a-b.C", "."])
def test_a_name_that_leads_nowhere_is_no_error(name: str) -> None:
    assert isinstance(origin(name), str)
