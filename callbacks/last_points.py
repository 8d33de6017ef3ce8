"""What the loggers get at the end of a step or an epoch, given to them before a stop that skips that end."""

from contextlib import suppress

from lightning.pytorch import Trainer

from callbacks.boundary import epoch_has_ended


def log_last_points(trainer: Trainer) -> None:
    """Log what Lightning would log after the present hook, of a step or an epoch that is done.

    A resumed run begins behind it. During a validation nothing is due: a resumed run makes it anew.
    """
    if trainer.validating:
        return
    connector, loop = trainer._logger_connector, trainer.fit_loop.epoch_loop
    with suppress(OSError):  # a full disk; the run is saved and stops
        if epoch_has_ended(trainer):
            loop._batches_that_stepped -= 1  # as Lightning does: the points of an epoch are those of its last step
            connector.update_train_epoch_metrics()
        else:
            connector.update_train_step_metrics()
