import io
from pathlib import Path

import pytest

from resume.checkpoints.catalog import read_catalog
from resume.menu.console import ask, type_line
from resume.menu.layout import entries
from resume.system.output import set_language
from tests.helpers import checkpoint_folders


@pytest.fixture(autouse=True)
def _in_english() -> None:
    set_language("en")


def answer(monkeypatch: pytest.MonkeyPatch, folder: Path, typed: str) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    return ask(entries(read_catalog(folder), checkpoint_folders.START), "1", lambda: None)


@pytest.mark.parametrize(
    ("typed", "key"), [("1\n", "1"), (" 4 \n", "4"), ("n\n", "N"), ("N\n", "N"), ("q\n", "Q"), ("", "Q")]
)
def test_a_line_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, typed: str, key: str) -> None:
    assert answer(monkeypatch, checkpoint_folders.fill(tmp_path), typed) == key


def test_what_is_no_entry_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(monkeypatch, checkpoint_folders.fill(tmp_path), "7\n\nfoo\n2\n") == "2"
    out = capsys.readouterr().out
    assert "'7' is not an entry of the menu." in out
    assert "'' is not an entry of the menu." in out


def test_a_damaged_entry_says_why_it_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = checkpoint_folders.fill(tmp_path)
    checkpoint_folders.damage(folder / "interrupted_checkpoint.pth")
    assert answer(monkeypatch, folder, "2\n1\n") == "1"
    assert "[2] cannot be used: incomplete file." in capsys.readouterr().out


def test_an_interrupted_line_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupt)
    assert type_line("(y/n): ") is None


def test_a_question_that_the_output_cannot_show_is_asked_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdin", io.StringIO("1\n"))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert type_line("请选择: ") == "1"
