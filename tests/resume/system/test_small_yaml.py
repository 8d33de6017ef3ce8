from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonargparse._loaders_dumpers import get_yaml_default_loader

from resume.system.errors import UnreadableError
from resume.system.small_yaml import MAX_CHARACTERS, MAX_VALUES, parse_yaml
from tests.helpers.strange_files import ALIAS_BOMB, DEEP_YAML


class TheParsersLoader(yaml.SafeLoader):
    """What plain words mean for jsonargparse, without the C library, which reads some texts otherwise."""

    yaml_implicit_resolvers = get_yaml_default_loader().yaml_implicit_resolvers  # type: ignore[no-untyped-call]


def by_the_parser(content: str) -> Any:
    return yaml.load(content, Loader=TheParsersLoader)


def test_a_configuration_with_aliases_is_read_as_by_the_parser() -> None:
    content = (
        "norm: &norm {class_path: a.B, init_args: [1, x]}\none: *norm\ntwo: {<<: *norm, three: 2026-03-01}\nfour: 1e-3"
    )
    assert parse_yaml(content) == by_the_parser(content)
    assert parse_yaml("") is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ALIAS_BOMB, "too large"),
        (DEEP_YAML, "nested too deeply"),
        ("- " * 10_000, "nested too deeply"),
        ("a: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60)), "nested too deeply"),
        ("&a [*a]", r"\*a stands for itself"),
        ("a: *b", r"\*b stands for itself, or for nothing"),
        ("- a\n" * (MAX_VALUES + 1), "too large"),
        ("#" * (MAX_CHARACTERS + 1), "too large"),
        ("1" + ":1" * 100_000, "needs quotes"),
        ("!!int '1" + ":1" * 100_000 + "'", "needs quotes"),
        ("a: [1, 2\n", "no valid YAML"),
        ("2026-99-99", None),
        ("!!timestamp 2026-99-99", "no valid YAML"),
        ("9" * 4096, None),
        ("!!bool x", "no valid YAML"),
        ("{[1]: 2}", "no valid YAML"),
        ("!!python/object/apply:os.system [true]", "no valid YAML"),
        ("a: \x1b[31m", "no valid YAML"),
    ],
)  # fmt: skip
def test_what_no_configuration_needs_is_refused(content: str, reason: str | None) -> None:
    if reason is None:
        assert parse_yaml(content)
        return
    with pytest.raises(UnreadableError, match=reason):
        parse_yaml(content)


def test_limits_are_those_of_the_text_with_its_aliases_written_out() -> None:
    list_of_1000 = f"a: &a [{', '.join('x' * 1000)}]\n"
    assert parse_yaml(list_of_1000 + "b: [*a, *a, *a, *a, *a, *a, *a, *a]\n")
    with pytest.raises(UnreadableError, match="too large"):
        parse_yaml(list_of_1000 + "b: [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n")


@settings(max_examples=300, deadline=None)
@given(st.text("abeE:-+_?&*!|>%#,[]{}<\"'\\ \n\t~019.é\0"))
def test_any_text_is_read_or_refused(content: str) -> None:
    try:
        read = parse_yaml(content)
    except UnreadableError:
        return
    assert repr(read) == repr(by_the_parser(content))
