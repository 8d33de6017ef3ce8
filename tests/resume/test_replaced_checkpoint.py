"""A save was killed while it replaced a folder of shards: `choose` leaves everything as it is, and `apply` repairs."""

import io
from pathlib import Path

import pytest

from resume import Fresh, Quit, Resume, ResumeError, StartOver, choose, read_arguments
from resume.decision import Decision
from resume.disk_space import require_space
from resume.menu.dialogue import hold_dialogue
from tests.helpers.carrying_out import carry_out
from tests.helpers.shard_folders import save_shards

pytestmark = pytest.mark.usefixtures("own_folder")

LATEST = "latest_checkpoint.pth"
OLD = ".latest_checkpoint.pth.7.old"
HALF = ".latest_checkpoint.pth.7.tmp"


@pytest.fixture
def folder() -> Path:
    """A run whose latest was replaced at the moment of the kill: the old one is whole, the new one has no name yet."""
    folder = Path("checkpoints")
    save_shards(folder / "checkpoint_epoch_1.pth", 1)
    save_shards(folder / "checkpoint_epoch_2.pth", 2)
    save_shards(folder / OLD, 3)
    save_shards(folder / HALF, 4)
    (folder / "config.yaml").write_text("lang: auto\n", encoding="utf-8")
    return folder


def by_flag(*argv: str) -> Decision:
    return choose(read_arguments(["--lang=en", *argv]))


def by_menu(monkeypatch: pytest.MonkeyPatch, folder: Path, *lines: str) -> Decision:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return hold_dialogue(folder, "lines")


def everything(folder: Path) -> dict[str, bytes | None]:
    """Every name below a folder, with the content of files."""
    paths = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in paths}


@pytest.mark.parametrize(
    "argv",
    [
        ["--ckpt_path=latest"],
        ["--ckpt_path=auto"],
        ["--ckpt_path=checkpoints/latest_checkpoint.pth"],
        ["--ckpt_path=epoch"],
        ["--no_interactive"],
    ],
)
def test_choosing_changes_nothing_by_whatever_flag(folder: Path, argv: list[str]) -> None:
    before = everything(folder)
    by_flag(*argv)
    assert everything(folder) == before


@pytest.mark.parametrize("lines", [["q"], ["n", "n", "q"], ["n", "y"], ["1"]])
def test_the_menu_changes_nothing_whatever_is_answered(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str], lines: list[str]
) -> None:
    before = everything(folder)
    by_menu(monkeypatch, folder, *lines)
    assert everything(folder) == before
    said = capsys.readouterr().out
    assert "[1] latest_checkpoint.pth (latest)" in said
    assert "Found 3 checkpoint files:" in said
    assert ".old" not in said


@pytest.mark.parametrize("argv", [["--ckpt_path=latest"], ["--no_interactive"]])
def test_a_check_that_fails_leaves_everything_as_it_was(folder: Path, argv: list[str]) -> None:
    decision = by_flag(*argv)
    (folder / "best_model.pth").mkdir()
    before = everything(folder)
    with pytest.raises(ResumeError, match=r"best_model\.pth"):
        require_space(decision, 1, kept=1)
    assert everything(folder) == before


@pytest.mark.parametrize("path", ["latest", "checkpoints/latest_checkpoint.pth"])
def test_a_resume_from_it_gives_it_its_name_back(folder: Path, path: str) -> None:
    decision = by_flag("--ckpt_path", path)
    assert isinstance(decision, Resume)
    assert (decision.path, decision.place) == (folder / LATEST, folder / OLD)
    assert (decision.checkpoint.epoch, decision.checkpoint.damage) == (3, None)
    carry_out(decision)
    assert decision.place == folder / LATEST
    assert {path.name for path in folder.iterdir()} == {
        "best_model.pth",
        "checkpoint_epoch_1.pth",
        "checkpoint_epoch_2.pth",
        "config.yaml",
        LATEST,
    }
    assert (folder / "best_model.pth" / "__0_0.distcp").samefile(folder / LATEST / "__0_0.distcp")


def test_a_resume_from_an_earlier_checkpoint_archives_it_under_its_name(folder: Path) -> None:
    carry_out(by_flag("--ckpt_path=checkpoints/checkpoint_epoch_1.pth"))
    (archived,) = (folder / "archive").iterdir()
    assert {path.name for path in archived.iterdir()} == {"checkpoint_epoch_2.pth", LATEST}
    assert (archived / LATEST / "__0_0.distcp").is_file()


def test_a_new_run_archives_it_under_its_name(folder: Path) -> None:
    decision = by_flag("--no_interactive")
    assert isinstance(decision, Fresh)
    carry_out(decision)
    (archived,) = (folder / "archive").iterdir()
    assert {path.name for path in archived.iterdir()} == {
        "checkpoint_epoch_1.pth",
        "checkpoint_epoch_2.pth",
        "config.yaml",
        LATEST,
    }
    assert [path.name for path in folder.iterdir()] == ["archive"]


def test_starting_over_lists_it_under_its_name_and_deletes_it(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decision = by_menu(monkeypatch, folder, "n", "y")
    assert isinstance(decision, StartOver)
    said = capsys.readouterr().out
    assert "Found 5 files (3 checkpoint files):\n  - latest_checkpoint.pth\n" in said
    carry_out(decision)
    assert list(folder.iterdir()) == []


def test_it_can_be_resumed_from_in_another_folder_and_stays_as_it_is(folder: Path) -> None:
    before = everything(folder)
    decision = by_flag("--ckpt_path=checkpoints/latest_checkpoint.pth", "--checkpoint_dir=new")
    carry_out(decision)
    assert isinstance(decision, Resume)
    assert decision.place == folder / OLD
    assert everything(folder) == before
    assert (Path("new") / LATEST / "__0_0.distcp").samefile(folder / OLD / "__0_0.distcp")


def test_a_system_that_refuses_the_name_is_one_clear_message_and_nothing_is_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    decision = by_flag("--no_interactive")
    before = everything(folder)
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ResumeError, match=r"\.7\.old: cannot be renamed to latest_checkpoint\.pth \(Permission"):
        carry_out(decision)
    assert everything(folder) == before


def test_quitting_changes_nothing(folder: Path) -> None:
    before = everything(folder)
    carry_out(Quit(folder))
    assert everything(folder) == before
