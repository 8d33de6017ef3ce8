"""How many pairs there are on each side, and from where, in words."""

from datamodules.splitting.partition import Partition
from resume.system.output import plural, text


def data_line(parts: Partition, fold: str | None) -> str:
    """Return one line with the number of pairs on each side and their source.

    Args:
        parts: The pairs.
        fold: The fold for validation; None if there are no folds.
    """
    train = plural("{count} pair for training", "{count} pairs for training", len(parts.training))
    val = text("{count} for validation").format(count=len(parts.validation))
    if fold is not None:
        val = text("{val} (fold {fold})").format(val=val, fold=fold)
    if parts.left_out:
        val = text("{val}, {count} left out (in no list)").format(val=val, count=parts.left_out)
    source, val_source = parts.training.describe(), parts.validation.describe()
    if source == val_source:
        return text("{train}, {val}, {source}").format(train=train, val=val, source=source)
    return text("{train}, {source}; {val}, {val_source}").format(
        train=train, source=source, val=val, val_source=val_source
    )
