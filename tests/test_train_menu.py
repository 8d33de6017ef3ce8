"""The whole program in a terminal, from the menu to the trained network."""

import signal
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import train
from tests.helpers.launches import TWO
from tests.helpers.pictures import draw_pairs
from tests.helpers.pseudo_terminal import Terminal
from tests.helpers.tiny_run import PATHS, TINY

pytestmark = pytest.mark.terminal

Start = Callable[..., Terminal]


@pytest.fixture(autouse=True)
def _an_earlier_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw_pairs(tmp_path / "Data", 12)
    assert train.main(["--no_interactive", *PATHS, *TINY, "--max_epochs=2"]) == 0


@pytest.fixture
def start() -> Iterator[Start]:
    begun: list[Terminal] = []

    def begin(*argv: str) -> Terminal:
        begun.append(Terminal(Path(train.__file__), ["--lang=zh", *argv]))
        return begun[-1]

    yield begin
    for terminal in begun:
        terminal.close()


def files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path("checkpoints").iterdir()}


def test_1_resumes_and_the_run_goes_on(start: Start) -> None:
    program = start("--max_epochs=3")
    program.wait_for("请选择 [1-3/N/Q]:")
    program.send("1\r")
    assert program.finish() == 0
    text = program.text()
    for line in (
        "您选择了: latest_checkpoint.pth",
        "将使用 checkpoint: latest_checkpoint.pth",
        "Loading checkpoint from checkpoints/latest_checkpoint.pth...",
        "Checkpoint loaded from checkpoints/latest_checkpoint.pth",
        "Resuming training from epoch 3/3",
        "训练完成，共 3 个 epoch。",
    ):
        assert line in text, text
    assert "checkpoint_epoch_3.pth" in files()


def test_n_and_y_delete_the_old_run_and_train_a_new_one(start: Start) -> None:
    before = files()
    program = start(*TINY, "--max_epochs=1")
    program.wait_for("请选择")
    program.send("N\r")
    program.wait_for("(y/n):")
    program.send("y\r")
    assert program.finish() == 0
    text = program.text()
    assert text.index("检查通过后删除。") < text.index("已删除 7 个文件") < text.index("开始新的训练...")
    assert "checkpoint_epoch_2.pth" not in files()
    assert files()["latest_checkpoint.pth"] != before["latest_checkpoint.pth"]


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        ("--trainer.max_epoch=3", "max_epoch"),
        ("--image_path=Data/pictures", "Data/pictures"),
        ("--model.network.out_channels=7", "7"),
        ("--checkpoint.keep_last=-1", "keep_last"),
    ],
)
def test_a_mistake_after_n_and_y_deletes_nothing_and_says_so(start: Start, mistake: str, named: str) -> None:
    before = files()
    program = start(*TINY, mistake)
    program.wait_for("请选择")
    program.send("n\r")
    program.wait_for("(y/n):")
    program.send("y\r")
    assert program.finish() == 2
    assert named in program.text()
    assert "未删除任何文件。" in program.text()
    assert files() == before


def test_files_that_change_between_the_question_and_the_deletion_stop_everything(start: Start) -> None:
    program = start(*TINY, "--max_epochs=1")
    program.wait_for("请选择")
    program.send("n\r")
    program.wait_for("(y/n):")
    Path("checkpoints/checkpoint_epoch_1.pth").write_bytes(b"another training writes here")
    before = files()
    program.send("y\r")
    assert program.finish() == 2
    assert files() == before


@pytest.mark.parametrize("keys", ["q\r", "Q\r", "\x03", "\x04", "\x1b"])
def test_leaving_the_menu_ends_the_program_with_no_trace_of_the_imports(start: Start, keys: str) -> None:
    before = files()
    program = start()
    program.wait_for("请选择")
    program.send(keys)
    assert program.finish() == 0
    assert "Traceback" not in program.text()
    assert files() == before


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_the_menu_leaves_the_terminal_as_it_was(start: Start, signum: signal.Signals) -> None:
    before = files()
    program = start()
    program.wait_for("请选择")
    program.process.kill(signum)
    assert program.finish() == 128 + signum
    mode = termios.tcgetattr(program.process.child_fd)[3]
    assert mode & termios.ICANON
    assert mode & termios.ECHO
    assert "Traceback" not in program.text()
    assert files() == before


def test_closing_the_terminal_saves_the_run(start: Start) -> None:
    program = start("--ckpt_path=latest", "--max_epochs=100000")
    program.wait_for("Epoch 4/")
    assert program.hang_up() == 128 + signal.SIGHUP
    assert "interrupted_checkpoint.pth" in files()


def test_with_two_processes_the_menu_is_asked_once_and_ctrl_c_saves_once(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pseudo_terminal.PATIENCE", 60.0)  # the second process imports everything too
    program = start(*TWO, "--max_epochs=100000")
    program.wait_for("请选择 [1-3/N/Q]:")
    assert "checkpoints/latest_checkpoint.pth" not in program.text()
    program.send("1\r")
    program.wait_for("Epoch 4/")
    program.send("\x03")
    assert program.finish() == 128 + signal.SIGINT
    text = program.text()
    once = ["请选择", "Loading checkpoint from", "Resuming training from", "Epoch 3/", "将在完成当前步后停止并保存"]
    for said in once:
        assert text.count(said) == 1, (said, text)
    assert "Traceback" not in text
    assert "interrupted_checkpoint.pth" in files()
