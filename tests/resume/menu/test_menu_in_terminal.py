"""The stage before Lightning as a process in a pseudo-terminal; asserted is the screen that a user sees."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers import checkpoint_folders

termios = pytest.importorskip("termios", reason="Windows has no pseudo-terminal that pexpect can drive")
pytest.importorskip("pexpect")
pytest.importorskip("pyte")

from tests.helpers.pseudo_terminal import Terminal  # noqa: E402 - only where it can be imported

pytestmark = pytest.mark.terminal

DRIVE = Path(__file__).parents[2] / "helpers" / "drive_menu.py"
ESCAPE, DOWN = "\x1b", "\x1b[B"

Start = Callable[..., Terminal]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return checkpoint_folders.fill(Path("checkpoints"), 10)


@pytest.fixture
def start() -> Iterator[Start]:
    begun: list[Terminal] = []

    def begin(*argv: str, lang: str = "zh", **settings: str | int) -> Terminal:
        terminal = Terminal(DRIVE, [f"--lang={lang}", *argv], **settings)  # type: ignore[arg-type]
        begun.append(terminal)
        return terminal

    yield begin
    for terminal in begun:
        terminal.process.close(force=True)


ASKS = {"zh": "请选择 [1-4/N/Q]:", "en": "Your choice [1-4/N/Q]:"}
CONFIRMS = {"zh": "确认要清空所有 checkpoint 文件吗？(y/n):", "en": "Delete all checkpoint files? (y/n):"}

SAID_AFTER_N_AND_Y = {
    "zh": [
        "您选择了重新开始训练。",
        "找到 16 个文件 (其中 13 个 checkpoint 文件):",
        "  - checkpoint_epoch_10.pth",
        "保留 (非本程序文件): mine.pth",
        "确认要清空所有 checkpoint 文件吗？(y/n): y",
        "检查通过后删除。",
        "已删除 16 个文件/目录。",
        "开始新的训练...",
    ],
    "en": [
        "You chose to start over.",
        "Found 16 files (13 checkpoint files):",
        "  - checkpoint_epoch_10.pth",
        "Kept (not of this program): mine.pth",
        "Delete all checkpoint files? (y/n): y",
        "They will be deleted once all checks have passed.",
        "Deleted 16 files.",
        "Starting a new run...",
    ],
}


def test_the_menu_is_the_contracts(start: Start) -> None:
    terminal = start()
    terminal.wait_for(ASKS["zh"])
    lines = terminal.lines()
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
    starts = [line.split("  已完成")[0].rstrip() for line in lines[8:16]]
    assert starts == [
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


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_of_the_menu_wraps(start: Start, lang: str, columns: int) -> None:
    terminal = start(lang=lang, columns=columns)
    terminal.wait_for(ASKS[lang])
    terminal.send("q\r")
    assert terminal.finish() == 0
    # Printed by Enter: there, a line too long for the terminal would go on in the next one.
    assert terminal.lines()[16] == f"{ASKS[lang]} Q"
    numbered = [line[2:5] for line in terminal.lines()[8:15]]
    assert numbered == ["[1]", "[2]", "[3]", "[4]", "", "[N]", "[Q]"]


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ("\r", "latest_checkpoint.pth"),
        ("2\r", "interrupted_checkpoint.pth"),
        (f"{DOWN}{DOWN}\r", "best_model.pth"),
        ("4\r", "checkpoint_epoch_10.pth"),
    ],
)
def test_a_choice_is_echoed_by_its_file_name(start: Start, keys: str, name: str) -> None:
    terminal = start()
    terminal.wait_for(ASKS["zh"])
    terminal.send(keys)
    assert terminal.finish() == 0
    assert f"您选择了: {name}\n将使用 checkpoint: {name}\n" in terminal.text()
    assert f"DECISION Resume checkpoints/{name}" in terminal.text()
    assert terminal.text().count("[N]") == 1  # the menu stays once, with the answer


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_n_and_y_delete_the_list_that_was_shown(start: Start, folder: Path, lang: str) -> None:
    (folder / "mine.pth").write_bytes(b"mine")
    terminal = start(lang=lang)
    terminal.wait_for(ASKS[lang])
    terminal.send("n\r")
    terminal.wait_for(CONFIRMS[lang])
    terminal.send("y\r")
    assert terminal.finish() == 0
    lines = iter(terminal.lines())
    assert all(line in lines for line in SAID_AFTER_N_AND_Y[lang]), terminal.text()  # in this order
    assert [path.name for path in folder.iterdir()] == ["mine.pth"]


def test_a_check_that_fails_after_n_and_y_deletes_nothing(start: Start, folder: Path) -> None:
    before = checkpoint_folders.snapshot(folder)
    terminal = start(CHECK_FAILS="1")
    terminal.wait_for(ASKS["zh"])
    terminal.send("n\ry\r")
    assert terminal.finish() == 2
    assert terminal.text().endswith("DECISION StartOver\n未删除任何文件。")
    assert checkpoint_folders.snapshot(folder) == before


@pytest.mark.parametrize("answer", ["n", "no", "", "maybe"])
def test_n_then_anything_but_yes_returns_to_the_menu(start: Start, folder: Path, answer: str) -> None:
    before = checkpoint_folders.snapshot(folder)
    terminal = start()
    terminal.wait_for(ASKS["zh"])
    terminal.send("N\r")
    terminal.wait_for(CONFIRMS["zh"])
    terminal.send(f"{answer}\r")
    terminal.read_until(lambda: terminal.text().count(ASKS["zh"]) == 2)
    terminal.send("q\r")
    assert terminal.finish() == 0
    assert "DECISION Quit" in terminal.text()
    assert checkpoint_folders.snapshot(folder) == before


@pytest.mark.parametrize("keys", ["q\r", "Q\r", ESCAPE, "\x04", "\x03"])
def test_leaving_changes_nothing_and_shows_no_traceback(start: Start, folder: Path, keys: str) -> None:
    before = checkpoint_folders.snapshot(folder)
    terminal = start()
    terminal.wait_for(ASKS["zh"])
    terminal.send(keys)
    assert terminal.finish() == 0
    assert terminal.text().endswith(f"{ASKS['zh']} Q\nDECISION Quit")
    assert checkpoint_folders.snapshot(folder) == before


@pytest.mark.parametrize("keys", [ESCAPE, "\x04", "\x03"])
def test_leaving_at_the_confirmation_changes_nothing(start: Start, folder: Path, keys: str) -> None:
    before = checkpoint_folders.snapshot(folder)
    terminal = start()
    terminal.wait_for(ASKS["zh"])
    terminal.send("n\r")
    terminal.wait_for(CONFIRMS["zh"])
    terminal.send(keys)
    assert terminal.finish() == 0
    assert "DECISION Quit" in terminal.text()
    assert checkpoint_folders.snapshot(folder) == before


def test_a_signal_like_ctrl_c_leaves(start: Start, folder: Path) -> None:
    terminal = start()
    terminal.wait_for(ASKS["zh"])
    terminal.process.kill(signal.SIGINT)
    assert terminal.finish() == 0
    assert "DECISION Quit" in terminal.text()


@pytest.mark.parametrize("waits", [True, False], ids=["at the menu", "before it stands"])
def test_answers_typed_ahead_go_to_their_own_questions(start: Start, folder: Path, waits: bool) -> None:
    terminal = start()
    if waits:
        terminal.wait_for(ASKS["zh"])
    terminal.send("n\ry\r")
    assert terminal.finish() == 0
    assert "DECISION StartOver" in terminal.text()
    assert not any(folder.iterdir())


def test_a_damaged_checkpoint_is_shown_with_its_reason_and_cannot_be_chosen(start: Start, folder: Path) -> None:
    checkpoint_folders.damage(folder / "interrupted_checkpoint.pth")
    terminal = start()
    terminal.wait_for(ASKS["zh"])
    assert "[2] interrupted_checkpoint.pth (中断保存)  已损坏: 文件不完整" in terminal.text()
    terminal.send("2\r")
    terminal.read_until(lambda: terminal.lines()[16] == ASKS["zh"])
    terminal.send("1\r")
    assert terminal.finish() == 0
    assert "DECISION Resume checkpoints/latest_checkpoint.pth" in terminal.text()


def test_an_older_checkpoint_moves_the_later_files(start: Start, folder: Path) -> None:
    terminal = start()
    terminal.wait_for(ASKS["zh"])
    terminal.send("3\r")
    assert terminal.finish() == 0
    assert "已将本次训练中较新的 10 个文件移至 checkpoints/archive/" in terminal.text()
    assert (folder / "checkpoint_epoch_2.pth").exists()
    assert (folder / "latest_checkpoint.pth").samefile(folder / "best_model.pth")


def test_only_one_kind_has_one_number(start: Start, tmp_path: Path) -> None:
    checkpoint_folders.save(Path("one/best_model.pth"), 3)
    terminal = start("--checkpoint_dir=one")
    terminal.wait_for("请选择 [1/N/Q]: 1")
    assert "找到 1 个 checkpoint 文件:" in terminal.text()


def test_ten_thousand_epoch_files_are_listed_in_one_screen(start: Start) -> None:
    first = checkpoint_folders.save(Path("many/checkpoint_epoch_1.pth"), 1)
    for epoch in range(2, 10_001):
        Path(f"many/checkpoint_epoch_{epoch}.pth").hardlink_to(first)
    terminal = start("--checkpoint_dir=many")
    terminal.wait_for("[1] checkpoint_epoch_*.pth (共 10000 个)")
    terminal.send("n\r")
    terminal.wait_for(CONFIRMS["zh"])
    assert "找到 10000 个 checkpoint 文件:" in terminal.text()
    assert "  - checkpoint_epoch_{21-10000}.pth (9980)" in terminal.text()


def test_a_first_run_asks_nothing(start: Start) -> None:
    terminal = start("--checkpoint_dir=new")
    assert terminal.finish() == 0
    lines = [line for line in terminal.lines() if line]
    assert lines == ["未找到任何 checkpoint 文件，将开始新的训练。", "DECISION Fresh", "开始新的训练..."]


@pytest.mark.parametrize("argv", [["--resume", "best"], ["--no_interactive"]])
def test_flags_that_decide_ask_nothing(start: Start, argv: list[str]) -> None:
    terminal = start(*argv)
    assert terminal.finish() == 0
    assert ASKS["zh"] not in terminal.text()


def test_the_terminal_is_left_as_it_was_found(start: Start) -> None:
    terminal = start()
    terminal.wait_for(ASKS["zh"])
    terminal.send("1\r")
    terminal.finish()
    assert not terminal.screen.cursor.hidden
    local_modes = termios.tcgetattr(terminal.process.child_fd)[3]
    assert local_modes & termios.ICANON
    assert local_modes & termios.ECHO


def test_an_emulated_srun_pty_gets_the_menu(start: Start) -> None:
    environ = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
    start(**environ).wait_for(ASKS["zh"])


def test_a_job_in_the_background_is_not_asked(tmp_path: Path) -> None:
    launcher = tmp_path / "launcher.py"
    launcher.write_text(
        "import subprocess, sys\nsys.exit(subprocess.run([sys.executable, *sys.argv[1:]], process_group=0).returncode)",
        encoding="utf-8",
    )
    terminal = Terminal(launcher, [str(DRIVE), "--lang=en"])
    assert terminal.finish() == 0
    assert "No menu (a job in the background); continuing as with --no_interactive." in terminal.text()


def test_a_child_of_a_launch_in_a_terminal_is_not_asked(start: Start) -> None:
    terminal = start(WORLD_SIZE="2", RANK="0", LOCAL_RANK="0")
    assert terminal.finish() == 0
    assert "不进行询问，与 --no_interactive 相同: 这是多进程启动中的一个进程" in terminal.text()
