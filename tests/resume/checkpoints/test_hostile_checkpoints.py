"""Whatever lies under a checkpoint's name: the catalog and the menu neither fail, hang, nor take much memory.

With --hypothesis-profile=long, for hours rather than seconds.
"""

import contextlib
import io
import json
import pickletools
import struct
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from resume.checkpoints.catalog import read_catalog
from resume.checkpoints.newest import newest_first
from resume.checkpoints.verification import require_intact
from resume.menu.layout import banner, entries, entry_lines
from resume.system.errors import UnreadableError
from resume.system.output import one_line
from tests.helpers import checkpoint_folders, tiny
from tests.helpers.hostile import GREEDY, PROTOCOL, write, zip_with, zip_with_run_json
from tests.helpers.zip_files import Entry, zip_of

ROOT = Path(__file__).parents[3]
SECONDS_PER_FILE = 10  # where four other programs want the processor too; 2 on a quiet one
MEGABYTES = 200
NOW = datetime(2026, 4, 1, tzinfo=UTC)
checked = settings(deadline=timedelta(seconds=SECONDS_PER_FILE), suppress_health_check=list(HealthCheck))


def look_at(content: bytes) -> str | None:
    """All that happens to a file before it is chosen, and its test when it is; returns what is wrong with it."""
    with tempfile.TemporaryDirectory() as name:
        path = write(Path(name) / "latest_checkpoint.pth", content)
        checkpoint_folders.save(path.with_name("checkpoint_epoch_1.pth"), 1)
        catalog = read_catalog(path.parent)
        shown = entries(catalog, NOW)
        for line in [*banner(catalog), *entry_lines(shown, 80)]:
            assert len(one_line(line)) < 100_000
            one_line(line).encode(errors="backslashreplace")
        assert len(list(newest_first(catalog))) == 2
        with contextlib.suppress(UnreadableError):
            require_intact(path)
        return catalog.shown[0].damage


@cache
def real_checkpoint() -> bytes:
    """One of the program's own."""
    with tempfile.TemporaryDirectory() as name:
        tiny.train(Path(name), [0.5])
        return (Path(name) / "latest_checkpoint.pth").read_bytes()


@cache
def real_operations() -> list[bytes]:
    """The pickle of the real one, cut into its operations."""
    with zipfile.ZipFile(io.BytesIO(real_checkpoint())) as archive:
        description = archive.read("archive/data.pkl")
    starts = [position for _, _, position in pickletools.genops(description)] + [len(description)]
    return [description[start:end] for start, end in pairwise(starts)]


@pytest.fixture(scope="module", autouse=True)
def _made_before_anything_is_drawn() -> None:
    """Training seeds the generators, and Hypothesis refuses that while it draws."""
    real_operations()


def test_the_real_one_is_sound() -> None:
    assert look_at(real_checkpoint()) is None
    assert look_at(zip_with(b"".join(real_operations()))) is None


NUMBERS = st.sampled_from([0, 1, 0x7F, 0xFF, 0x100, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
PLACES = st.one_of(st.floats(0, 1), st.floats(0.9, 1))  # the directory stands at the end


@st.composite
def mutated_files(draw: st.DrawFn) -> bytes:
    """The real one with some bits flipped, parts cut, moved, doubled, and numbers exchanged."""
    content = bytearray(real_checkpoint())
    for _ in range(draw(st.integers(1, 6))):
        size = len(content)
        at = min(int(draw(PLACES) * size), max(size - 1, 0))
        length = draw(st.integers(1, 64))
        match draw(st.sampled_from(["flip", "cut", "end", "copy", "number", "head"])) if size else "head":
            case "flip":
                content[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del content[at : at + length]
            case "end":
                del content[at:]
            case "copy":
                start = int(draw(PLACES) * size)
                content[at:at] = content[start : start + length]
            case "number":
                content[at : at + 4] = struct.pack("<I", draw(NUMBERS))
            case "head":
                content[:4] = draw(st.sampled_from([b"", b"PK\5\6", b"PK\1\2", b"\x80\2}.", b"\x89PNG", b"\0\0\0\0"]))
    return bytes(content)


@checked
@given(mutated_files())
def test_a_damaged_file(content: bytes) -> None:
    look_at(content)


_ARGUMENT = st.one_of(st.binary(max_size=9), NUMBERS.map(lambda number: struct.pack("<I", number)))
OPERATIONS = st.one_of(
    st.sampled_from([bytes([code]) for code in b"(N\x88\x89)]}\x85\x86\x87taesuRQb."]),
    st.tuples(st.sampled_from([bytes([code]) for code in b"KMJGXqrhj\x8ac\x80"]), _ARGUMENT).map(b"".join),
    st.sampled_from([b"c__builtin__\nset\n", b"ccollections\nOrderedDict\n", b"ctorch\nSize\n", b"cos\nsystem\n"]),
    st.binary(min_size=1, max_size=2),
)


@st.composite
def mutated_pickles(draw: st.DrawFn) -> bytes:
    """The real one's operations, some of them others, elsewhere, or not there."""
    operations = list(real_operations())
    for _ in range(draw(st.integers(1, 5))):
        at, other = (draw(st.integers(0, len(operations) - 2)) for _ in range(2))
        match draw(st.sampled_from(["exchange", "insert", "leave out", "swap", "repeat"])):
            case "exchange":
                operations[at] = draw(OPERATIONS)
            case "insert":
                operations[at:at] = draw(st.lists(OPERATIONS, max_size=8))
            case "leave out":
                del operations[at : at + draw(st.integers(1, 3))]
            case "swap":
                operations[at], operations[other] = operations[other], operations[at]
            case "repeat":
                operations[at : at + 1] *= draw(st.sampled_from([2, 100, 10_000]))
    return b"".join(operations)


@checked
@given(st.one_of(mutated_pickles(), st.lists(OPERATIONS, max_size=60).map(lambda ops: PROTOCOL + b"".join(ops))))
@example(PROTOCOL + b"]q\0" + b"h\0a" * 100 + b".")
def test_a_well_formed_archive_with_a_strange_pickle(description: bytes) -> None:
    look_at(zip_with(description))


_ANY_TEXT = st.text(st.characters(), max_size=30)  # control characters and lone surrogates too
_ANY_VALUE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    _ANY_TEXT,
    st.datetimes(timezones=st.timezones() | st.none()).map(lambda moment: moment.isoformat()),
    st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "x" * 100_000]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["image_path", "gt_path"]), st.none() | st.integers() | _ANY_TEXT),
)


@checked
@given(st.dictionaries(st.sampled_from(sorted(checkpoint_folders.facts(1))), _ANY_VALUE, max_size=5))
@example({"saved_at": "0001-01-01T00:00:00+14:00"})
@example({"saved_at": "9999-12-31T23:59:59-14:00"})
@example({"saved_at": "x" * 100_000})
@example({"monitor": "x" * 1_000_000})
@example({"monitor": "a\n\x1b[2J/\u202eb"})
@example({"data": {"image_path": "a\0\n\x1b[2J", "gt_path": "\udc80"}})
def test_a_run_that_says_strange_things_of_itself(changes: dict[str, Any]) -> None:
    look_at(zip_with(PROTOCOL + b"}.", checkpoint_folders.facts(1) | changes))


_NAMES = st.one_of(
    st.sampled_from([b"archive/data.pkl", b"archive/data/0", b"../a", b"archive/../b", b"a\\b", b"/a", b"C:/a", b""]),
    st.binary(max_size=12),
)
_CLAIMS = st.one_of(st.none(), st.none(), NUMBERS)
_ENTRIES = st.builds(
    Entry,
    name=_NAMES,
    content=st.sampled_from([b"", b"x", b"\0" * 10_000, PROTOCOL + b"}."]),
    flags=st.sampled_from([0, 0, 8, 0x800, 1, 0x20, 0x40, 0x2000]),
    method=st.sampled_from([0, 0, 8, 12, 14, 99]),
    size=_CLAIMS,
    packed_size=_CLAIMS,
    offset=_CLAIMS,
)


@checked
@given(st.lists(_ENTRIES, max_size=6), st.none() | NUMBERS, st.binary(max_size=30), st.binary(max_size=30))
def test_an_archive_whose_directory_lies(
    some: list[Entry], directory_size: int | None, before: bytes, behind: bytes
) -> None:
    usable = Entry(b"archive/data.pkl", b"".join(real_operations()))
    run_json = Entry(b"archive/run.json", checkpoint_folders.run_json(checkpoint_folders.facts(1), {}))
    look_at(before + zip_of([usable, *some, run_json], directory_size) + behind)


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _ANY_TEXT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_ANY_TEXT, inner, max_size=3),
    max_leaves=20,
)


_PIECES = [b"", b"{", b"[[", b"NaN", b"1e999", b'"a"', b",", b"\xff", b"\\ud800", b"9" * 30]


@st.composite
def mutated_run_jsons(draw: st.DrawFn) -> bytes:
    """A good one with some bytes exchanged, cut or repeated."""
    content = bytearray(checkpoint_folders.run_json(checkpoint_folders.facts(1), {"data.pkl": b"x"}))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content) - 1))
        length = draw(st.integers(0, 40))
        piece = draw(
            st.sampled_from([b"", b"{", b"[[", b"NaN", b"1e999", b'"a"', b",", b"\xff", b"\\ud800", b"9" * 30])
        )
        content[at : at + length] = piece
    return bytes(content)


@checked
@given(st.one_of(mutated_run_jsons(), st.binary(max_size=40), _JSON.map(lambda value: json.dumps(value).encode())))
def test_a_strange_run_json(content: bytes) -> None:
    look_at(zip_with_run_json(content))


MEASURED = """
import sys, time
from pathlib import Path
from resume.checkpoints.newest import why_not
from resume.checkpoints.description import describe
seconds = {}
for path in Path(sys.argv[1]).iterdir():
    begun = time.process_time()
    refused = why_not(describe(path), None)
    assert refused or path.stem == "one wide text", path  # which costs no more than its size
    seconds[path.stem] = time.process_time() - begun
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024, *max((taken, name) for name, taken in seconds.items()))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of one process")
@pytest.mark.slow
def test_the_greediest_files_take_little_memory_and_time(tmp_path: Path) -> None:
    """The memory of the whole process, after all of them: also what Python's allocator and zlib take. CPU time."""
    for name in GREEDY:
        write(tmp_path / f"{name}.pth", zip_with(GREEDY[name]()))
    write(tmp_path / "names.pth", zip_of([Entry(b"a/%x" % number, b"") for number in range(70_000)]))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for path in tmp_path.iterdir():
        path.unlink()
    peak, seconds, slowest = done.stdout.split(maxsplit=2)
    assert int(peak) < MEGABYTES
    assert float(seconds) < SECONDS_PER_FILE, slowest
