"""The state after the last step of a run that is still to be validated, kept as that step left it."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

from resume.checkpoints.run_entry import RunEntry


class LastStep:
    """Keeps a state whose training has ended without a validation of its last step.

    A validation that only the end of the run asks for is no part of the run: with a higher limit it would not have
    come, and early stopping or a schedule that looks at scores would not have counted it. So the run continues from the
    state before it, to which only the scores are added.

    Attributes:
        state: The checkpoint; None if there is nothing to validate. Its tensors are those of the trainer, which a
            validation does not change.
    """

    def __init__(self) -> None:
        self.state: dict[str, Any] | None = None

    def keep(self, state: dict[str, Any]) -> None:
        """Keep a state, if it lacks its last validation."""
        run: RunEntry = state["run"]
        if run.ended_by and not run.finished:
            self.state = {**state, "callbacks": deepcopy(state["callbacks"])}

    @property
    def run(self) -> RunEntry:
        """The run entry of the state."""
        assert self.state is not None
        entry: RunEntry = self.state["run"]
        return entry

    def with_scores(self, key: str, scores: dict[str, Any]) -> dict[str, Any]:
        """The state with these scores of the callback `key`, which is now validated."""
        assert self.state is not None
        run = replace(self.run, finished=True, **scores)
        return {**self.state, "run": run, "callbacks": {**self.state["callbacks"], key: scores}}
