"""What a folder holds after a kill, looked at without the program's own means; and what the program makes of it."""

import csv
import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import torch
import yaml
from PIL import Image

from resume.checkpoints.catalog import read_catalog
from resume.checkpoints.description import describe

CHECKPOINT = re.compile(r"(latest_checkpoint|best_model|interrupted_checkpoint|checkpoint_epoch_[1-9][0-9]*)\.pth")
RUN_FILE = re.compile(rf"{CHECKPOINT.pattern}|training_history\.(png|csv)|config\.yaml|data_scan\.json")
LEFTOVER = re.compile(r"\..+\.[0-9]+\.tmp")
# Come and go with every start, and belong to no run.
SET_ASIDE = ".set_aside"
NOTES = (".training_run.lock", ".training_run.json", ".archive_journal.json")

Identity = tuple[int, int]


@dataclass
class Found:
    """What a look at a folder found.

    Attributes:
        steps: Step of each sound checkpoint, by name.
        runs: The runs that sound checkpoints are of.
        damaged: Files that are not whole, each with the reason; those in the archive too.
        offered: Those among them that the program's menu shows as sound.
        leftovers: Temporary files of saves that were killed.
    """

    steps: dict[str, int] = field(default_factory=dict)
    runs: set[str] = field(default_factory=set)
    damaged: list[str] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    leftovers: set[str] = field(default_factory=set)

    @property
    def newest(self) -> int:
        """The furthest step that a sound checkpoint holds; 0 where there is none."""
        return max(self.steps.values(), default=0)


def look(folder: Path) -> Found:
    """See which files of the run are whole, in a folder and in the archive within it."""
    found = Found()
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        if path.parent == folder and LEFTOVER.fullmatch(path.name):
            found.leftovers.add(path.name)
        if not RUN_FILE.fullmatch(path.name):
            continue
        try:
            _read(path, found if path.parent == folder else Found())
        except Exception as error:  # noqa: BLE001 - a damaged file can fail in any way
            found.damaged.append(f"{path}: {type(error).__name__}: {error}")
            if path.parent != folder and CHECKPOINT.fullmatch(path.name) and not describe(path).damage:
                found.offered.append(str(path))
    # The archive has no menu; whoever names a file of it is told what `describe` sees.
    shown = [offer.path for offer in read_catalog(folder).shown if not offer.damage]
    found.offered += [str(path) for path in shown if path.name not in found.steps]
    return found


def _read(path: Path, found: Found) -> None:
    """Read a file whole; note what a checkpoint says.

    Raises:
        Exception: Whatever damage leads to.
    """
    if path.suffix == ".png":
        with Image.open(path) as picture:
            picture.load()
    elif path.suffix == ".csv":
        text = path.read_text(encoding="utf-8")
        rows = list(csv.DictReader(text.splitlines()))
        assert rows
        assert text.endswith("\n")
        assert [row["epoch"] for row in rows] == [str(number) for number in range(1, len(rows) + 1)]
    elif path.suffix == ".yaml":
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["trainer"]
    elif path.suffix == ".json":
        assert json.loads(path.read_text(encoding="utf-8"))["files"]
    else:
        with zipfile.ZipFile(path) as records:
            wrong = records.testzip()
            run = json.loads(records.read("archive/run.json"))["run"]
        assert wrong is None, wrong
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        assert run["global_step"] == checkpoint["global_step"]
        found.steps[path.name] = checkpoint["global_step"]
        found.runs.add(run["run_id"])


def identity(path: Path) -> Identity:
    """The same numbers for the same file, under whatever name it lies."""
    status = path.lstat()
    return status.st_ino, status.st_size


def run_files_of(folder: Path) -> dict[str, Identity]:
    """The run's files directly in a folder, by name."""
    return {path.name: identity(path) for path in folder.iterdir() if RUN_FILE.fullmatch(path.name)}


def foreign_files(folder: Path) -> dict[str, Identity]:
    """Everything else below a folder: what no start may touch; files of earlier runs in the archive are among it."""
    found = {}
    for path in folder.rglob("*"):
        is_own = path.parent in (folder, folder / SET_ASIDE) and (
            RUN_FILE.fullmatch(path.name) or LEFTOVER.fullmatch(path.name) or path.name in NOTES
        )
        if path.is_file() and not is_own:
            found[str(path.relative_to(folder))] = identity(path)
    return found


def places_problems(folder: Path, before: dict[str, Identity], known: set[str]) -> list[str]:
    """Files that are not in exactly one place: the folder, what is set aside in it, and what was archived since.

    Args:
        folder: The run's.
        before: The run's files as they were before the first start that moved them.
        known: What the archive held then, relative to the folder.
    """
    problems = []
    new = [path for path in folder.glob("archive/*/*") if str(path.relative_to(folder)) not in known]
    for name, wanted in before.items():
        places = [folder / name, folder / SET_ASIDE / name, *(path for path in new if path.name == name)]
        count = sum(path.is_file() and identity(path) == wanted for path in places)
        if count != 1:
            problems.append(f"{name} of the old run is in {count} places, expected 1")
    return problems
