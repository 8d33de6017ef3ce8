"""Where a module would come from, found without importing anything, and in which folders modules are looked for."""

import importlib.util
import os
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from pathlib import Path

from resume.system.output import text

_PROGRAM = Path(__file__).resolve().parent.parent


def origin(name: str) -> str:
    """The file that importing a name such as `package.module.Class` would run, or why none is known."""
    package, *inner = name.split(".")
    if package in sys.builtin_module_names:
        return text("part of Python")
    spec = _spec(package)
    if spec is None:
        return text("no such module")
    file, folders = spec.origin, [Path(folder) for folder in spec.submodule_search_locations or ()]
    for part in inner[:-1]:
        modules = [path for folder in folders for path in (folder / part / "__init__.py", folder / f"{part}.py")]
        packages = [folder / part for folder in folders if (folder / part).is_dir()]
        found = next((path for path in modules if path.is_file()), None)
        if found is None and not packages:
            break  # an attribute of the module so far
        file, folders = None if found is None else str(found), packages
    return file or (str(folders[0]) if folders else text("no such module"))


def is_module(name: str) -> bool:
    """Whether there is a module or package of this name, which has no dot."""
    return name in sys.builtin_module_names or name in sys.modules or _spec(name) is not None


def _spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)  # of a name without a dot, this imports nothing
    except (ImportError, ValueError, AttributeError):
        return None


def search_working_folder_last(checkpoint_folders: Iterable[Path]) -> None:
    """Look for modules in the working folder after all other places, and never beside a checkpoint.

    The program's own folder stays as it is.

    Args:
        checkpoint_folders: The folder of the checkpoint, and the one in which the run continues.
    """
    try:
        here = Path.cwd()
    except OSError:  # the working folder is gone, and so holds no module
        return
    never = {_real(folder) for folder in checkpoint_folders} - {_real(_PROGRAM)}
    moved = {_real(here)} - {_real(_PROGRAM)}
    sys.path[:] = [entry for entry in sys.path if _real(Path(entry or here)) not in never | moved]
    if moved - never:
        sys.path.append(str(here))


def _real(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))
