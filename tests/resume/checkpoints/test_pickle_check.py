import pickle
import struct
from collections import Counter, OrderedDict
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import torch
from torch import _weights_only_unpickler
from torch.distributed.checkpoint import metadata

from callbacks import AtomicCheckpointIO
from resume.checkpoints import pickle_check
from resume.checkpoints.allowed_globals import ALLOWED_GLOBALS
from resume.checkpoints.pickle_check import require_harmless, require_harmless_table
from resume.checkpoints.verification import require_intact
from resume.system.errors import UnreadableError
from tests.helpers import checkpoint_folders
from tests.helpers.hostile import PROTOCOL, checkpoint_with, doubled, memo, string

DTYPES = sorted({value for value in vars(torch).values() if isinstance(value, torch.dtype)}, key=str)
UNHASHABLE = b"](]e\x85"
CYCLE: list[Any] = [{"a": 1}]
CYCLE.append(CYCLE)
# torch.load would take minutes to hash it.
DOUBLED = doubled(30)


def save(path: Path, content: dict[str, Any]) -> None:
    AtomicCheckpointIO().save_checkpoint({**content, "run": checkpoint_folders.entry(1)}, path)


def test_no_name_is_allowed_that_torch_would_refuse() -> None:
    allowed = _weights_only_unpickler._get_allowed_globals()
    refused = ALLOWED_GLOBALS - set(allowed)
    # A type of numbers that this version of torch has not got; none of its files names it.
    assert not {name for name in refused if hasattr(torch, name.rpartition(".")[2])}


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's, of types that it may drop
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensors_of_every_dtype_can_be_in_a_checkpoint(tmp_path: Path, dtype: torch.dtype) -> None:
    try:
        tensor = torch.empty(2, 2, dtype=dtype)
        if dtype.itemsize > 1 and (dtype.is_floating_point or dtype.is_complex):
            tensor.zero_()  # what was there may be NaN
        save(tmp_path / "a.pth", {"state_dict": {"weight": tensor, "dtype": dtype}})
        torch.load(tmp_path / "a.pth", weights_only=True)
    except (RuntimeError, TypeError, NotImplementedError, AttributeError, KeyError, pickle.UnpicklingError):
        pytest.skip("torch itself does not save or load them")
    require_intact(tmp_path / "a.pth")


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
@pytest.mark.parametrize(
    "value",
    [
        torch.nn.Parameter(torch.zeros(2)),
        torch.zeros(2, 2).to_sparse(),
        torch.zeros(2, device="meta"),
        torch.device("cpu"),
        torch.Size([1, 2]),
        torch.strided,
        Counter([3, 3, 5]),  # MultiStepLR
        {1, 2},
        b"bytes",
        bytearray(b"bytes"),
        complex(1, 2),
        OrderedDict(a=[1]),
        {("a", (1, (2,))): 2, None: 3, 0.5: 4, torch.float32: 5},
        np.random.default_rng(1).bit_generator.state,
        (1, (2, (3, ()))),
    ],
    ids=repr,
)
def test_what_torch_loads_can_be_in_a_checkpoint(tmp_path: Path, value: object) -> None:
    save(tmp_path / "a.pth", {"state_dict": {}, "value": value, "again": [value, value]})
    torch.load(tmp_path / "a.pth", weights_only=True)
    require_intact(tmp_path / "a.pth")


@pytest.mark.parametrize(
    "value",
    [
        None,
        [True, False],
        [0, 255, 256, 65535, 65536, -1, 2**31 - 1, -(2**31), 2**31, 2**63 - 1, -(2**63), 2**127, -(2**127)],
        [0.5, float("inf"), -1e300],
        ["", "a", "数据", "😀", "\udc80", "x" * 300],
        {"a": {"b": [{"c": ()}, (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]}, 5: "x"},
        {2**63 - 1: 1, -(2**63): 2, ("a", ("b", 0.5)): [], "x" * 300: 3},
        list(range(3000)),
        {str(number): number for number in range(3000)},
        [CYCLE, CYCLE],
    ],
    ids=lambda value: repr(value)[:40],
)
def test_plain_values_pass(value: object) -> None:
    require_harmless(pickle.dumps(value, protocol=2))


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\x80\2",
        b"\x80\4.",
        PROTOCOL + b".",
        PROTOCOL + b"NN.",
        PROTOCOL + b"0.",
        PROTOCOL + b"N\xff.",
        PROTOCOL + b"N" + memo(5) + b".",
        PROTOCOL + b"Nr" + struct.pack("<I", 2**31) + b".",
        PROTOCOL + b"h\5.",
        PROTOCOL + b"u.",
        PROTOCOL + b"N(NNu.",
        PROTOCOL + b"}(Nu.",
        PROTOCOL + b"NNa.",
        PROTOCOL + b"}]Ns.",
        PROTOCOL + b"NNR.",
        PROTOCOL + b"ctorch\nSize\nNR.",
        PROTOCOL + b"ctorch\nSize",
        PROTOCOL + b"c" + b"torch.Size" * 100 + b"\n.",
        PROTOCOL + b"X\xff\xff\xff\xffabc.",
        PROTOCOL + string(b"\xff\xfe") + b".",
        PROTOCOL + b"}\x8a\xff" + b"\1" * 255 + b"Ns.",
        PROTOCOL + b"\x8a\x08\1.",
        PROTOCOL + b"J\1.",
        PROTOCOL + b"G\1.",
        PROTOCOL + b"}" + UNHASHABLE + b"Ns.",
        PROTOCOL + b"}(" + UNHASHABLE + b"NNNu.",
        PROTOCOL + DOUBLED + b"}h" + bytes([30]) + b"Ns.",
        PROTOCOL + b"}" + b")" + b"\x85" * 300_000 + b"Ns.",
        PROTOCOL + b"c__builtin__\nset\n](" + UNHASHABLE + b"e\x85R.",
        PROTOCOL + b"]" + memo(0) + UNHASHABLE + b"ac__builtin__\nset\nh\0\x85R.",
    ],
    ids=lambda data: repr(data[:20]),
)
def test_a_damaged_or_costly_pickle_is_refused_and_nothing_else_happens(damaged: bytes) -> None:
    with pytest.raises(UnreadableError, match="damaged pickle"):
        require_harmless(damaged)


@pytest.mark.parametrize(
    ("limit", "value"),
    [("MAX_PICKLE_BYTES", 1000), ("MAX_COST", 100), ("MAX_KEYS", 50)],
)
def test_each_limit_holds(monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    data = pickle.dumps({number: "a" * number for number in range(100)}, protocol=2)
    require_harmless(data)
    monkeypatch.setattr(pickle_check, limit, value)
    with pytest.raises(UnreadableError, match="too large, or too slow"):
        require_harmless(data)


def test_a_key_that_doubles_with_each_level_is_refused_long_before_it_takes_torch_seconds() -> None:
    require_harmless(PROTOCOL + b"}" + doubled(4) + b"Ns.")
    require_harmless(PROTOCOL + doubled(28) + b".")  # as a value, nobody hashes it
    for levels in (8, 28, 200):
        for key in (b"}" + doubled(levels) + b"Ns.", b"}(K\1N" + doubled(levels) + b"Nu."):
            with pytest.raises(UnreadableError, match="damaged pickle"):
                require_harmless(PROTOCOL + key)


def test_many_keys_that_cost_a_little_each_are_refused_together(monkeypatch: pytest.MonkeyPatch) -> None:
    data = PROTOCOL + doubled(4) + b"}" + b"h\4Ns" * 1000 + b"\x86."  # one key, hashed each time
    require_harmless(data)
    monkeypatch.setattr(pickle_check, "MAX_COST", 30_000)
    with pytest.raises(UnreadableError, match="too large, or too slow"):
        require_harmless(data)


def called(name: bytes, *arguments: bytes) -> bytes:
    return PROTOCOL + b"c" + name.replace(b" ", b"\n") + b"\n(" + b"".join(arguments) + b"tR."


@pytest.mark.parametrize(
    "call",
    [
        called(b"__builtin__ bytearray", b"J\xff\xff\xff\x7f"),  # two gigabytes of zeros
        called(b"__builtin__ bytearray", b"\x8a\x08" + b"\xff" * 7 + b"\x7f"),
        called(b"torch.storage UntypedStorage", b"J\xff\xff\xff\x7f"),
        called(b"torch Tensor", b"J\xff\xff\xff\x7f"),
        called(b"_codecs encode", string(b"a" * 1000), string(b"punycode")),
        called(b"_codecs encode", string(b"a" * 1000)),
        called(b"__builtin__ set", DOUBLED),
        called(b"__builtin__ set", b"](" + DOUBLED + b"e"),
        called(b"collections Counter", b"}" + DOUBLED + b"K\1s"),
        called(b"collections OrderedDict", b"]" + DOUBLED + b"K\1\x86a"),
    ],
    ids=lambda data: repr(data[:40]),
)
def test_a_call_that_would_take_memory_or_time_without_bound_is_refused(call: bytes) -> None:
    with pytest.raises(UnreadableError, match="damaged pickle"):
        require_harmless(call)


@pytest.mark.parametrize(
    "data",
    [
        PROTOCOL + b"c__builtin__\nset\nq\0" + b"(K\1K\2d.",  # a dict by its mark, of protocol 0
        PROTOCOL + b"I5\n.",
        PROTOCOL + b"K\1Nb.",
        PROTOCOL + b"ctorch\nSize\nNb.",
        PROTOCOL + b"\x80\2N.",
        PROTOCOL + b"\x8f.",
        PROTOCOL + b"K\0K\1\x93.",
        PROTOCOL + b"P5\n.",
    ],
    ids=repr,
)
def test_operations_that_torch_save_does_not_write_are_refused(data: bytes) -> None:
    with pytest.raises(UnreadableError, match="damaged pickle"):
        require_harmless(data)


@pytest.mark.parametrize("name", ["os system", "builtins eval", "__builtin__ exec", "torch load", "torch._utils x"])
def test_a_name_that_is_none_of_a_tensors_is_refused_by_this_name(name: str) -> None:
    module, _, function = name.partition(" ")
    reference = f"c{module}\n{function}\n".encode()
    expected = f"would run code: {module.replace('__builtin__', 'builtins')}.{function}"
    with pytest.raises(UnreadableError, match=expected):
        require_harmless(checkpoint_with(reference))


@pytest.mark.slow
def test_a_history_of_50_000_epochs_passes() -> None:
    row = {f"metric/{number}": 0.1 * number for number in range(9)}
    # Texts that are equal and not the same, as they come from 50,000 epochs.
    rows = [{"".join(key): value + epoch for key, value in row.items()} | {"epoch": epoch} for epoch in range(50_000)]
    require_harmless(pickle.dumps({"rows": rows}, protocol=2))


class Attributes:
    """Reduces to a class of the table, with attributes."""

    def __init__(self, name: str, state: object) -> None:
        self.name = name
        self.state = state

    def __reduce__(self) -> Any:
        return getattr(metadata, self.name), (), self.state


def test_a_table_of_torch_passes_and_a_forged_one_does_not() -> None:
    index = metadata.MetadataIndex("a.weight", torch.Size([0, 0]), 0)
    for protocol in (4, 5):
        require_harmless_table(pickle.dumps({"storage": {index: 1}, "path": PurePosixPath("a/b")}, protocol=protocol))
    for forged in (
        pickle.dumps({index: 1}, protocol=2),
        pickle.dumps({index: 1}, protocol=4)[:-5],
        b"\x80\4\x95" + struct.pack("<Q", 2**62) + b"N.",
        b"\x80\4Nr" + struct.pack("<I", 2**31) + b".",
        b"\x80\4\x96" + struct.pack("<Q", 2**31) + b".",
    ):
        with pytest.raises(UnreadableError, match="damaged pickle"):
            require_harmless_table(forged)


def test_an_object_of_the_table_is_hashed_with_its_attributes() -> None:
    twice: object = ()
    for _ in range(28):
        twice = (twice, twice)
    cheap = Attributes("MetadataIndex", {"fqn": "a", "offset": None, "index": None})
    costly = Attributes("MetadataIndex", {"fqn": twice, "offset": None, "index": None})
    require_harmless_table(pickle.dumps({cheap: 1}, protocol=4))
    with pytest.raises(UnreadableError, match="damaged pickle"):
        require_harmless_table(pickle.dumps({costly: 1}, protocol=4))


def test_a_table_that_would_run_code_is_refused_by_the_name_of_it() -> None:
    forged = b"\x80\4" + b"\x8c\2os\x8c\6system\x93\x8c\2ls\x85R."
    with pytest.raises(UnreadableError, match=r"would run code: os\.system"):
        require_harmless_table(forged)
