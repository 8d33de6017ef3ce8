"""The mapping from the codes in ground truth files to class ids."""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from datamodules.data_errors import DataError, short_list
from resume.system.output import one_line, text

LARGEST_VALUE = 2**24 - 1  # the largest code of a class: white as a colour
# The code of a class, or several: numbers, or colours "#rrggbb".
ClassValue = int | str | Sequence[int] | Sequence[str]
_COLOUR = re.compile("#[0-9a-fA-F]{6}")


class ClassMapping:
    """The class of each code in the ground truth.

    Args:
        num_classes: Number of classes, including the background.
        class_values: The code of class 0, of class 1, …, as numbers or as colours "#rrggbb", or a list of codes for a
            class that has several; None: 0, 1, …, and with two classes 255 is also class 1.
        ignore_index: What pixels that are not counted are in the target. Where the codes are no colours, it is also
            the code of such pixels.
        ignored_values: Further codes of such pixels; they may be negative.
    """

    def __init__(
        self,
        num_classes: int,
        class_values: Sequence[ClassValue] | None,
        ignore_index: int | None,
        ignored_values: Sequence[int | str] = (),
    ) -> None:
        values: Sequence[ClassValue] = range(num_classes) if class_values is None else class_values
        codes = [codes_of(value) for value in values]
        self._has_colours = is_colour(values) or is_colour(ignored_values)
        self.class_ids = {code: class_id for class_id, several in enumerate(codes) for code in several}
        self._has_255_for_1 = class_values is None and num_classes == 2 and ignore_index != 255
        if self._has_255_for_1:
            self.class_ids[255] = 1
        self._ignore_index = ignore_index
        self._ignored = [code_of(value) for value in ignored_values]
        assert ignore_index is not None or not self._ignored
        if ignore_index is not None and not self._has_colours:
            self._ignored.append(ignore_index)
        if self._has_255_for_1 and 255 in self._ignored:
            self._has_255_for_1 = False
            del self.class_ids[255]

    def __getstate__(self) -> dict[str, Any]:
        """Without the table, which each process builds for itself."""
        return {name: value for name, value in vars(self).items() if name != "_table"}

    @cached_property
    def _table(self) -> npt.NDArray[np.int32]:
        """Of each code from 0: target + 1, or 0 for an unknown one, so that memory that holds none is not touched."""
        known = [code for code in [*self.class_ids, *self._ignored] if 0 <= code <= LARGEST_VALUE]
        table = np.zeros(max(known, default=0) + 2, dtype=np.int32)
        for code, class_id in self.class_ids.items():
            table[code] = class_id + 1
        for code in known:
            if code in self._ignored:
                assert self._ignore_index is not None
                table[code] = self._ignore_index + 1
        return table

    def fits(self, values: Sequence[int]) -> bool:
        """Return whether every code of one file has a class, and class 1 has only one code in this file."""
        known = all(value in self.class_ids or value in self._ignored for value in values)
        return known and not self._has_two_ones(values)

    def is_ignored(self, code: int) -> bool:
        """Whether pixels of this code are not counted."""
        return code in self._ignored

    def target(self, labels: npt.NDArray[np.integer], path: str) -> npt.NDArray[np.int32]:
        """Map the codes of a file to class ids.

        Args:
            labels: The codes of the file (H, W).
            path: The file, for the error message.

        Returns:
            int32 (H, W): class ids, and `ignore_index` for pixels that are not counted.

        Raises:
            DataError: A code belongs to no class.
        """
        target = self._looked_up(labels)
        two_ones = self._has_255_for_1 and bool((labels == 1).any() and (labels == 255).any())
        if two_ones or (target.size and int(target.min()) == 0):
            raise DataError(f"{self.problem(path, values_of(labels))}\n{self.advice()}")
        target -= 1
        return target

    def _looked_up(self, labels: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """Target + 1 (H, W); 0: unknown."""
        last = len(self._table) - 1  # the last entry belongs to no code
        if labels.size == 0 or (int(labels.min()) >= 0 and int(labels.max()) <= last):
            return self._table[labels]  # type: ignore[no-any-return]
        labels = labels.astype(np.int64)  # small types cannot hold `last`
        outside = (labels < 0) | (labels > last)
        target: npt.NDArray[np.int32] = self._table[np.where(outside, last, labels)]
        far = [code for code in self._ignored if not 0 <= code < last]
        if far:
            assert self._ignore_index is not None
            target[np.isin(labels, far)] = self._ignore_index + 1
        return target

    def problem(self, path: str, values: Sequence[int]) -> str:
        """Return one line about a file that does not fit."""
        message = text("{path} holds {values}")
        if self._has_two_ones(values):
            message = text("{path} holds {values} (both 1 and 255 would be class 1)")
        elif path.lower().endswith((".jpg", ".jpeg")):
            message = text("{path} holds {values} (JPEG changes values; save ground truth as PNG)")
        return message.format(path=one_line(path), values=self._shown(values))

    def advice(self) -> str:
        """Return the expected values and the settings that change them."""
        return text(
            "Expected: {values}. Set --data.num_classes to the number of classes, including the background; "
            "--data.class_values to the value of each class, such as [0, 128, 255]; "
            "--data.ignore_index to the value of pixels that must not be counted."
        ).format(values=self._shown(sorted(self.class_ids)))

    def _shown(self, codes: Sequence[int]) -> str:
        return short_list([f"#{code:06x}" for code in codes] if self._has_colours else codes, limit=8)

    def _has_two_ones(self, values: Sequence[int]) -> bool:
        return self._has_255_for_1 and 1 in values and 255 in values


def code_of(value: int | str) -> int:
    """The code of a class value: a number, or a colour "#rrggbb".

    Raises:
        DataError: A text is no such colour.
    """
    if not isinstance(value, str):
        return int(value)
    if not _COLOUR.fullmatch(value):
        raise DataError(
            text("{value!r} is no colour; expected six digits from 0 to f, such as '#ff8000'.").format(value=value)
        )
    return int(value[1:], 16)


def codes_of(value: ClassValue) -> list[int]:
    """The codes of a class.

    Raises:
        DataError: A text is no colour.
    """
    return [code_of(value)] if isinstance(value, int | str) else [code_of(part) for part in value]


def is_colour(values: Sequence[ClassValue]) -> bool:
    """Whether the values of classes are colours."""
    return any(isinstance(value, str) or (not isinstance(value, int) and is_colour(value)) for value in values)


def values_of(labels: npt.NDArray[np.integer]) -> list[int]:
    """Return the distinct values in (H, W) in ascending order."""
    if labels.dtype == np.uint8:  # 20 times as fast as sorting
        values = np.flatnonzero(np.bincount(labels.ravel(), minlength=256))
    else:
        values = np.unique(labels)
    return [int(value) for value in values]
