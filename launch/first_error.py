"""The error that training failed with is the one that is reported, whatever fails after it."""

from collections.abc import Callable

from lightning.pytorch import Trainer
from lightning.pytorch.trainer.call import _call_and_handle_interrupt

from callbacks import Interrupt
from callbacks.finding import callbacks_of
from resume.system.output import brief, say, text
from resume.system.signals import Stopped


def raising_first(trainer: Trainer, train: Callable[[], None]) -> None:
    """Train; if that fails, raise the first error, although a later one has taken its place.

    After an error, Lightning calls `on_exception` of all callbacks, closes the loggers and frees the device. The first
    of these that fails ends the rest, and its error is what Lightning raises: for example that of a logger whose disk
    is full, in place of a stop by Ctrl+C. If the save of the exception was among the rest, it is made now. A signal may
    come meanwhile too, such as that of torchrun, which ends the other workers when it has missed one.

    The handlers of signals that were set before training are back afterwards: left to that of a training that has
    ended, Ctrl+C would say that it stops after this step, and stop nothing.
    """
    try:
        train()
    except (Exception, Stopped) as error:
        first = _first(error)
        if first is error:
            raise
        _save(trainer, first)
        trainer._signal_connector.teardown()  # puts back what Lightning has not put back
        if not isinstance(error, Stopped):
            said = text("Before that error was reported, another one came up: {error}.")
            say(said.format(error=brief(error)))
    else:
        return
    raise first  # not within the handler, which would add the later error to its traceback


def _first(error: BaseException) -> BaseException:
    """What Lightning was handling when the error came up; the error itself if that was the first."""
    chain = [error]
    while chain[-1].__context__ is not None:
        chain.append(chain[-1].__context__)
    # Errors that were handled deeper inside are in the chain too.
    handled = [
        one
        for one in chain
        if one.__traceback__ is not None and one.__traceback__.tb_frame.f_code is _call_and_handle_interrupt.__code__
    ]
    return handled[-1] if handled else error


def _save(trainer: Trainer, first: BaseException) -> None:
    for callback in callbacks_of(trainer, Interrupt):
        callback.on_exception(trainer, trainer.lightning_module, first)
