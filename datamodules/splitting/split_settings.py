"""Checks of the settings that say which pairs are for validation."""

from collections.abc import Sequence

from datamodules.data_errors import DataError
from resume.system.output import text


def check_split(
    split: Sequence[str] | None, group: str | None, fold: str | None, has_folders_for_validation: bool
) -> None:
    """Check the settings of the split.

    Raises:
        DataError: There are problems; the message contains all of them.
    """
    problems = []
    if fold is not None:
        try:
            parse_fold(fold)
        except DataError as error:
            problems.append(str(error))
    chosen = [
        name
        for name, is_set in (
            ("--data.val_image_path", has_folders_for_validation),
            ("--data.split", split is not None),
            ("--data.fold", fold is not None),
        )
        if is_set
    ]
    if len(chosen) > 1:
        problems.append(
            text("{names}: each of them says which pairs are for validation. Use one of them.").format(
                names=", ".join(chosen)
            )
        )
    if split is not None and not split:
        problems.append(text("--data.split names no file."))
    if group == "":
        problems.append(text("--data.group is empty; expected a regular expression."))
    if problems:
        raise DataError("\n".join(problems))


def parse_fold(fold: str) -> tuple[int, int]:
    """Return K and N of a fold `K/N`.

    Raises:
        DataError: It is no such text, or K is not from 1 to N, or N is smaller than 2.
    """
    number, slash, count = fold.partition("/")
    if slash and number.strip().isdecimal() and count.strip().isdecimal() and 1 <= int(number) <= int(count) > 1:
        return int(number), int(count)
    message = text("--data.fold is {fold!r}; expected K/N, such as 1/5: validate with fold K, from 1 to N, of N >= 2.")
    raise DataError(message.format(fold=fold))
