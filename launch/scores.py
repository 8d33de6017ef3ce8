"""Whether the scores of a run so far and those to come are of the same thing; only then are they compared."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from launch.cli import TrainCLI
from resume.checkpoints.run_config import settings_of
from resume.checkpoints.run_entry import RunEntry
from resume.compatibility import CLASSES
from resume.configuration import flat
from resume.decision import Decision, Resume
from resume.system.output import text

_OF_EVERY_SCORE = (
    "data.image_size",
    *CLASSES,
    "trainer.limit_val_batches",
)
# All other settings of the module may be of its loss.
_NOT_OF_THE_LOSS = ("model.network", "model.optimizer", "model.lr_scheduler", "model.compile_network")

Settings = Mapping[str, Any]


def with_other_scores(cli: TrainCLI, decision: Decision, resumed: RunEntry | None) -> Decision:
    """Let the best score of a resumed run start anew if the scores to come are of something else.

    Args:
        cli: The configuration.
        decision: What this start does.
        resumed: The run entry of the checkpoint that is resumed.
    """
    if resumed is None or not isinstance(decision, Resume):
        return decision
    before, now = _settings(resumed.config), _settings(cli.config_text())
    choice = ("checkpoint.monitor", "checkpoint.mode")
    changes = _changes(before, now, choice) + _changes_of_score(cli, before, now, cli.config.checkpoint.monitor)
    if not changes:
        return decision
    # What was the best model by the old scores is no best model by the new ones.
    return replace(decision, other_scores=tuple(changes), best_from=None)


def changed_scores(cli: TrainCLI, resumed: RunEntry | None) -> frozenset[str]:
    """The metrics whose scores so far and those to come are of different things."""
    if resumed is None:
        return frozenset()
    before, now = _settings(resumed.config), _settings(cli.config_text())
    return frozenset(metric for metric in cli.model.SCORES if _changes_of_score(cli, before, now, metric))


def _changes_of_score(cli: TrainCLI, before: Settings, now: Settings, metric: str) -> list[str]:
    names = [*_OF_EVERY_SCORE]
    if any(settings["trainer.limit_val_batches"] is not None for settings in (before, now)):
        names.append("data.batch_size")  # a number of batches is another number of pairs
    if metric.endswith("loss"):
        names += [name for name in now if name.startswith("model.") and not name.startswith(_NOT_OF_THE_LOSS)]
    changes = _changes(before, now, names)
    return changes if cli.datamodule.validates_as_before else [*changes, text("the pairs for validation")]


def _changes(before: Settings, now: Settings, names: Iterable[str]) -> list[str]:
    """Name the settings that differ; one that the configuration of an earlier version lacks was its default."""
    return [
        f"{name} {before[name]} → {now[name]}"
        for name in names
        if name in before and name in now and before[name] != now[name]
    ]


def _settings(config: str) -> dict[str, Any]:
    settings = flat(settings_of(config))
    size = settings.get("data.image_size")
    sides = size if isinstance(size, list) else [size]
    settings["data.image_size"] = None if size is None else " × ".join(map(str, (2 * sides)[:2]))
    limit = settings.get("trainer.limit_val_batches")
    # 1 is one batch, and 1.0 all batches.
    settings["trainer.limit_val_batches"] = None if isinstance(limit, float) and limit == 1 else limit
    return settings
