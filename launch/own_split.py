"""The split of a resumed run is the run's own, whatever is typed: a pair that was trained on must not validate."""

from collections.abc import Sequence
from typing import Any

from jsonargparse import Namespace

from resume.checkpoints.run_config import part_of, settings_of
from resume.system.output import plural, say, text

_SHOWN = 20
_RULES = ("split_seed", "val_fraction", "group", "fold", "split")


def settle_split(config: Namespace, seed: int, run_config: str | None) -> dict[str, tuple[Any, Any]]:
    """Give every setting of the split its value: of a new run from the configuration, of a resumed run from the run.

    Lists of names may be typed for a resume, since their files may have moved. Where folders for validation are set
    from now on, nothing is split any more.

    Args:
        config: The configuration, which is changed.
        seed: The seed of the configuration.
        run_config: The configuration in the checkpoint, as YAML text; None for a new run.

    Returns:
        What has another value than the configuration says: that of the run, and that of the configuration.
    """
    data = config.data.init_args
    rules = [name for name in _RULES if name in data]  # a class of the user's own may lack some
    if run_config is None:
        if "split_seed" in rules and data["split_seed"] is None:
            data["split_seed"] = seed
        return {}
    run = settings_of(run_config)
    run_seed = run.get("seed_everything", seed)
    own = {name: part_of(run, "data", "init_args").get(name) for name in _RULES}
    if own["split_seed"] is None:
        own["split_seed"] = run_seed
    if own["val_fraction"] is None:
        own["val_fraction"] = data.get("val_fraction")
    if own["split"] is not None and data.get("split") is not None:
        own["split"] = data["split"]
    if data.get("val_image_path") is not None:
        own["split"] = own["fold"] = None
    overruled = {f"data.{name}": (own[name], data[name]) for name in rules if own[name] != data[name]}
    if data.get("split_seed") in (None, own["split_seed"]):
        overruled.pop("data.split_seed", None)  # nobody has typed it
        if seed != run_seed and "split_seed" in rules:
            overruled["seed_everything"] = own["split_seed"], seed
    for name in rules:
        data[name] = own[name]
    return overruled


def report_own_split(overruled: dict[str, tuple[Any, Any]], stayed: Sequence[str]) -> None:
    """Say what a resumed run keeps of its split.

    Args:
        overruled: From `settle_split`.
        stayed: Pairs that stay on the side of the run, although the split now says otherwise.
    """
    if overruled:
        part = text("{name} {own} (not {now})")
        kept = ", ".join(part.format(name=name, own=own, now=now) for name, (own, now) in overruled.items())
        line = text("The run keeps its own split into training and validation: {kept}.").format(kept=kept)
        if "seed_everything" in overruled:
            line += " " + text("The new seed decides the order and the augmentation; the run is no longer the same.")
        say(line)
    if stayed:
        line = plural(
            "{count} pair would change sides, and stays on the side on which the run has used it:",
            "{count} pairs would change sides, and stay on the side on which the run has used them:",
            len(stayed),
        )
        names = ", ".join(stayed[:_SHOWN]) + (", …" if len(stayed) > _SHOWN else "")
        say(f"{line} {names}")
