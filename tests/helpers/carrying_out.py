"""A decision carried out up to the first save of the run, without a training."""

import resume
from resume.system.output import say


def carry_out(decision: resume.Decision, *, every_n_epochs: int = 1, keep_last: int = 0) -> None:
    """Make way for the run, and complete that as its first save does."""
    resume.apply(decision, every_n_epochs=every_n_epochs, keep_last=keep_last)
    for line in resume.finish(decision):
        say(line)
