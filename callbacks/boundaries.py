"""Where in an epoch a run can be saved so that a resume goes on exactly there."""

from lightning.pytorch import Trainer


def is_step_boundary(trainer: Trainer, batch_idx: int) -> bool:
    """Whether, at the end of a batch, nothing is half done: gradients are used up, and neither validation nor the
    epoch's end follows, which a checkpoint made here would make the resumed run skip.
    """
    accumulated = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
    return accumulated and not trainer.is_last_batch and not _validation_follows(trainer, batch_idx)


def _validation_follows(trainer: Trainer, batch_idx: int) -> bool:
    if not trainer.enable_validation or trainer.val_check_batch in (None, float("inf")):
        return False
    every = trainer.check_val_every_n_epoch
    if every is not None and (trainer.current_epoch + 1) % every != 0:
        return False
    done = batch_idx + 1 if every is not None else trainer.fit_loop.total_batch_idx + 1
    return done % int(trainer.val_check_batch) == 0
