"""What a start has seen of the ground truth files, kept beside the run, so that the next one needs not look again."""

from pathlib import Path

from datamodules.gt.scan import read_cache
from launch.cli import TrainCLI
from resume.run_files import DATA_SCAN
from resume.system.durable_files import write_text
from resume.system.output import complain, text


def take_scan(cli: TrainCLI, folder: Path) -> None:
    """Let the facts be found with what an earlier start has kept in the folder."""
    cli.datamodule.run_pairs.scan.known = read_cache(folder / DATA_SCAN)


def keep_scan(cli: TrainCLI, folder: Path) -> None:
    """Keep what this start has seen, if it has looked at anything. A failure is reported, and nothing is lost by it."""
    scan = cli.datamodule.run_pairs.scan
    if not scan.has_looked:
        return
    try:
        write_text(folder / DATA_SCAN, scan.text())
    except OSError as error:
        message = text("{path}: cannot be written ({reason}); the next start reads the ground truth again.")
        complain(message.format(path=folder / DATA_SCAN, reason=error.strerror or error))
