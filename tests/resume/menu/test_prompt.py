from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from resume.checkpoints.catalog import read_catalog
from resume.menu.layout import Entry, entries
from resume.menu.prompt import ask, type_line
from resume.system.output import set_language
from tests.helpers import checkpoint_folders

ESCAPE = "\x1b"
UP, DOWN, END_OF_INPUT, INTERRUPT = "\x1b[A", "\x1b[B", "\x04", "\x03"


@pytest.fixture(autouse=True)
def keys() -> Iterator[PipeInput]:
    set_language("en")
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


@pytest.fixture
def shown(tmp_path: Path) -> tuple[Entry, ...]:
    return entries(read_catalog(checkpoint_folders.fill(tmp_path, 12)), checkpoint_folders.START + timedelta(days=1))


def nothing() -> None:
    pass


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("\r", "1"),
        ("\n", "1"),
        ("1\r", "1"),
        ("2\r", "2"),
        ("4\r", "4"),
        ("n\r", "N"),
        ("N\r", "N"),
        ("q\r", "Q"),
        ("Q\r", "Q"),
        (f"{DOWN}\r", "2"),
        (f"{UP}\r", "Q"),
        (f"{DOWN * 4}\r", "N"),
        (f"{DOWN * 6}\r", "1"),
        ("3x\r", "3"),
        ("34n2\r", "2"),
        (END_OF_INPUT, "Q"),
        (INTERRUPT, "Q"),
        (f"3{INTERRUPT}", "Q"),
    ],
)
def test_keys_highlight_and_enter_takes(keys: PipeInput, shown: tuple[Entry, ...], typed: str, answer: str) -> None:
    keys.send_text(typed)
    assert ask(shown, "1", nothing) == answer


def test_escape_alone_leaves(keys: PipeInput, shown: tuple[Entry, ...]) -> None:
    keys.send_text(ESCAPE)
    assert ask(shown, "1", nothing) == "Q"


@pytest.mark.parametrize("pointed", ["1", "2", "Q"])
def test_the_pointer_starts_where_it_is_told_to(keys: PipeInput, shown: tuple[Entry, ...], pointed: str) -> None:
    keys.send_text("\r")
    assert ask(shown, pointed, nothing) == pointed


@pytest.mark.parametrize(
    ("typed", "answer"), [("2\r1\r", "1"), (f"2\r{DOWN}\r", "3"), (f"{DOWN}\r", "3"), (f"3{UP}\r", "1")]
)
def test_a_damaged_entry_cannot_be_reached(keys: PipeInput, tmp_path: Path, typed: str, answer: str) -> None:
    folder = checkpoint_folders.fill(tmp_path)
    checkpoint_folders.damage(folder / "interrupted_checkpoint.pth")
    keys.send_text(typed)
    assert ask(entries(read_catalog(folder), checkpoint_folders.START), "1", nothing) == answer


@pytest.mark.parametrize("key", ["7", "0", "2"])
def test_enter_after_the_digit_of_no_usable_entry_takes_nothing(keys: PipeInput, tmp_path: Path, key: str) -> None:
    folder = checkpoint_folders.fill(tmp_path)
    checkpoint_folders.damage(folder / "interrupted_checkpoint.pth")
    keys.send_text(f"{key}\r{key}\n{UP}{DOWN}\r")
    assert ask(entries(read_catalog(folder), checkpoint_folders.START), "3", nothing) == "3"
    keys.send_text(f"{key}\r4\r")
    assert ask(entries(read_catalog(folder), checkpoint_folders.START), "3", nothing) == "4"
    keys.send_text(f"{key}\r{END_OF_INPUT}")
    assert ask(entries(read_catalog(folder), checkpoint_folders.START), "3", nothing) == "Q"


def test_the_menu_stays_on_the_screen_with_the_answer(
    keys: PipeInput, shown: tuple[Entry, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    keys.send_text("3\r")
    ask(shown, "1", nothing)
    out = capsys.readouterr().out.splitlines()
    starts = [line[:6] for line in out]
    assert starts == [
        "  [1] ",
        "  [2] ",
        "  [3] ",
        "  [4] ",
        "",
        "  [N] ",
        "  [Q] ",
        "",
        "Your c",
    ]
    assert out[-1] == "Your choice [1-4/N/Q]: 3"


def test_what_waits_for_the_menu_begins_when_it_is_drawn(keys: PipeInput, shown: tuple[Entry, ...]) -> None:
    begun: list[str] = []
    keys.send_text("q\r")
    ask(shown, "1", lambda: begun.append("imports"))
    assert begun


def test_typed_ahead_keys_go_to_the_question_that_follows(keys: PipeInput, shown: tuple[Entry, ...]) -> None:
    keys.send_text("n\ryes\r")
    assert ask(shown, "1", nothing) == "N"
    assert type_line("(y/n): ") == "yes"


@pytest.mark.parametrize("key", [ESCAPE, END_OF_INPUT, INTERRUPT])
def test_leaving_the_question_is_no_answer(keys: PipeInput, key: str) -> None:
    keys.send_text(key)
    assert type_line("(y/n): ") is None


def test_a_typed_line_comes_back_as_typed(keys: PipeInput) -> None:
    keys.send_text("nope \r")
    assert type_line("(y/n): ") == "nope "
