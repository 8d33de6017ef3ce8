"""What the callbacks of the program print during training, above the progress bar if there is one."""

from lightning.pytorch import Trainer

from resume.system.output import one_line, showable


def print_line(trainer: Trainer, line: str) -> None:
    """Print a line in the first process; it may hold names that a file or a checkpoint has brought."""
    trainer.lightning_module.print(showable(one_line(line)))
