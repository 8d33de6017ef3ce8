"""The callbacks of one kind in a trainer."""

from typing import TypeVar

from lightning.pytorch import Callback, Trainer

Kind = TypeVar("Kind", bound=Callback)


def callbacks_of(trainer: Trainer, kind: type[Kind]) -> list[Kind]:
    """The trainer's callbacks of a class and its subclasses, in the order in which Lightning calls them."""
    return [one for one in trainer.callbacks if isinstance(one, kind)]  # type: ignore[attr-defined]
