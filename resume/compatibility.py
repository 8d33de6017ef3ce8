"""Whether a start continues the run of its checkpoint: same data, same optimizer."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from resume.checkpoints.run_config import part_of, settings_of
from resume.checkpoints.run_entry import DataPaths, RunEntry
from resume.configuration import flat
from resume.system.errors import ResumeError
from resume.system.output import say, text

# Settings that change no weight and no score of a run, or whose change another line reports.
_COMPUTE_NOTHING = (
    "lang",
    "checkpoint_dir",
    "checkpoint.",
    "data.image_path",
    "data.gt_path",
    "data.val_image_path",
    "data.val_gt_path",
    "data.num_workers",
    "data.split_seed",
    *(
        f"trainer.{name}"
        for name in (
            "accelerator",
            "barebones",
            "default_root_dir",
            "detect_anomaly",
            "devices",
            "enable_",
            "log_every_n_steps",
            "logger",
            "max_",
            "min_",
            "num_nodes",
            "num_sanity_val_steps",
            "profiler",
        )
    ),
)
# The settings that say what the values of the ground truth mean.
CLASSES = (
    "data.num_classes",
    "data.class_values",
    "data.ignore_index",
    "data.ignored_values",
    "data.gt_reading",
    "data.gt_threshold",
)
_LONGEST_VALUE = 40


def refuse_other_data(file: Path, run: RunEntry, now: DataPaths, typed: Collection[str]) -> None:
    """Refuse to resume a run on other data, unless the user typed the paths.

    Args:
        file: The checkpoint.
        run: Its run entry.
        now: The configured paths.
        typed: Nested keys that were typed.

    Raises:
        ResumeError: The data differ from those of the run, and their paths were not typed.
    """
    before, after = asdict(run.data), asdict(now)
    changed = [key for key in after if before[key] != after[key]]
    if not changed:
        return
    names = {"before": _paths_text(run.data), "now": _paths_text(now)}
    if not all(f"data.{key}" in typed for key in changed):
        raise ResumeError(
            text(
                "{file} was trained on {before}, but this start would continue with {now}. Type --image_path and "
                "--gt_path to change the data of a run, or start a new run with --no_interactive."
            ).format(file=file, **names)
        )
    say(text("The run was trained on {before}; from now on it is trained on {now}, as typed.").format(**names))


def _paths_text(paths: DataPaths) -> str:
    return ", ".join(filter(None, asdict(paths).values())) or text("the built-in sample set")


def changed_optimizer_settings(file: Path, run: RunEntry, config: str) -> dict[str, Any]:
    """Compare the optimizer and the schedule with those whose state the checkpoint holds.

    Args:
        file: The checkpoint.
        run: Its run entry.
        config: The resolved configuration of this start, as YAML text.

    Returns:
        The settings of the optimizer that differ, with their old values.

    Raises:
        ResumeError: Another optimizer or another schedule, which could not use that state.
    """
    before, now = _model_settings(run.config), _model_settings(config)
    changed = [key for key in ("lr_scheduler", "lr_scheduler_interval") if before.get(key) != now.get(key)]
    old, new = before.get("optimizer") or {}, now.get("optimizer") or {}
    if old.get("class_path") != new.get("class_path"):
        changed.insert(0, "optimizer")
    if changed:
        raise ResumeError(
            text(
                "{names}: differs from the run's setting. {file} holds the state of optimizer and schedule, which "
                "another one cannot use. Use the run's setting (the settings of the optimizer, such as its learning "
                "rate, may change), or start a new run with --no_interactive."
            ).format(names=", ".join(f"--model.{key}" for key in changed), file=file)
        )
    settings = old.get("init_args") or {}
    return {
        name: settings.get(name) for name, value in (new.get("init_args") or {}).items() if settings.get(name) != value
    }


def has_other_classes(run: RunEntry, config: str) -> bool:
    """Return whether values in the ground truth mean something else than in the run.

    Args:
        run: The run entry of a checkpoint.
        config: The resolved configuration of this start, as YAML text.
    """
    before, now = _settings_that_compute(run.config), _settings_that_compute(config)
    return any(before.get(name) != now.get(name) for name in CLASSES)


def _model_settings(config: str) -> dict[str, Any]:
    return part_of(settings_of(config), "model", "init_args")


def refuse_other_budget(run: RunEntry, minutes: float | None) -> None:
    """Refuse to change the time budget of a run: its length was planned from it.

    Raises:
        ResumeError: The budget differs from the run's.
    """
    before = settings_of(run.config).get("train_minutes")
    if minutes != before:
        raise ResumeError(
            text(
                "--train_minutes is {minutes}, but the run was planned with {before}. To train longer, use "
                "--max_epochs or --trainer.max_steps instead."
            ).format(minutes=minutes, before="-" if before is None else before)
        )


def name_other_conditions(run: RunEntry, config: str, versions: Mapping[str, str], machine: Mapping[str, str]) -> None:
    """Report what differs of all that computes: a run continues bit for bit only if nothing does.

    Args:
        run: The checkpoint's run entry.
        config: The resolved configuration of this start, as YAML text.
        versions: Versions of the packages at this start.
        machine: What else computes at this start.
    """
    settings = (_settings_that_compute(run.config), _settings_that_compute(config))
    changed = [
        f"{name} {_shown(before.get(name))} → {_shown(now.get(name))}"
        for before, now in (settings, (run.versions, versions), (run.machine, machine))
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]
    if changed:
        said = text(
            "Changed since this checkpoint: {changes}. The run continues, but it is no longer the same bit for bit."
        )
        say(said.format(changes=", ".join(changed)))


def _settings_that_compute(config: str) -> dict[str, Any]:
    settings = flat(settings_of(config))
    return {name: value for name, value in settings.items() if not name.startswith(_COMPUTE_NOTHING)}


def _shown(value: object) -> str:
    shown = "-" if value is None else str(value)
    return shown if len(shown) <= _LONGEST_VALUE else f"{shown[: _LONGEST_VALUE - 1]}…"
