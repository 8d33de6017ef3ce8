"""The whole program in a terminal, from the menu to the trained network. The menu itself: tests/resume/menu."""

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import train
from tests.helpers.foreign import save_run, settings_with
from tests.helpers.launches import TWO
from tests.helpers.tiny_run import TINY, Run, contents

termios: ModuleType = pytest.importorskip("termios", reason="Windows has no pseudo-terminal that pexpect can drive")
pytest.importorskip("pexpect")
pytest.importorskip("pyte")

from tests.helpers.pseudo_terminal import Terminal  # noqa: E402 - only where it can be imported

pytestmark = pytest.mark.terminal

Start = Callable[..., Terminal]
ASKS, CONFIRMS = "请选择 [1-3/N/Q]:", "确认要清空所有 checkpoint 文件吗？(y/n):"


@pytest.fixture
def start(trained: Run) -> Iterator[Start]:
    """Starts train.py in a terminal, in a folder with a run of two epochs."""
    begun: list[Terminal] = []

    def begin(*argv: str) -> Terminal:
        begun.append(Terminal(Path(train.__file__), ["--lang=zh", *argv]))
        return begun[-1]

    yield begin
    for terminal in begun:
        terminal.close()


def is_as_it_was_found(terminal: Terminal) -> bool:
    """Whether the terminal shows its cursor, and echoes and edits lines as a shell expects it."""
    mode = termios.tcgetattr(terminal.process.child_fd)[3]
    return not terminal.screen.cursor.hidden and bool(mode & termios.ICANON) and bool(mode & termios.ECHO)


def test_1_resumes_the_run_and_closing_the_terminal_saves_it(start: Start) -> None:
    program = start("--max_epochs=100000")
    program.wait_for(ASKS)
    program.send("1\r")
    program.wait_for("轮次 4/")
    for line in (
        "您选择了: latest_checkpoint.pth",
        "将使用 checkpoint: latest_checkpoint.pth",
        "Loading checkpoint from checkpoints/latest_checkpoint.pth...",
        "Checkpoint loaded from checkpoints/latest_checkpoint.pth",
        "Resuming training from epoch 3/100000",
    ):
        assert line in program.text(), program.text()
    assert program.hang_up() == 128 + signal.SIGHUP
    assert Path("checkpoints/interrupted_checkpoint.pth").exists()
    assert Path("checkpoints/checkpoint_epoch_3.pth").exists()


def test_n_and_y_delete_the_old_run_and_train_a_new_one(start: Start) -> None:
    before = contents()
    program = start(*TINY, "--max_epochs=1")
    program.wait_for(ASKS)
    program.send("N\r")
    program.wait_for(CONFIRMS)
    program.send("y\r")
    assert program.finish() == 0
    text = program.text()
    lines = ("检查通过后删除。", "新的训练首次保存后将删除 8 个文件。", "开始新的训练...", "已删除 8 个文件/目录。")
    assert sorted(lines, key=text.index) == list(lines)
    assert "训练完成，共 1 个 epoch。" in text
    assert "checkpoints/checkpoint_epoch_2.pth" not in contents()
    assert contents()["checkpoints/latest_checkpoint.pth"] != before["checkpoints/latest_checkpoint.pth"]
    assert is_as_it_was_found(program)


@pytest.mark.slow
def test_a_mistake_after_n_and_y_that_were_typed_before_the_menu_deletes_nothing_and_says_so(start: Start) -> None:
    before = contents()
    program = start(*TINY, "--model.network.out_channels=7")
    program.send("n\ry\r")
    assert program.finish() == 2
    assert "7" in program.text().partition("检查通过后删除。")[2]
    assert "未删除任何文件。" in program.text()
    assert contents() == before


def test_leaving_the_menu_during_the_imports_leaves_no_traceback_and_changes_nothing(start: Start) -> None:
    before = contents()
    program = start()
    program.wait_for(ASKS)
    program.send("q\r")
    assert program.finish() == 0
    assert "Traceback" not in program.text()
    assert contents() == before


def test_a_signal_at_the_menu_leaves_the_terminal_as_it_was_found_and_changes_nothing(start: Start) -> None:
    before = contents()
    program = start()
    program.wait_for(ASKS)
    program.process.kill(signal.SIGTERM)
    assert program.finish() == 128 + signal.SIGTERM
    assert is_as_it_was_found(program)
    assert "Traceback" not in program.text()
    assert contents() == before


def test_files_that_change_between_the_question_and_the_deletion_stop_everything(
    trained: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a console that passes whole lines, so that no process has to be started."""
    before: list[dict[str, bytes]] = []

    def answer(prompt: str) -> str:
        if "(y/n)" not in prompt:
            return "n"
        Path("checkpoints/checkpoint_epoch_1.pth").write_bytes(b"another training writes here")
        before.append(contents())
        return "y"

    monkeypatch.setenv("PYCHARM_HOSTED", "1")
    monkeypatch.setattr("builtins.input", answer)
    assert trained(*TINY, "--max_epochs=1") == 2
    assert "checkpoint_epoch_1.pth" in capsys.readouterr().err
    assert contents() == before[0]


@pytest.mark.slow
def test_with_two_processes_the_menu_is_asked_once_and_ctrl_c_saves_once(start: Start) -> None:
    program = start(*TWO, "--max_epochs=100000")
    program.wait_for(ASKS)
    assert "checkpoints/latest_checkpoint.pth" not in program.text()
    program.send("1\r")
    program.wait_for("轮次 4/")
    program.send("\x03")
    assert program.finish() == 128 + signal.SIGINT
    text = program.text()
    once = ["请选择", "Loading checkpoint from", "Resuming training from", "轮次 3/", "当前步完成后停止并保存"]
    for said in once:
        assert text.count(said) == 1, (said, text)
    assert "Traceback" not in text
    assert Path("checkpoints/interrupted_checkpoint.pth").exists()


def test_after_1_a_network_from_elsewhere_is_asked_about_and_n_leaves(start: Start) -> None:
    shutil.rmtree("checkpoints")
    network = {"class_path": "third.party.Net"}
    save_run(Path("checkpoints"), settings_with({"model/network": network}))
    before = contents()
    program = start()
    program.wait_for("请选择 [1-2/N/Q]:")
    program.send("1\r")
    program.wait_for("您信任该文件的作者吗？(y/n):")
    assert "model.network: third.party.Net (没有这个模块)" in program.text()
    program.send("n\r")
    assert program.finish() == 0
    assert contents() == before
    assert is_as_it_was_found(program)
