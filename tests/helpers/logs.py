"""What readers see in the logs of a run: each point by its name and step, with all values that it has."""

import csv
import json
import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

Points = dict[tuple[str, int], list[float]]
_BLOCK = 32768


class EachStep(Callback):
    """Logs a value at each step, as networks of users do."""

    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        pl_module.log("each_step", float(trainer.global_step), on_step=True, on_epoch=False)


def csv_points(folder: Path) -> Points:
    found: Points = defaultdict(list)
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name, value in row.items():
                if value and name not in ("step", "epoch"):
                    found[name, int(row["step"])].append(float(value))
    return dict(found)


def tensorboard_points(folder: Path) -> Points:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    reader.Reload()
    found: Points = defaultdict(list)
    for name in reader.Tags()["scalars"]:
        for event in reader.Scalars(name):
            if name != "epoch":
                found[name, event.step].append(event.value)
    return dict(found)


def wandb_points(file: Path) -> tuple[str, list[int], Points]:
    """The id, the service's own count of each point, and the points."""
    run_id, counts = "", []
    found: Points = defaultdict(list)
    for record in _wandb_records(file.read_bytes()):
        if record.WhichOneof("record_type") == "run":
            run_id = record.run.run_id
        if record.WhichOneof("record_type") == "history":
            values = {
                item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item
            }
            counts.append(record.history.step.num)
            for name in values.keys() - {"epoch", "trainer/global_step"}:
                if not name.startswith("_"):
                    found[name, values["trainer/global_step"]].append(values[name])
    return run_id, counts, dict(found)


def _wandb_records(content: bytes) -> Iterator[Any]:
    """The records of a file, which are divided into chunks in blocks as in LevelDB's logs."""
    from wandb.proto.wandb_internal_pb2 import Record

    place, whole = 7, b""
    while place + 7 <= len(content):
        left = _BLOCK - place % _BLOCK
        _, size, kind = struct.unpack("<IHB", content[place : place + 7])
        if left < 7 or (size, kind) == (0, 0):
            place += left
            continue
        whole += content[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):
            record = Record()
            record.ParseFromString(whole)
            whole = b""
            yield record
