"""Pickles as torch.save writes them, read into plain values: nothing is imported, called, or larger than it may be.

Python's own unpickler allocates what a pickle claims to need, and takes any tuple as the key of a dict: to hash
one that is nested forty times in itself takes hours, and a deeply nested one ends the process. This one knows the
operations of torch.save alone, counts what they take, and stops at the first that is none of them.
"""

import struct
from collections.abc import Callable
from typing import Any

from resume.checkpoints.allowed_globals import ALLOWED_GLOBALS, HASHING
from resume.checkpoints.pickle_values import OTHER, LongInt, damaged, require_hashable
from resume.system.errors import UnreadableError
from resume.system.output import text

# A history of 50,000 epochs with ten numbers each: 12 MB, 1.7 million operations, 80 MB.
MAX_BYTES = 16 * 2**20
MAX_OPERATIONS = 2_500_000
MAX_MEMORY = 100 * 2**20
# Of one dict; a larger one takes twice its size at once when it grows.
MAX_KEYS = 200_000
# Python's pickler writes 1000.
_MAX_BATCH = 10_000
_MAX_NAME = 200
_WORD = 8
_RENAMED = {"__builtin__": "builtins"}  # as Python 2 called it, and the protocol of its time still does
_PROTOCOL_2 = b"\x80\2"


class _Global(str):
    """A name that the pickle refers to; not what it names."""

    __slots__ = ()


def _too_large() -> UnreadableError:
    return UnreadableError(text("description too large"))


def read_pickle(data: bytes) -> Any:
    """What a pickle of torch.save describes: dicts, lists, tuples and plain values, `OTHER` for all else.

    Raises:
        UnreadableError: It refers to code, is damaged, or too large.
    """
    if len(data) > MAX_BYTES:
        raise _too_large()
    if not data.startswith(_PROTOCOL_2):
        raise damaged()
    try:
        return _Reader(data).read()
    except (LookupError, ValueError, struct.error) as error:  # its end comes too early, or an unknown operation
        raise damaged() from error


Operation = Callable[["_Reader", int], int]


class _Reader:
    """The machine that a pickle is a program for.

    One method for each operation: it is given where its argument stands, and returns where the next operation does.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: list[Any] = []
        self._memory = MAX_MEMORY  # what is left of it, but for the prices of operations

    def read(self) -> Any:
        data, operations, at, spent = self.data, _OPERATIONS, len(_PROTOCOL_2), 0
        for _ in range(MAX_OPERATIONS):
            code = data[at]
            if code == _STOP:
                (content,) = self.stack
                return content
            operate, cost = operations[code]
            spent += cost
            if spent > self._memory:
                raise _too_large()
            at = operate(self, at + 1)
        raise _too_large()

    def mark(self, at: int) -> int:
        self._marks.append(len(self.stack))
        return at

    def _items(self) -> list[Any]:
        """The values above the last mark, taken from the stack."""
        start = self._marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def long1(self, at: int) -> int:
        size = self.data[at]
        end = at + 1 + size
        if end > len(self.data):
            raise damaged()
        value = int.from_bytes(self.data[at + 1 : end], "little", signed=True)
        self._memory -= size
        self.stack.append(value if size <= _WORD else LongInt(value))
        return end

    def string(self, at: int) -> int:
        start = at + 4
        end: int = start + _UINT4.unpack_from(self.data, at)[0]
        if end > len(self.data):
            raise damaged()
        value = self.data[start:end].decode("utf-8", "surrogatepass")
        self._memory -= len(value) if value.isascii() else 4 * len(value)
        self.stack.append(value)
        return end

    def put(self, at: int) -> int:
        if self.data[at] != len(self._memo):  # torch.save counts up
            raise damaged()
        self._memo.append(self.stack[-1])
        return at + 1

    def put4(self, at: int) -> int:
        if _UINT4.unpack_from(self.data, at)[0] != len(self._memo):
            raise damaged()
        self._memo.append(self.stack[-1])
        return at + 4

    def get(self, at: int) -> int:
        value = self._memo[self.data[at]]
        self.stack.append(OTHER if type(value) in (list, dict) else value)
        return at + 1

    def get4(self, at: int) -> int:
        value = self._memo[_UINT4.unpack_from(self.data, at)[0]]
        self.stack.append(OTHER if type(value) in (list, dict) else value)
        return at + 4

    def tuple(self, at: int) -> int:
        items = self._items()
        self._memory -= 8 * len(items)
        self.stack.append(tuple(items))
        return at

    def append(self, at: int) -> int:
        self._extend([self.stack.pop()])
        return at

    def appends(self, at: int) -> int:
        self._extend(self._items())
        return at

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list or len(items) > _MAX_BATCH:
            raise damaged()
        self._memory -= 9 * len(items)
        target += items

    def set_item(self, at: int) -> int:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])
        return at

    def set_items(self, at: int) -> int:
        self._update(self._items())
        return at

    def _update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(items) > 2 * _MAX_BATCH:
            raise damaged()
        before = target.__sizeof__()
        keys = items[::2]
        if set(map(type, keys)) <= {str, int}:
            target.update(zip(keys, items[1::2], strict=True))
        else:
            require_hashable(keys)
            target.update(
                (OTHER if type(key) is tuple else key, value) for key, value in zip(keys, items[1::2], strict=True)
            )
        if len(target) > MAX_KEYS:
            raise _too_large()
        self._memory -= target.__sizeof__() - before

    def refer(self, at: int) -> int:
        end = self.data.index(b"\n", self.data.index(b"\n", at, at + _MAX_NAME) + 1, at + _MAX_NAME)
        module, name = self.data[at:end].decode("utf-8").split("\n")
        full_name = f"{_RENAMED.get(module, module)}.{name}"
        if full_name not in ALLOWED_GLOBALS:
            raise UnreadableError(text("would run code: {name}").format(name=full_name))
        self.stack.append(_Global(full_name))
        return end + 1

    def call(self, at: int) -> int:
        """Nothing is called; an OrderedDict is a dict here, of which torch.save makes an empty one first."""
        arguments, called = self.stack.pop(), self.stack.pop()
        if type(called) is not _Global or type(arguments) is not tuple:
            raise damaged()
        if called in HASHING:
            for values in arguments:
                if type(values) not in (list, dict):
                    raise damaged()
                require_hashable(values)
        self.stack.append({} if called == "collections.OrderedDict" and not arguments else OTHER)
        return at

    def storage(self, at: int) -> int:
        """A tensor's numbers: left where they are."""
        self.stack[-1] = OTHER
        return at

    def build(self, at: int) -> int:
        """The attributes of an object: none of interest."""
        self.stack.pop()
        return at


def _new(make: Callable[[], Any]) -> Operation:
    def push(reader: _Reader, at: int) -> int:
        reader.stack.append(make())
        return at

    return push


def _number(layout: struct.Struct) -> Operation:
    def push(reader: _Reader, at: int) -> int:
        reader.stack += layout.unpack_from(reader.data, at)
        return at + layout.size

    return push


def _tuple_of(count: int) -> Operation:
    def join(reader: _Reader, at: int) -> int:
        reader.stack[-count:] = [tuple(reader.stack[-count:])]
        return at

    return join


_STOP = ord(".")
_UINT1, _UINT2, _UINT4 = struct.Struct("B"), struct.Struct("<H"), struct.Struct("<I")
_INT4, _DOUBLE = struct.Struct("<i"), struct.Struct(">d")
# What an operation costs: bytes in memory, place on the stack included; more where it takes time.
_SLOT = 9
_NUMBER = 32 + _SLOT
_STRING = 64 + _SLOT
_TUPLE = 72 + _SLOT
_DICT = 80 + _SLOT
_LIST = 104 + _SLOT  # the first item takes four places
_CHANGE = 150
_CALL = 200
_OPERATIONS: dict[int, tuple[Operation, int]] = {
    ord("c"): (_Reader.refer, _CALL),
    ord("("): (_Reader.mark, _NUMBER),
    ord("N"): (_new(lambda: None), _SLOT),
    0x88: (_new(lambda: True), _SLOT),
    0x89: (_new(lambda: False), _SLOT),
    ord("K"): (_number(_UINT1), _SLOT),
    ord("M"): (_number(_UINT2), _NUMBER),
    ord("J"): (_number(_INT4), _NUMBER),
    0x8A: (_Reader.long1, _NUMBER + 8),
    ord("G"): (_number(_DOUBLE), _NUMBER),
    ord("X"): (_Reader.string, _STRING),
    ord("q"): (_Reader.put, _SLOT),
    ord("r"): (_Reader.put4, _SLOT),
    ord("h"): (_Reader.get, _SLOT),
    ord("j"): (_Reader.get4, _SLOT),
    ord(")"): (_new(tuple), _SLOT),
    0x85: (_tuple_of(1), _TUPLE),
    0x86: (_tuple_of(2), _TUPLE),
    0x87: (_tuple_of(3), _TUPLE),
    ord("t"): (_Reader.tuple, _TUPLE),
    ord("]"): (_new(list), _LIST),
    ord("a"): (_Reader.append, _NUMBER),
    ord("e"): (_Reader.appends, _TUPLE),
    ord("}"): (_new(dict), _DICT),
    ord("s"): (_Reader.set_item, _CHANGE),
    ord("u"): (_Reader.set_items, _CHANGE),
    ord("R"): (_Reader.call, _CALL),
    ord("Q"): (_Reader.storage, 0),
    ord("b"): (_Reader.build, 0),
}
