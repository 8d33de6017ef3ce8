import ast
import io
import re
import string
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from resume.system.errors import ResumeError, UnreadableError
from resume.system.output import (
    DOMAIN,
    LOCALE_DIR,
    complain,
    current_language,
    in_english,
    is_chinese,
    plural,
    resolve_language,
    say,
    set_language,
    size_text,
    text,
)

ROOT = Path(__file__).parents[3]
PACKAGES = ("resume", "launch", "callbacks", "lit_modules", "datamodules", "exactness")
SOURCES = [ROOT / "train.py", *(source for package in PACKAGES for source in (ROOT / package).rglob("*.py"))]
CATALOG = LOCALE_DIR / "zh" / "LC_MESSAGES" / f"{DOMAIN}.po"


@pytest.fixture(autouse=True)
def _english_afterwards() -> Iterator[None]:
    yield
    set_language("en")


def texts_in_code() -> set[str]:
    """The English texts that the program says through the catalog."""
    found = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func).removeprefix("resume.")
            if name in ("text", "catalogued", "plural"):
                words = node.args[: 2 if name == "plural" else 1]
                assert all(isinstance(word, ast.Constant) for word in words), f"{source.name}:{node.lineno}"
                found.add(ast.literal_eval(words[0]))
    return found


def sentences_outside_catalog(source: Path) -> set[str]:
    """Strings of at least two words in a file; docstrings, texts of the catalog and flags with a value do not count."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("text", "catalogued", "plural"):
            skipped |= {id(word) for word in node.args}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in skipped]
    strings = [node.value for node in constants if isinstance(node.value, str)]
    return {
        string
        for string in strings
        if re.search(r"[a-z]{2,} [a-z]{2,}", string) and not re.fullmatch(r"--[a-z._]+ [a-z]+", string)
    }


def texts_in_catalog() -> dict[str, str]:
    """English and Chinese texts of the .po file, whose entries all stand on one line each."""
    content = CATALOG.read_text(encoding="utf-8")
    entry = re.compile(r'^msgid (".*")\n(?:msgid_plural ".*"\nmsgstr\[0\]|msgstr) (".*")$', re.MULTILINE)
    pairs = {ast.literal_eval(english): ast.literal_eval(chinese) for english, chinese in entry.findall(content)}
    return {english: chinese for english, chinese in pairs.items() if english}


def fields(message: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(message) if name is not None}


def test_every_text_has_its_translation_and_no_translation_is_left_over() -> None:
    assert texts_in_code() == set(texts_in_catalog())


@pytest.mark.parametrize("package", ["datamodules", "lit_modules"])
def test_every_sentence_about_data_and_networks_is_in_the_catalog(package: str) -> None:
    outside = {sentence for source in (ROOT / package).rglob("*.py") for sentence in sentences_outside_catalog(source)}
    assert outside <= {"Raw profile type exif", "meta tensor"}  # a key in PNG files, a part of messages of torch


def test_translations_keep_the_places_of_values() -> None:
    for english, chinese in texts_in_catalog().items():
        assert fields(english) == fields(chinese), english


def test_no_translation_is_empty() -> None:
    assert all(texts_in_catalog().values())


def test_the_compiled_catalog_agrees_with_its_source() -> None:
    set_language("zh")
    source = CATALOG.read_text(encoding="utf-8")
    for english, chinese in texts_in_catalog().items():
        has_plural = f'msgid "{english}"\nmsgid_plural' in source
        said = plural(english, english, 2) if has_plural else text(english)
        expected = chinese.format(count=2) if has_plural else chinese
        assert said == expected, "run: pybabel compile -D resume -d resume/system/locale"


def test_english_needs_no_catalog() -> None:
    set_language("en")
    assert text("Quit") == "Quit"
    assert plural("{count} file", "{count} files", 1) == "1 file"
    assert plural("{count} file", "{count} files", 2) == "2 files"


def test_texts_are_english_within_the_block_in_this_thread_only() -> None:
    set_language("zh")
    other: list[str] = []
    with in_english():
        thread = threading.Thread(target=lambda: other.append(text("Quit")))
        thread.start()
        thread.join()
        assert (text("Quit"), plural("{count} file", "{count} files", 2)) == ("Quit", "2 files")
    assert (text("Quit"), *other) == ("退出程序", "退出程序")
    assert current_language() == "zh"


def test_an_unknown_text_stays_english() -> None:
    set_language("zh")
    assert text("never translated") == "never translated"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zh_CN.UTF-8", True),
        ("zh_TW", True),
        ("zh-Hans", True),
        ("Chinese (Simplified)_China.936", True),
        ("Chinese_China.936", True),
        ("en_US.UTF-8", False),
        ("German_Germany.1252", False),
        ("C", False),
        ("", False),
    ],
)
def test_locale_names_of_all_systems_are_understood(name: str, expected: bool) -> None:
    assert is_chinese(name) is expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_auto_follows_the_locale(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: str) -> None:
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert resolve_language("auto") == expected


def test_auto_is_english_where_chinese_cannot_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN")
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    assert resolve_language("auto") == "en"
    assert resolve_language("zh") == "zh"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("notes\n  - best_model.pth", "notes\\n  - best_model.pth"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("a\u202egnp.pth", "a\\u202egnp.pth"),
        ("a\u2028b\x85c\rd\te", "a\\u2028b\\x85c\\rd\\te"),
        ("检查点\u3000a\xa0b.pth 😀", "检查点\u3000a\xa0b.pth 😀"),
    ],
)
def test_what_a_name_hides_is_written_out(capsys: pytest.CaptureFixture[str], name: str, shown: str) -> None:
    say(f"  - {name}")
    assert capsys.readouterr().out == f"  - {shown}\n"
    assert str(ResumeError(name)) == str(UnreadableError(name)) == shown


def test_an_error_keeps_its_lines_and_controls_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    complain("a\x1b[2J\x85b\n  - c")
    assert capsys.readouterr().err == "a\\x1b[2J\\x85b\n  - c\n"


def test_a_path_that_the_output_cannot_show_does_not_end_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    say("数据/a.png")
    sys.stdout.flush()
    assert raw.getvalue().strip() == rb"\u6570\u636e/a.png"


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (281_600_000, "282 MB"),
        (1.4e9, "1.4 GB"),
        (2e12, "2.0 TB"),
    ],
)
def test_sizes_are_told_in_a_few_digits(size: int, words: str) -> None:
    assert size_text(size) == words
