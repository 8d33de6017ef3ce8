import pickle
import struct
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from resume.checkpoints.pickle_values import OTHER
from torch import _weights_only_unpickler

from resume.checkpoints import pickle_check
from resume.checkpoints.allowed_globals import ALLOWED_GLOBALS
from resume.checkpoints.pickle_check import read_pickle
from resume.checkpoints.verification import read_run
from resume.system.errors import UnreadableError
from tests.helpers.hostile import PROTOCOL, checkpoint_with, memo, string

DTYPES = sorted({value for value in vars(torch).values() if isinstance(value, torch.dtype)}, key=str)
UNHASHABLE = b"](]e\x85"
# A tuple of two that are one, thirty times: torch.load would take minutes to hash it.
DOUBLED = b")" + memo(0) + b"".join(b"h" + bytes([level]) + b"\x86" + memo(level + 1) for level in range(30))


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
        torch.save({"state_dict": {"weight": tensor, "dtype": dtype}, "run": {"run_id": "a"}}, tmp_path / "a.pth")
        torch.load(tmp_path / "a.pth", weights_only=True)
    except (RuntimeError, TypeError, NotImplementedError, AttributeError, KeyError, pickle.UnpicklingError):
        pytest.skip("torch itself does not save or load them")
    assert read_run(tmp_path / "a.pth") == {"run_id": "a"}


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
    torch.save({"state_dict": {}, "value": value, "run": {"run_id": "a"}}, tmp_path / "a.pth")
    torch.load(tmp_path / "a.pth", weights_only=True)
    assert read_run(tmp_path / "a.pth") == {"run_id": "a"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [True, False],
        [0, 255, 256, 65535, 65536, -1, 2**31 - 1, -(2**31), 2**31, 2**63 - 1, -(2**63), 2**127, -(2**127)],
        [0.5, float("inf"), -1e300],
        ["", "a", "数据", "😀", "\udc80", "x" * 300],
        {"a": {"b": [{"c": ()}, (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]}, 5: "x"},
        list(range(3000)),
        {str(number): number for number in range(3000)},
    ],
)
def test_plain_values_read_back_whole(value: object) -> None:
    assert read_pickle(pickle.dumps(value, protocol=2)) == value


def test_a_list_that_is_mentioned_again_is_read_once_so_that_nothing_can_hold_itself() -> None:
    shared = [1]
    assert read_pickle(pickle.dumps([shared, shared, "a"], protocol=2)) == [[1], OTHER, "a"]
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    assert read_pickle(pickle.dumps(cyclic, protocol=2)) == [OTHER]


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
def test_damage_is_told_and_nothing_else_happens(damaged: bytes) -> None:
    with pytest.raises(UnreadableError, match="damaged description"):
        read_pickle(damaged)


@pytest.mark.parametrize(
    ("limit", "value"),
    [("MAX_BYTES", 1000), ("MAX_OPERATIONS", 100), ("MAX_MEMORY", 10_000), ("MAX_KEYS", 50)],
)
def test_each_limit_holds(monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    data = pickle.dumps({str(number): "a" * number for number in range(100)}, protocol=2)
    read_pickle(data)
    monkeypatch.setattr(pickle_check, limit, value)
    with pytest.raises(UnreadableError, match="too large"):
        read_pickle(data)


@pytest.mark.parametrize("name", ["os system", "builtins eval", "__builtin__ exec", "torch load", "torch._utils x"])
def test_a_name_that_is_none_of_a_tensors_is_refused_where_it_stands(name: str) -> None:
    module, _, function = name.partition(" ")
    reference = f"c{module}\n{function}\n".encode()
    expected = f"would run code: {module.replace('__builtin__', 'builtins')}.{function}"
    with pytest.raises(UnreadableError, match=expected):
        read_pickle(checkpoint_with(reference))


def test_a_history_of_50_000_epochs_can_be_read() -> None:
    row = {f"metric/{number}": 0.1 * number for number in range(9)}
    # Texts that are equal and not the same, as they come from 50,000 epochs.
    rows = [{"".join(key): value + epoch for key, value in row.items()} | {"epoch": epoch} for epoch in range(50_000)]
    read = read_pickle(pickle.dumps({"rows": rows}, protocol=2))
    assert (len(read["rows"]), read["rows"][-1]) == (50_000, rows[-1])
