import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from resume.checkpoints.run_json import MAX_BYTES, RunJson, decode
from resume.checkpoints.verification import read_run, require_intact
from resume.system.errors import UnreadableError
from tests.helpers.checkpoint_folders import entry, facts, run_json
from tests.helpers.hostile import write, zip_with_run_json

ENTRIES = {"data.pkl": (347, 708378954), "data/0": (24, 2**32 - 1)}


def changed(**changes: Any) -> bytes:
    return json.dumps({"format": 1, "entries": {}, "run": facts(1), **changes}).encode()


def raw(text: str) -> bytes:
    """A run.json with this JSON text as its score."""
    return run_json(facts(1, score="SCORE"), {}).replace(b'"SCORE"', text.encode())


def test_a_run_json_reads_back_as_it_was() -> None:
    assert decode(RunJson(entry(3), ENTRIES).encoded()) == RunJson(entry(3), ENTRIES)


def test_it_is_plain_json_in_ascii_that_any_program_reads() -> None:
    encoded = RunJson(dataclasses.replace(entry(3), config="名: 数据\n"), ENTRIES).encoded()
    values = json.loads(encoded.decode("ascii"))
    assert (values["format"], values["entries"]["data.pkl"]) == (1, [347, 708378954])
    assert (values["run"]["epoch"], values["run"]["config"]) == (3, "名: 数据\n")


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not valid JSON"),
    "no JSON": (b"{run", "not valid JSON"),
    "two values": (b"{} {}", "not valid JSON"),
    "not UTF-8": (b'{"format": "\xff"}', "not valid JSON"),
    "a list": (b"[]", "wrong or missing entry: format"),
    "no format": (b"{}", "wrong or missing entry: format"),
    "a later format": (changed(format=2), "run.json has format 2, this program reads 1"),
    "a format that is no number": (changed(format=[1]), "run.json has format list, this program reads 1"),
    "a format that is true": (changed(format=True), "run.json has format bool"),
    "no run": (b'{"format": 1, "entries": {}}', "wrong or missing entry: run"),
    "another key": (changed(more=1), "wrong or missing entry: more"),
    "a run that is no dict": (changed(run=[]), "wrong or missing entry: run"),
    "NaN": (raw("NaN"), "number out of range"),
    "infinity": (raw("-Infinity"), "number out of range"),
    "a float that is infinite": (raw("1e999"), "number out of range"),
    "a float of many digits": (raw("0." + "1" * 1000), "number out of range"),
    "an integer of 64 bits": (raw(str(2**63 + 1)), "number out of range"),
    "an integer of many digits": (raw("1" * 500_000), "number out of range"),
    "a key twice": (b'{"format": 1, "format": 1}', "has a key twice"),
    "a key twice within": (raw('{"a": 1, "a": 2}'), "has a key twice"),
    "nested 21 deep": (raw("[" * 19 + "]" * 19), "nested too deeply"),
    "nested without end": (b"[" * 500_000, "not valid JSON"),
    "nested and closed": (b"[" * 500_000 + b"]" * 500_000, "not valid JSON"),
    "too long": (b" " * MAX_BYTES + b"{}", "too large"),
    "entries that are no dict": (changed(entries=[]), "wrong or missing entry: entries"),
    "an entry that is no pair": (changed(entries={"a": [1]}), "wrong or missing entry: entries"),
    "an entry of texts": (changed(entries={"a": ["1", "2"]}), "wrong or missing entry: entries"),
    "an entry of truths": (changed(entries={"a": [True, False]}), "wrong or missing entry: entries"),
    "an entry of negative size": (changed(entries={"a": [-1, 0]}), "wrong or missing entry: entries"),
    "a checksum of 33 bits": (changed(entries={"a": [1, 2**32]}), "wrong or missing entry: entries"),
}


@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_whatever_is_wrong_has_a_short_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason) as error:
        decode(content)
    assert len(str(error.value)) < 100
    path = write(tmp_path / "a.pth", zip_with_run_json(content))
    for look in (read_run, require_intact):
        with pytest.raises(UnreadableError, match=reason):
            look(path)


def test_twenty_levels_are_not_too_deep() -> None:
    with pytest.raises(UnreadableError, match="wrong or missing entry: score"):
        decode(raw("[" * 18 + "]" * 18))


def test_what_would_be_larger_than_the_limit_is_not_written() -> None:
    fits = {f"data/{number}": (9_437_184, 3_987_654_321) for number in range(30_500)}
    assert len(RunJson(entry(3), fits).encoded()) <= MAX_BYTES
    beyond = {f"data/{number}": (9_437_184, 3_987_654_321) for number in range(33_000)}
    with pytest.raises(ValueError, match=f"at most {MAX_BYTES} are allowed: the checkpoint holds 33000 tensors"):
        RunJson(entry(3), beyond).encoded()
