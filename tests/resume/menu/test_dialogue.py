import io
import os
import sys
from pathlib import Path

import pytest

from resume import Fresh, Quit, Resume, ResumeError, StartOver, choose, read_arguments
from resume.decision import Decision
from resume.menu.dialogue import hold_dialogue
from resume.run_files import LOCK
from resume.system.launch_info import Launch
from resume.system.lock import FolderLock
from resume.system.output import set_language
from tests.helpers import checkpoint_folders


@pytest.fixture(autouse=True)
def _in_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_language("en")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder() -> Path:
    return checkpoint_folders.fill(Path("checkpoints"))


def hold(monkeypatch: pytest.MonkeyPatch, folder: Path, *lines: str) -> Decision:
    """The dialogue with these answers; it touches nothing, whatever they are."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    before = checkpoint_folders.snapshot(folder)
    decision = hold_dialogue(folder, "lines")
    assert checkpoint_folders.snapshot(folder) == before
    return decision


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("1", "latest_checkpoint.pth"),
        ("2", "interrupted_checkpoint.pth"),
        ("3", "best_model.pth"),
        ("4", "checkpoint_epoch_3.pth"),
    ],
)
def test_a_number_resumes_and_is_echoed_by_the_files_name(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str], key: str, name: str
) -> None:
    decision = hold(monkeypatch, folder, key)
    assert isinstance(decision, Resume)
    assert decision.path == folder / name
    assert f"\nYou chose: {name}\nCheckpoint to be used: {name}\n" in capsys.readouterr().out


@pytest.mark.parametrize("answer", ["y", "Y", "yes", " YES "])
def test_n_then_yes_is_the_list_that_was_shown(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str], answer: str
) -> None:
    checkpoint_folders.save(folder / "renamed.pth", 2)
    (folder / "mine.pth").write_bytes(b"mine")
    (folder / "notes.txt").write_bytes(b"mine")
    decision = hold(monkeypatch, folder, "n", answer)
    assert isinstance(decision, StartOver)
    out = capsys.readouterr().out
    assert {file.name for file in decision.files} == {
        line.removeprefix("  - ") for line in out.splitlines() if line.startswith("  - ")
    }
    assert {path.name for path in folder.iterdir()} - {file.name for file in decision.files} == {
        "mine.pth",
        "notes.txt",
    }
    assert "Found 10 files (6 checkpoint files):" in out
    assert "Kept (not of this program): mine.pth" in out
    assert out.index("  - latest") < out.index("Delete all checkpoint files?")
    assert "They will be deleted once all checks have passed." in out


@pytest.mark.parametrize("answer", ["n", "no", "", "yess", "j", "1"])
def test_n_then_anything_else_returns_to_the_menu(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str], answer: str
) -> None:
    decision = hold(monkeypatch, folder, "n", answer, "1")
    assert isinstance(decision, Resume)
    assert capsys.readouterr().out.count("Available checkpoints:") == 2


@pytest.mark.parametrize("lines", [["q"], [], ["n"], ["n", "no"]])
def test_q_and_the_end_of_input_leave(monkeypatch: pytest.MonkeyPatch, folder: Path, lines: list[str]) -> None:
    assert hold(monkeypatch, folder, *lines) == Quit(folder)


def test_a_name_typed_as_the_wrong_kind_of_torch_file_is_kept(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    checkpoint_folders.write_zip(folder / "resnet.pth", {"state_dict": {}})
    checkpoint_folders.damage(checkpoint_folders.save(folder / "half.pth", 2))
    decision = hold(monkeypatch, folder, "n", "y")
    assert isinstance(decision, StartOver)
    assert not {"resnet.pth", "half.pth"} & {file.name for file in decision.files}


def test_lightnings_own_files_of_a_cluster_count_if_this_program_made_them(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint_folders.save(folder / "hpc_ckpt_1.ckpt", 2)
    checkpoint_folders.write_zip(folder / "hpc_ckpt_2.ckpt", {"state_dict": {}})
    decision = hold(monkeypatch, folder, "n", "y")
    assert isinstance(decision, StartOver)
    assert [file.name for file in decision.files if file.name.startswith("hpc")] == ["hpc_ckpt_1.ckpt"]
    assert "Kept (not of this program): hpc_ckpt_2.ckpt" in capsys.readouterr().out


def test_many_kept_files_are_named_up_to_twenty(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(30):
        (folder / f"mine{number:02}.pth").write_bytes(b"mine")
    hold(monkeypatch, folder, "n", "y")
    assert "mine18.pth, mine19.pth, ...\n" in capsys.readouterr().out


def test_a_folder_emptied_while_a_question_was_open_starts_afresh(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    def empty_the_folder(_prompt: str) -> str:
        for path in folder.iterdir():
            path.unlink()
        return "n"

    monkeypatch.setattr("builtins.input", empty_the_folder)
    assert hold_dialogue(folder, "lines") == Fresh(folder)


def pointed_at_first(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    seen: list[str] = []

    def note(_shown: object, key: str, _on_waiting: object) -> str:
        seen.append(key)
        return "Q"

    monkeypatch.setattr("resume.menu.console.ask", note)
    hold_dialogue(folder, "lines")
    return seen[0]


@pytest.mark.parametrize(
    ("epoch", "damaged", "pointed"),
    [
        (3, (), "1"),  # latest is further
        (4, (), "2"),  # the interruption is further
        (4, ("interrupted_checkpoint.pth",), "1"),
        (3, ("latest_checkpoint.pth",), "2"),
        (3, ("latest_checkpoint.pth", "interrupted_checkpoint.pth"), "4"),
    ],
)
def test_the_pointer_is_on_what_is_further(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    epoch: int,
    damaged: tuple[str, ...],
    pointed: str,
) -> None:
    checkpoint_folders.save(folder / "interrupted_checkpoint.pth", epoch, batch=4)
    for name in damaged:
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / name).write_bytes(content[:40])
    assert pointed_at_first(monkeypatch, folder) == pointed


def test_the_pointer_is_on_quit_where_nothing_is_sound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    checkpoint_folders.damage(checkpoint_folders.save(folder / "latest_checkpoint.pth", 3))
    assert pointed_at_first(monkeypatch, folder) == "Q"


def test_what_waits_for_the_menu_begins_once_however_often_it_is_shown(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    begun: list[str] = []
    monkeypatch.setattr("sys.stdin", io.StringIO("n\nno\nn\nno\nq\n"))
    hold_dialogue(folder, "lines", lambda: begun.append("imports"))
    assert begun == ["imports"]


def test_a_choice_that_changed_while_the_menu_stood_leads_back_to_the_menu(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(["1", "3"])

    def train_on_and_answer(_prompt: str) -> str:
        checkpoint_folders.save(folder / "new.tmp", 4).replace(folder / "latest_checkpoint.pth")
        return next(answers)

    monkeypatch.setattr("builtins.input", train_on_and_answer)
    decision = hold_dialogue(folder, "lines")
    assert isinstance(decision, Resume)
    assert decision.path.name == "best_model.pth"
    out = capsys.readouterr().out
    assert f"{folder / 'latest_checkpoint.pth'} has changed since it was shown." in out
    assert "You chose: latest" not in out
    assert out.count("Available checkpoints:") == 2


def test_the_menu_warns_above_its_entries_when_the_folder_is_in_use(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FolderLock(folder / LOCK) as lock:
        lock.take()
        assert isinstance(hold(monkeypatch, folder, "1"), Resume)
    said = capsys.readouterr().out
    assert said.index("checkpoints is in use by process") < said.index("Found 6 checkpoint files:")
    hold(monkeypatch, folder, "q")
    assert "in use" not in capsys.readouterr().out


def test_after_a_choice_in_a_folder_that_is_in_use_the_start_ends(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr(sys.modules["resume.choose"], "audience", lambda _: ("lines", ""))
    with FolderLock(folder / LOCK) as lock:
        lock.take()
        for answers in ("1\n", "n\ny\n"):
            monkeypatch.setattr("sys.stdin", io.StringIO(answers))
            with pytest.raises(ResumeError, match="in use"):
                choose(read_arguments(["--lang=en"], Launch.from_environment()))
        monkeypatch.setattr("sys.stdin", io.StringIO("q\n"))
        assert choose(read_arguments(["--lang=en"], Launch.from_environment())) == Quit(folder)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_in_the_lists_of_deleted_and_of_kept_files_cannot_pass_for_other_names(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint_folders.save(folder / "mine\n  - not_mine.pth", 1)
    (folder / "\x1b[2Jforeign.pth").write_bytes(b"")
    decision = hold(monkeypatch, folder, "n", "y")
    lines = capsys.readouterr().out.splitlines()
    assert "  - mine\\n  - not_mine.pth" in lines
    assert "Kept (not of this program): \\x1b[2Jforeign.pth" in lines
    assert isinstance(decision, StartOver)
    assert "mine\n  - not_mine.pth" in [file.name for file in decision.files]
