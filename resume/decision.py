"""What was decided before anything is built: a plain value, which `apply` carries out once all is checked."""

from dataclasses import dataclass
from pathlib import Path

from resume.checkpoints.catalog import OwnedFile
from resume.checkpoints.description import Checkpoint


@dataclass(frozen=True)
class Archive:
    """Files to be moved to `checkpoint_dir/archive/<time>/`.

    Attributes:
        files: As they were when this was decided.
        whole_run: All files of the run that the folder holds, so that it can be continued from the archive.
        continue_with: Name of the file among them with which it can be continued.
    """

    files: tuple[OwnedFile, ...]
    whole_run: bool
    continue_with: str | None = None


@dataclass(frozen=True)
class Resume:
    """Go on from a checkpoint.

    Attributes:
        checkpoint: The checkpoint.
        checkpoint_dir: The folder in which the run goes on.
        config_file: The run's own configuration; None where only the checkpoint carries it.
        archive: What must make way: another run, or later files of this one.
        best_from: The file that becomes `best_model.pth` again, being the best one at the resumed point.
        completes_save: Whether the checkpoint is of a save that was killed between its names, latest being the last.
    """

    checkpoint: Checkpoint
    checkpoint_dir: Path
    config_file: Path | None = None
    archive: Archive | None = None
    best_from: Path | None = None
    completes_save: bool = False

    @property
    def path(self) -> Path:
        """The checkpoint file."""
        return self.checkpoint.path


@dataclass(frozen=True)
class StartOver:
    """Delete what the user has seen and confirmed, then start a new run."""

    checkpoint_dir: Path
    files: tuple[OwnedFile, ...]


@dataclass(frozen=True)
class Fresh:
    """Start a new run; a run that lies in the folder is archived."""

    checkpoint_dir: Path
    archive: Archive | None = None


@dataclass(frozen=True)
class Quit:
    """Leave, and change nothing."""

    checkpoint_dir: Path


Decision = Resume | StartOver | Fresh | Quit
