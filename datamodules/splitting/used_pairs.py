"""What a run has done with its pairs so far: a part of each checkpoint."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from datamodules.splitting.partition import Partition
from datamodules.splitting.sides import Sides, split_of


class UsedPairs:
    """The side on which a run has used each pair, what it has validated with, and what it does without.

    Attributes:
        sides: The sides of the run before this start; None: it is a new run.
        validated: The fingerprint of the pairs with which it has validated; None: it is a new run.
        skipped: The hashes of the pairs that could not be read; it grows.
    """

    def __init__(self) -> None:
        self.sides: Sides | None = None
        self.validated: str | None = None
        self.skipped: set[int] = set()

    def take(self, state: Mapping[str, Any]) -> bool:
        """Take what a checkpoint holds; returns whether it is something else than before.

        Raises:
            DataError: Something else has written the state.
        """
        known, self.validated = split_of(state)
        tensor = state.get("skipped")
        skipped = set(tensor.tolist()) if isinstance(tensor, Tensor) else set()
        if known.equals(self.sides) and skipped == self.skipped:
            return False
        self.sides, self.skipped = known, skipped
        return True

    def state(self, parts: Partition) -> dict[str, Any]:
        """What a checkpoint keeps, once the pairs are divided into parts."""
        skipped = torch.tensor(sorted(self.skipped), dtype=torch.int64)
        return {"sides": parts.sides.state(), "validated": parts.validated, "skipped": skipped}
