"""Random contents of a checkpoint folder for property tests: the program's files, foreign ones, links of all kinds."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from resume.run_files import JOURNAL
from tests.helpers import checkpoint_folders

OWN_NAMES = [
    "latest_checkpoint.pth",
    "interrupted_checkpoint.pth",
    "best_model.pth",
    "config.yaml",
    "training_history.png",
    "training_history.csv",
    "data_report.png",
    "data_scan.json",
    *(f"checkpoint_epoch_{number}.pth" for number in (1, 2, 9, 10)),
]
LOOKALIKES = [
    "checkpoint_epoch_0.pth",
    "checkpoint_epoch_01.pth",
    "checkpoint_epoch_١.pth",
    "latest_checkpoint.pth.bak",
    "best_model.pth\n",
    ".latest_checkpoint.pth.tmp",
    ".notes.txt.7.tmp",
    ".training_run.lock",
    "检查点.pth",
    "κρατῶ .pth",
    "notes\n  - mine.pth",
]
_ANY_NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..", "archive", JOURNAL)
)
CONTENTS = ["checkpoint", "other run", "junk", "empty", "unreadable"]
FORMS = [*CONTENTS, "folder", "full folder", "link inside", "link outside", "absolute link", "dangling", "hard link"]


@dataclass(frozen=True)
class Content:
    """What lies under each name, whereto links lead, and whether the folder itself is given by a link to it."""

    forms: dict[str, str]
    goals: dict[str, int]
    given_by_link: bool


def is_of_the_program(name: str) -> bool:
    """What the contract says, in other words than the program's."""
    number = name.removeprefix("checkpoint_epoch_").removesuffix(".pth")
    is_epoch_file = name == f"checkpoint_epoch_{number}.pth" and number.isascii() and number.isdecimal()
    return name in OWN_NAMES or (is_epoch_file and not number.startswith("0"))


@st.composite
def contents(draw: st.DrawFn) -> Content:
    """Own names, names that look like them, and names in any alphabet, each in any form."""
    own = draw(st.lists(st.sampled_from(OWN_NAMES), min_size=1, max_size=6, unique=True))
    foreign = draw(
        st.lists(
            st.one_of(st.sampled_from(LOOKALIKES), _ANY_NAME),
            max_size=4,
            unique_by=lambda name: name.casefold(),  # one file on systems that do not tell them apart
        )
    )
    taken = {name.casefold() for name in own}
    names = [*own, *(name for name in foreign if name.casefold() not in taken)]
    forms = {name: draw(st.sampled_from(FORMS)) for name in names}
    return Content(forms, {name: draw(st.integers(0, 8)) for name in names}, draw(st.booleans()))


@contextmanager
def laid_out(content: Content, elsewhere: Path | None = None) -> Iterator[Path]:
    """A folder with the content, beside files of the user that links lead to; all of it goes with the block.

    Args:
        content: What it holds.
        elsewhere: A folder on another file system in which it is made.
    """
    home = Path(tempfile.mkdtemp(dir=elsewhere))
    try:
        folder = home / "real" / "checkpoints"
        folder.mkdir(parents=True)
        for number in range(2):
            checkpoint_folders.save(folder.parent / "store" / f"{number}.pth", 3)
        names = sorted(content.forms, key=lambda name: content.forms[name] in FORMS[len(CONTENTS) :])
        for name in names:
            _make(folder, name, content.forms[name], names[content.goals[name] % len(names)], content.goals[name] % 2)
        if content.given_by_link:
            (home / "given").symlink_to(folder)
            folder = home / "given"
        yield folder
    finally:
        shutil.rmtree(home)


def _make(folder: Path, name: str, form: str, other: str, number: int) -> None:
    path = folder / name
    if form in ("checkpoint", "other run"):
        checkpoint_folders.save(
            path, 3, run_id=checkpoint_folders.RUN if form == "checkpoint" else checkpoint_folders.OTHER_RUN
        )
    elif form in ("folder", "full folder"):
        path.mkdir()
        if form == "full folder":
            (path / "latest_checkpoint.pth").write_bytes(b"mine")
    elif form in ("link inside", "link outside", "absolute link", "dangling"):
        goals = {
            "link inside": other,
            "link outside": f"../store/{number}.pth",
            "absolute link": str(folder.parent / "store" / f"{number}.pth"),
            "dangling": "../nowhere",
        }
        path.symlink_to(goals[form])
    elif form == "hard link":
        source = folder / other
        os.link(source if source.is_file() and not source.is_symlink() else folder.parent / "store" / "0.pth", path)
    else:
        path.write_bytes(b"" if form == "empty" else b"mine " + name.encode())
        if form == "unreadable":
            path.chmod(0)


def tree(folder: Path) -> dict[str, tuple[str, object]]:
    """Every entry below a folder: for a file its number and size, for a link whereto it leads, in the end."""
    folder = folder.resolve()
    found: dict[str, tuple[str, object]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            # Its words may change when it moves; where it leads may not.
            found[str(path.relative_to(folder))] = "link", _leads_to(path)
        elif path.is_dir():
            found[str(path.relative_to(folder))] = "folder", None
        else:
            status = path.lstat()
            found[str(path.relative_to(folder))] = "file", (status.st_ino, status.st_size)
    return found


def _leads_to(path: Path) -> object:
    try:
        return path.stat().st_ino
    except OSError:  # nowhere, or round in a circle
        return "nowhere"
