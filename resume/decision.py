"""What was decided before anything is built: a plain value, which `apply` carries out when every check has passed."""

from dataclasses import dataclass
from pathlib import Path

from resume.checkpoints.catalog import OwnedFile
from resume.checkpoints.description import Checkpoint
from resume.checkpoints.paths import place_of


@dataclass(frozen=True)
class Archive:
    """Files to move to `checkpoint_dir/archive/<time>/` after the first save.

    Attributes:
        files: The files as they were when this was decided.
        whole_run: Whether these are all files of the run in the folder, so that it can be resumed from the archive.
        continue_with: The name of the file among them to resume from.
    """

    files: tuple[OwnedFile, ...]
    whole_run: bool
    continue_with: str | None = None


@dataclass(frozen=True)
class Resume:
    """Resume from a checkpoint.

    Attributes:
        checkpoint: The checkpoint.
        checkpoint_dir: The folder in which the run continues.
        config_file: The run's own configuration file; None if only the checkpoint holds the configuration.
        archive: What makes way: another run, or later files of this run.
        best_from: The file to link as the best model, because it holds the best model at the resumed point.
        completes_save: Whether the save that wrote the checkpoint was killed before it linked the name of latest.
        is_newest: Whether it was taken because it is the newest usable checkpoint, and not because somebody named it.
        other_scores: What makes the scores to come scores of something else; the best score then starts anew.
        is_trusted: Whether a person has said in the menu that everything its configuration names may be used.
    """

    checkpoint: Checkpoint
    checkpoint_dir: Path
    config_file: Path | None = None
    archive: Archive | None = None
    best_from: Path | None = None
    completes_save: bool = False
    is_newest: bool = False
    other_scores: tuple[str, ...] = ()
    is_trusted: bool = False

    @property
    def path(self) -> Path:
        """The checkpoint, under its own name."""
        return self.checkpoint.path

    @property
    def place(self) -> Path:
        """Where the checkpoint is at this moment, to be read from; see `place_of`."""
        return place_of(self.checkpoint.path)


@dataclass(frozen=True)
class StartOver:
    """Delete what the user has seen and confirmed, and start a new run.

    Attributes:
        files: What was confirmed.
        at_once: Whether the files are deleted before training, because the disk does not hold both runs; else they
            are deleted after the new run's first save.
    """

    checkpoint_dir: Path
    files: tuple[OwnedFile, ...]
    at_once: bool = False


@dataclass(frozen=True)
class Fresh:
    """Start a new run. A run in the folder is archived."""

    checkpoint_dir: Path
    archive: Archive | None = None


@dataclass(frozen=True)
class Quit:
    """Leave, and change nothing."""

    checkpoint_dir: Path


Decision = Resume | StartOver | Fresh | Quit
