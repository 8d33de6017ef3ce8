"""What the data say about settings that were left open, and who is asked first: names, then values, then images."""

from collections.abc import Iterator, Sequence
from typing import Any

from datamodules.data_errors import DataError, unusable_files
from datamodules.facts import Fact
from datamodules.gt.class_file import read_class_file
from datamodules.gt.decision import GtDecision, GtSettings, free_target
from datamodules.gt.rules import decide
from datamodules.gt.scan import sample_line
from datamodules.loading.sources import FolderPairs
from datamodules.reading.image_forms import LOOKED_AT, find_form, form_line
from datamodules.scanning import PairScan, Progress, Scan, chosen_pairs
from resume.system.output import text

_RGB = 3


def fact_of_samples(num_classes: int | None) -> Fact:
    """What holds for the built-in sample set, of which nothing is open."""
    found = {"channels": _RGB, "image_range": [0.0, 255.0], "image_top": 255, "gt_reading": "values"}
    return Fact(found | {"num_classes": num_classes or 2}, "")


def fact_of_gt(
    sources: Sequence[FolderPairs],
    settings: GtSettings,
    scan: Scan,
    most_unreadable: int,
    progress: Progress | None,
) -> Iterator[Fact]:
    """Find what the values of the ground truth mean, from all of its files.

    Args:
        sources: All pairs of the run.
        settings: What the user has set; it is kept.
        scan: Where what is seen of the files is kept.
        most_unreadable: How many pairs that cannot be read the run may do without.
        progress: Called after each pair.

    Raises:
        DataError: Files cannot be read, nothing can be learned from them, or two meanings remain.
    """
    if settings.are_complete:
        return
    seen = scan.look(sources, progress)
    _refuse_unreadable(seen, most_unreadable)
    stats = [one.stats for one in seen if one.stats is not None]
    if not stats:
        raise DataError(text("No ground truth can be read."))

    if line := sample_line(sum(map(len, sources))):
        yield Fact({}, line)
    decision = decide(stats, scan.structures, settings, scan.is_lossy)
    yield Fact(_settings_of(decision), decision.line)


def classes_of_file(file: str) -> dict[str, Any]:
    """The settings that a file of the user's own sets.

    Raises:
        DataError: It cannot be read, or says no classes.
    """
    found = read_class_file(file)
    values = list(found.values)
    settings: dict[str, Any] = {
        "classes": None,
        "class_names": found.names,
        "class_values": values,
        "num_classes": len(values),
        "ignored_values": found.ignored or None,
    }
    return settings | ({"ignore_index": free_target(len(values))} if found.ignored else {})


def _settings_of(decision: GtDecision) -> dict[str, Any]:
    return {
        "gt_reading": decision.reading,
        "gt_threshold": decision.threshold,
        "num_classes": decision.num_classes,
        "class_values": decision.class_values,
        "ignore_index": decision.ignore_index,
        "ignored_values": decision.ignored_values or None,
    }


def _refuse_unreadable(seen: Sequence[PairScan], most: int) -> None:
    problems = [one.problems for one in seen if one.problems]
    if len(problems) > most:
        raise DataError(unusable_files([line for some in problems for line in some]))


def fact_of_images(
    sources: Sequence[FolderPairs],
    channels: int | None,
    image_range: Sequence[float] | None,
    network_channels: int | None,
    scan: Scan,
    progress: Progress | None,
) -> Iterator[Fact]:
    """Find the channels of the images, and the values that become 0 and 1.

    Args:
        sources: All pairs of the run.
        channels: What the user has set; None: to be found.
        image_range: The same.
        network_channels: How many channels the network takes, if that is settled; grey becomes three.
        scan: What was seen of the files already.
        progress: Called after each file.

    Raises:
        DataError: Files cannot be read, or do not fit each other.
    """
    if channels is not None and image_range is not None:
        return
    chosen = chosen_pairs(sources, LOOKED_AT)
    seen = {source.key(index): scan.of(source, index) for source, index in chosen}
    headers = {page: one.image for page, one in seen.items() if one is not None and one.image is not None}
    found = find_form(list(seen), sum(map(len, sources)), headers, progress, sources[0].how.most_bytes)
    if channels is None:
        channels = _RGB if (found.form.channels, network_channels) == (1, _RGB) else found.form.channels
    kept = list(found.form.value_range if image_range is None else image_range)
    settings = {"channels": channels, "image_range": kept, "image_top": found.form.top_of_8_bits}
    yield Fact(settings, form_line(found))
