"""Looking through a pickle before torch reads it: what it refers to, and what reading it would cost.

torch.load refuses names that could run code, and nothing else. A pickle of a few hundred bytes can still keep it busy
for hours: it hashes the keys of dicts, and a tuple that holds one tuple twice, and so on 40 levels deep, is hashed 2^40
times. A number can ask for any amount of memory. The table of a folder of shards is read by Python's own
unpickler, which runs what it is told.

Nothing is built here. Each value on the pickle's stack is represented by what hashing it would cost. Only the
operations that torch.save (or, for the table, Python's pickler) writes are known; any other one ends the walk.
"""

import pickletools
from collections.abc import Callable
from typing import Any

from resume.checkpoints.allowed_globals import ALLOWED_GLOBALS, BYTEARRAY, ENCODE, HASHING, NOT_CALLED, TABLE_GLOBALS
from resume.system.errors import UnreadableError
from resume.system.output import text

# A history of 50,000 epochs with ten numbers each takes 12 MB and 1.7 million operations.
MAX_PICKLE_BYTES = 16 * 2**20
MAX_TABLE_BYTES = 32 * 2**20
# Of all operations of a pickle together, most of which cost 1; the history takes 1.8 million.
MAX_COST = 2_500_000
MAX_TABLE_COST = 10_000_000
# Keys that are no texts: whoever writes the file can choose them such that many have the same hash.
MAX_KEYS = 200_000
_MAX_KEY_COST = 100
_MAX_NAME = 200
_RENAMED = {"__builtin__": "builtins"}  # protocol 2 uses the names of Python 2

# How the stack represents values:
# - an immutable value: the cost of hashing it, at least 1; or 0 if it must not be the key of a dict;
# - a list or dict: -1 minus the cost of hashing all that is in it;
# - a tuple: the cost of hashing it, and its items; a text that may matter, or a global: itself; another text: "".
_ANY = 1
_TEXT = ""
_LATIN = "latin1"
_UNHASHABLE = 0
_EMPTY = -1
_EXPENSIVE = 2**40  # more than any cost that is allowed


class _Global(str):
    """A name that the pickle refers to; not what it names."""


class _Number(int):
    """A number: what is called with it may take that much memory."""


class _Object(int):
    """An object of the table; its attributes, which follow, are hashed with it."""


_NUMBER = _Number(_ANY)
_LONG = _Number(_UNHASHABLE)  # of more than 64 bits: many of them can have the same hash
Flat = int | str
Value = Flat | tuple[int, list[Flat]]


def require_harmless(data: bytes) -> None:
    """See that torch.load can read a pickle of torch.save safely, and in bounded time and memory.

    Args:
        data: The pickle: `data.pkl` of a checkpoint, of `meta.pt`, or of an archive in a shard.

    Raises:
        UnreadableError: The pickle refers to code, is damaged, or would take too long.
    """
    if len(data) > MAX_PICKLE_BYTES:
        raise _too_large()
    _Walk(ALLOWED_GLOBALS, MAX_COST).go_through(data, (2,), _OPERATIONS)


def require_harmless_table(data: bytes) -> None:
    """See that Python's unpickler can read the table of a folder of shards safely.

    Raises:
        UnreadableError: As for `require_harmless`.
    """
    if len(data) > MAX_TABLE_BYTES:
        raise _too_large()
    _Walk(ALLOWED_GLOBALS | TABLE_GLOBALS, MAX_TABLE_COST).go_through(data, (4, 5), _TABLE_OPERATIONS)


def _damaged() -> UnreadableError:
    return UnreadableError(text("damaged pickle"))


def _too_large() -> UnreadableError:
    return UnreadableError(text("too large, or too slow to load"))


class _Walk:
    """The stack machine that a pickle is a program for."""

    def __init__(self, names: frozenset[str], max_cost: int) -> None:
        self.stack: list[Value] = []
        self.marks: list[int] = []
        self.memo: list[Value] = []
        self._names = names
        self._left = max_cost  # what is left of it after the cost of hashing
        self._keys = 0

    def go_through(self, data: bytes, protocols: tuple[int, ...], operations: "Operations") -> None:
        try:
            decoded = pickletools.genops(data)
            first, protocol, _ = next(decoded)
            if first.name != "PROTO" or protocol not in protocols:
                raise _damaged()
            spent = 0
            for code, argument, _ in decoded:
                operate, cost = operations[code.name]
                spent += cost
                if spent > self._left:
                    raise _too_large()
                operate(self, argument)
        except (LookupError, ValueError) as error:  # the pickle ends too early, or an unknown operation
            raise _damaged() from error
        if len(self.stack) != 1:
            raise _damaged()

    def pop_items(self) -> list[Value]:
        """The values above the last mark, taken from the stack."""
        return self.pop_last(len(self.stack) - self.marks.pop())

    def pop_last(self, count: int) -> list[Value]:
        start = len(self.stack) - count
        if start < 0:
            raise _damaged()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def put(self, index: int) -> None:
        if index != len(self.memo):  # picklers count up; Python's unpickler takes memory for all smaller numbers
            raise _damaged()
        value = self.stack[-1]
        # What comes back from the memo may not be complete yet: it can be neither filled nor hashed.
        is_open = isinstance(value, _Object) or (isinstance(value, int) and value < 0)
        self.memo.append(_UNHASHABLE if is_open else value)

    def push_tuple(self, items: list[Value]) -> None:
        # Of a tuple within, only the cost is kept, so that nothing is nested here.
        flat: list[Flat] = [item[0] if isinstance(item, tuple) else item for item in items]
        costs = [_hash_cost(item) for item in flat]
        self.stack.append((_UNHASHABLE if _UNHASHABLE in costs else min(1 + sum(costs), _EXPENSIVE), flat))

    def append(self, items: list[Value]) -> None:
        """Add items to the list or dict on top of the stack."""
        target = self.stack[-1]
        if not isinstance(target, int) or target >= 0:
            raise _damaged()
        costs = map(_hash_cost, items)
        added = sum(cost if 0 < cost <= _MAX_KEY_COST else _EXPENSIVE for cost in costs)
        self.stack[-1] = max(target - added, -_EXPENSIVE)

    def set_items(self, items: list[Value]) -> None:
        """Add keys and their values, in turn, to the dict on top of the stack."""
        if len(items) % 2:
            raise _damaged()
        for key in items[::2]:
            if isinstance(key, str):
                continue
            cost = _hash_cost(key)
            if not 0 < cost <= _MAX_KEY_COST:
                raise _damaged()
            self._left -= cost
            self._keys += 1
            if self._keys > MAX_KEYS:
                raise _too_large()
        self.append(items)

    def refer(self, module: Value, name: Value) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise _damaged()
        full_name = f"{_RENAMED.get(module, module)}.{name}"
        if full_name not in self._names:
            raise UnreadableError(text("would run code: {name}").format(name=full_name))
        self.stack.append(_Global(full_name))

    def call(self) -> None:
        """Call a global, or make an object of a class."""
        called, arguments = self.pop_last(2)
        if not isinstance(called, _Global) or not isinstance(arguments, tuple):
            raise _damaged()
        cost, items = arguments
        if called in HASHING:
            self._left -= _cost_of_hashing(items)
            cost = _EMPTY if called == "collections.OrderedDict" and not items else _UNHASHABLE
        elif not _may_call(called, items):
            raise _damaged()
        self.stack.append(_Object(cost) if called in TABLE_GLOBALS else cost)

    def build(self) -> None:
        """Give an object its attributes."""
        target, state = self.pop_last(2)
        if not isinstance(target, int) or isinstance(target, _Number):
            raise _damaged()
        if isinstance(target, _Object):
            added = -1 - state if isinstance(state, int) and state < 0 else _hash_cost(state) or _EXPENSIVE
            target = _Object(min(target + added, _EXPENSIVE))
        self.stack.append(target)


def _hash_cost(value: Value) -> int:
    if isinstance(value, str):
        return _ANY
    return value[0] if isinstance(value, tuple) else max(value, _UNHASHABLE)


def _cost_of_hashing(arguments: list[Flat]) -> int:
    """The cost of hashing everything in the arguments of a call, which must be lists or dicts."""
    costs = [-1 - part if isinstance(part, int) and part < 0 else _EXPENSIVE for part in arguments]
    if any(cost >= _EXPENSIVE - 1 for cost in costs):
        raise _damaged()
    return sum(costs)


def _may_call(called: _Global, items: list[Flat]) -> bool:
    if called == BYTEARRAY:
        return not any(isinstance(item, _Number) for item in items)
    if called == ENCODE:
        return items[1:] == [_LATIN]  # the time of other codecs may grow with the square of the length
    return called not in NOT_CALLED


# An operation changes the walk; its argument comes with it.
Operation = Callable[[_Walk, Any], None]
Operations = dict[str, tuple[Operation, int]]


def _push(value: Value) -> Operation:
    return lambda walk, _: walk.stack.append(value)


def _text(walk: _Walk, content: str) -> None:
    walk.stack.append(content if content == _LATIN else _TEXT)


def _name_or_text(walk: _Walk, content: str) -> None:
    walk.stack.append(content if len(content) <= _MAX_NAME else _TEXT)


def _long(walk: _Walk, number: int) -> None:
    walk.stack.append(_NUMBER if -(2**63) <= number < 2**63 else _LONG)


def _global(walk: _Walk, names: str) -> None:
    module, _, name = names.partition(" ")
    walk.refer(module, name)


def _storage(walk: _Walk, _: None) -> None:
    walk.stack[-1] = _ANY  # the numbers of a tensor are in an entry of their own


def _frame(_: _Walk, size: int) -> None:
    if size > MAX_TABLE_BYTES:  # the unpickler would take that much memory
        raise _damaged()


# Each with its cost: more than 1 where this walk or torch.load takes more memory or time.
_OPERATIONS: Operations = {
    "STOP": (lambda _walk, _: None, 0),
    "MARK": (lambda walk, _: walk.marks.append(len(walk.stack)), 1),
    **dict.fromkeys(("NONE", "NEWTRUE", "NEWFALSE"), (_push(_ANY), 1)),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "BINFLOAT"), (_push(_NUMBER), 1)),
    "LONG1": (_long, 2),
    "BINUNICODE": (_text, 1),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), (_Walk.put, 1)),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), (lambda walk, index: walk.stack.append(walk.memo[index]), 1)),
    "EMPTY_TUPLE": (_push((_ANY, [])), 1),
    "TUPLE1": (lambda walk, _: walk.push_tuple(walk.pop_last(1)), 4),
    "TUPLE2": (lambda walk, _: walk.push_tuple(walk.pop_last(2)), 4),
    "TUPLE3": (lambda walk, _: walk.push_tuple(walk.pop_last(3)), 4),
    "TUPLE": (lambda walk, _: walk.push_tuple(walk.pop_items()), 4),
    **dict.fromkeys(("EMPTY_LIST", "EMPTY_DICT"), (_push(_EMPTY), 2)),
    "APPEND": (lambda walk, _: walk.append(walk.pop_last(1)), 2),
    "APPENDS": (lambda walk, _: walk.append(walk.pop_items()), 2),
    "SETITEM": (lambda walk, _: walk.set_items(walk.pop_last(2)), 4),
    "SETITEMS": (lambda walk, _: walk.set_items(walk.pop_items()), 4),
    "GLOBAL": (_global, 10),
    "REDUCE": (lambda walk, _: walk.call(), 10),
    "BINPERSID": (_storage, 1),
    "BUILD": (lambda walk, _: walk.build(), 2),
}
# What Python's pickler adds at protocols 4 and 5. The table has no tensors.
_TABLE_OPERATIONS: Operations = {
    **{name: operation for name, operation in _OPERATIONS.items() if name != "BINPERSID"},
    "FRAME": (_frame, 1),
    "BINUNICODE": (_name_or_text, 2),
    "SHORT_BINUNICODE": (_name_or_text, 2),
    "STACK_GLOBAL": (lambda walk, _: walk.refer(*walk.pop_last(2)), 4),
    "MEMOIZE": (lambda walk, _: walk.put(len(walk.memo)), 1),
    "NEWOBJ": (lambda walk, _: walk.call(), 4),
}
