"""The menu with typed keys, drawn by prompt_toolkit; asserted is the screen that a user sees. No process is started."""

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from resume import Quit, Resume, StartOver, choose, read_arguments
from resume.decision import Decision
from resume.menu.dialogue import hold_dialogue
from resume.system.output import Language, set_language
from tests.helpers import checkpoint_folders

pyte = pytest.importorskip("pyte")

ESCAPE, DOWN = "\x1b", "\x1b[B"
ASKS: dict[Language, str] = {"zh": "请选择 [1-4/N/Q]:", "en": "Your choice [1-4/N/Q]:"}


class Screen(io.StringIO):
    """Standard output as a terminal shows it."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.columns = columns
        self._screen = pyte.Screen(columns, 80)
        self._screen.set_mode(pyte.modes.LNM)  # a line feed also returns, as a terminal's driver makes it
        self._stream = pyte.Stream(self._screen)

    def write(self, words: str) -> int:
        self._stream.feed(words)
        return len(words)

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    def text(self) -> str:
        return "\n".join(self.lines()).rstrip()

    def shows_cursor(self) -> bool:
        return not self._screen.cursor.hidden


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_launch: None) -> Path:
    monkeypatch.chdir(tmp_path)
    return checkpoint_folders.fill(Path("checkpoints"), 10)


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe:
        yield pipe


Talk = Callable[..., tuple[Decision, Screen]]


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch, keys: PipeInput, folder: Path) -> Talk:
    """Holds the dialogue with these keys, in a terminal of this language and width; nothing is touched by it."""

    def hold(
        typed: str,
        lang: Language = "zh",
        columns: int = 100,
        look: Callable[[Screen], None] = lambda _: None,
        folder: Path = folder,
    ) -> tuple[Decision, Screen]:
        set_language(lang)
        screen = Screen(columns)
        keys.send_text(typed)
        before = checkpoint_folders.snapshot(folder)
        output = Vt100_Output(screen, lambda: Size(rows=80, columns=columns), term="xterm-256color")
        with monkeypatch.context() as patch, create_app_session(input=keys, output=output):
            patch.setattr(sys, "stdout", screen)
            decision = hold_dialogue(folder, "menu", lambda: look(screen))
        assert checkpoint_folders.snapshot(folder) == before
        return decision, screen

    return hold


def test_the_menu_is_the_contracts(talk: Talk) -> None:
    seen: list[list[str]] = []
    talk("q\r", look=lambda screen: seen.append(screen.lines()))
    (lines,) = seen
    rule = "=" * 60
    assert lines[:8] == [
        rule,
        "检测到已存在的训练 checkpoint 文件",
        rule,
        "",
        "训练数据: Data/images, Data/gt",
        "找到 13 个 checkpoint 文件:",
        "",
        "可用的 checkpoint:",
    ]
    assert [line.split("  已完成")[0].rstrip() for line in lines[8:16]] == [
        "> [1] latest_checkpoint.pth (最新)",
        "  [2] interrupted_checkpoint.pth (中断保存)",
        "  [3] best_model.pth (最佳模型)",
        "  [4] checkpoint_epoch_*.pth (共 10 个)",
        "",
        "  [N] 重新开始训练 (清空所有 checkpoint)",
        "  [Q] 退出程序",
        "",
    ]
    assert lines[16] == "请选择 [1-4/N/Q]: 1"


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_line_of_the_menu_wraps_and_the_menu_stays_once_with_the_answer(
    talk: Talk, lang: Language, columns: int
) -> None:
    decision, screen = talk("q\r", lang, columns)
    assert isinstance(decision, Quit)
    assert screen.lines()[16] == f"{ASKS[lang]} Q"
    assert [line[2:5] for line in screen.lines()[8:15]] == ["[1]", "[2]", "[3]", "[4]", "", "[N]", "[Q]"]
    assert screen.text().count("[N]") == 1
    assert screen.shows_cursor()


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("\r", "latest_checkpoint.pth"),
        ("2\r", "interrupted_checkpoint.pth"),
        (f"{DOWN}{DOWN}\r", "best_model.pth"),
        ("4\r", "checkpoint_epoch_10.pth"),
    ],
)
def test_a_choice_is_echoed_by_its_file_name(talk: Talk, typed: str, name: str) -> None:
    decision, screen = talk(typed)
    assert isinstance(decision, Resume)
    assert decision.path == Path("checkpoints", name)
    assert screen.text().endswith(f"您选择了: {name}\n将使用 checkpoint: {name}")


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        (
            "zh",
            [
                "您选择了重新开始训练。",
                "找到 16 个文件 (其中 13 个 checkpoint 文件):",
                "  - checkpoint_epoch_10.pth",
                "保留 (非本程序文件): mine.pth",
                "确认要清空所有 checkpoint 文件吗？(y/n): y",
                "检查通过后删除。",
            ],
        ),
        (
            "en",
            [
                "You chose to start over.",
                "Found 16 files (13 checkpoint files):",
                "  - checkpoint_epoch_10.pth",
                "Kept (not of this program): mine.pth",
                "Delete all checkpoint files? (y/n): y",
                "They will be deleted once all checks have passed.",
            ],
        ),
    ],
)
def test_n_shows_the_list_before_its_question_and_y_typed_ahead_answers_it(
    talk: Talk, folder: Path, lang: Language, expected: list[str]
) -> None:
    (folder / "mine.pth").write_bytes(b"mine")
    decision, screen = talk("n\ry\r", lang)
    assert isinstance(decision, StartOver)
    lines = iter(screen.lines())
    assert all(line in lines for line in expected), screen.text()  # in this order


@pytest.mark.parametrize("answer", ["n\r", "no\r", "\r", "maybe\r"])
def test_n_then_anything_but_yes_returns_to_the_menu(talk: Talk, answer: str) -> None:
    decision, screen = talk(f"N\r{answer}q\r")
    assert isinstance(decision, Quit)
    assert screen.text().count(ASKS["zh"]) == 2


@pytest.mark.parametrize("typed", [ESCAPE, "\x04", "\x03", "Q\r"], ids=["Esc", "Ctrl+D", "Ctrl+C", "Q"])
def test_each_key_that_leaves_the_menu_quits(talk: Talk, typed: str) -> None:
    decision, screen = talk(typed)
    assert isinstance(decision, Quit)
    assert screen.text().endswith(f"{ASKS['zh']} Q")


@pytest.mark.parametrize("key", ["\x04", "\x03"], ids=["Ctrl+D", "Ctrl+C"])  # test_prompt.py has Esc, which takes time
def test_each_key_that_leaves_the_confirmation_quits(talk: Talk, key: str) -> None:
    decision, screen = talk(f"n\r{key}")
    assert isinstance(decision, Quit)
    assert "(y/n):" in screen.text()


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process that is sent SIGINT")
def test_a_sigint_that_another_process_sends_leaves_the_menu(talk: Talk) -> None:
    decision, screen = talk("", look=lambda _: os.kill(os.getpid(), signal.SIGINT))
    assert isinstance(decision, Quit)
    assert screen.text().endswith(f"{ASKS['zh']} Q")


def test_a_damaged_checkpoint_is_shown_with_its_reason_and_cannot_be_chosen(talk: Talk, folder: Path) -> None:
    checkpoint_folders.damage(folder / "interrupted_checkpoint.pth")
    decision, screen = talk("2\r1\r")
    assert "[2] interrupted_checkpoint.pth (中断保存)  已损坏: 文件不完整" in screen.text()
    assert isinstance(decision, Resume)
    assert decision.path.name == "latest_checkpoint.pth"


def test_a_thousand_epoch_files_are_listed_in_one_screen(talk: Talk) -> None:
    first = checkpoint_folders.save(Path("many/checkpoint_epoch_1.pth"), 1)
    for epoch in range(2, 1_001):
        Path(f"many/checkpoint_epoch_{epoch}.pth").hardlink_to(first)
    decision, screen = talk("n\ry\r", folder=Path("many"))
    assert isinstance(decision, StartOver)
    assert "[1] checkpoint_epoch_*.pth (共 1000 个)" in screen.text()
    assert "请选择 [1/N/Q]: N" in screen.text()
    assert "找到 1000 个 checkpoint 文件:" in screen.text()
    assert "  - checkpoint_epoch_{21-1000}.pth (980)" in screen.text()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--checkpoint_dir=new"], "未找到任何 checkpoint 文件，将开始新的训练。"),
        (["--resume", "best"], ""),
        (["--no_interactive"], ""),
    ],
    ids=["first run", "checkpoint", "no_interactive"],
)
def test_a_first_run_and_flags_that_decide_ask_nobody_at_a_terminal(
    monkeypatch: pytest.MonkeyPatch, argv: list[str], said: str
) -> None:
    screen = Screen(100)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stdin", Screen(100))
    monkeypatch.setattr("resume.menu.dialogue.hold_dialogue", lambda *_: pytest.fail("somebody is asked"))
    choose(read_arguments(["--lang=zh", *argv]))
    assert screen.text() == said
