"""YAML that anybody may have written, read with care: neither large nor deep, and no alias stands for too much."""

from typing import Any

from resume.system.errors import UnreadableError
from resume.system.output import text
from resume.system.small_files import too_deep

# Of a configuration. PyYAML takes about 0.1 ms for each value; a usual configuration has 150 of them.
MAX_CHARACTERS = 2**18
MAX_BYTES = 4 * MAX_CHARACTERS
MAX_VALUES = 10_000
_MAX_DEPTH = 40
# PyYAML takes quadratic time for a number such as 1:1:1:1; a text of this length needs quotes.
_LONGEST_PLAIN = 4096


def parse_yaml(content: str) -> Any:
    """The values of a YAML text: dicts, lists, texts, numbers, booleans and None.

    Raises:
        UnreadableError: It is no valid YAML, or too large, or nested too deeply, with aliases written out.
    """
    import yaml  # takes 15 ms, which a start without a configuration file need not

    from resume.system.settings_loader import SettingsLoader

    if len(content) > MAX_CHARACTERS:
        raise _too_large()
    try:
        _require_bounded(content)
        return yaml.load(content, Loader=SettingsLoader)  # noqa: S506 - a SafeLoader
    except UnreadableError:
        raise
    except Exception as error:  # wrong numbers fail in any way
        raise UnreadableError(text("no valid YAML: {reason}").format(reason=error)) from error


class _Count:
    """Counts the values of a YAML text, and how deep they are; an alias counts as all that it stands for."""

    def __init__(self) -> None:
        self.values = 0
        self._open: list[tuple[str | None, int, int]] = []  # anchor, number of the first value, depth within
        self._anchored: dict[str, tuple[int, int]] = {}  # values, depth

    def add(self, values: int = 1, depth: int = 0) -> None:
        self.values += values
        if self.values > MAX_VALUES:
            raise _too_large()
        if len(self._open) + depth > _MAX_DEPTH:
            raise too_deep()
        if self._open:
            anchor, first, deepest = self._open[-1]
            self._open[-1] = anchor, first, max(deepest, depth)

    def begin(self, anchor: str | None) -> None:
        self.add(depth=1)
        self._open.append((anchor, self.values - 1, 0))

    def end(self) -> None:
        anchor, first, deepest = self._open.pop()
        if anchor is not None:
            self._anchored[anchor] = self.values - first, deepest + 1
        if self._open:
            outer, start, depth = self._open[-1]
            self._open[-1] = outer, start, max(depth, deepest + 1)

    def scalar(self, anchor: str | None) -> None:
        self.add()
        if anchor is not None:
            self._anchored[anchor] = 1, 0

    def alias(self, anchor: str | None) -> None:
        if anchor is None or anchor not in self._anchored:  # of a list or mapping that contains itself, or of nothing
            raise UnreadableError(text("*{alias} stands for itself, or for nothing").format(alias=anchor))
        self.add(*self._anchored[anchor])


def _require_bounded(content: str) -> None:
    from yaml import events, parse

    count = _Count()
    for event in parse(content):
        if isinstance(event, events.CollectionStartEvent):
            count.begin(event.anchor)
        elif isinstance(event, events.CollectionEndEvent):
            count.end()
        elif isinstance(event, events.AliasEvent):
            count.alias(event.anchor)
        elif isinstance(event, events.ScalarEvent):
            count.scalar(event.anchor)
            is_quoted = event.implicit[1]
            if len(event.value) > _LONGEST_PLAIN and not is_quoted:
                raise UnreadableError(
                    text("a text of more than {limit} characters needs quotes").format(limit=_LONGEST_PLAIN)
                )


def _too_large() -> UnreadableError:
    return UnreadableError(
        text("too large for a configuration: at most {characters} characters and {values} values").format(
            characters=MAX_CHARACTERS, values=MAX_VALUES
        )
    )
