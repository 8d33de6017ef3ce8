"""What an earlier run has set aside waits for the first save of this start."""

from collections.abc import Callable

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback

from callbacks.finding import callbacks_of
from callbacks.print_line import print_line
from resume.system.output import ExplainedError, text


class SetAside(Callback):
    """Lets the files that make way go for good once this start has saved a checkpoint of its own.

    What a stop signal saves is such a checkpoint. What an exception would save is not, since the cause may be a wrong
    setting, which must not cost the earlier run.

    Args:
        finish: Deletes or archives them, and returns the lines to print. None where nothing was set aside, and in all
            processes but the first.
    """

    def __init__(self, finish: Callable[[], list[str]] | None) -> None:
        self._finish = finish

    @property
    def waits(self) -> bool:
        """Whether the first save is still to come."""
        return self._finish is not None

    def on_saved(self, trainer: Trainer) -> None:
        """To be called after each whole save. If the system refuses the rest, the next save tries again."""
        if self._finish is None:
            return
        try:
            done = self._finish()
        except ExplainedError as error:
            done = [text("Warning: {error}").format(error=error)]
        else:
            self._finish = None
        for line in done:
            print_line(trainer, line)


def set_aside_of(trainer: Trainer) -> SetAside | None:
    """The callback of this trainer; None if it has none."""
    return next(iter(callbacks_of(trainer, SetAside)), None)
