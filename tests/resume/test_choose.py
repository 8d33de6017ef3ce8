import io
from pathlib import Path

import pytest

from resume import Fresh, Quit, Resume, ResumeError, choose, read_arguments
from resume.decision import Decision
from resume.system.launch_info import Launch
from resume.system.output import set_silent
from tests.helpers import checkpoint_folders


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "PYCHARM_HOSTED", "SLURM_NTASKS"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def folder() -> Path:
    return checkpoint_folders.fill(Path("checkpoints"))


def decide(*argv: str) -> Decision:
    return choose(read_arguments(["--lang=en", *argv], Launch.from_environment()))


def chosen(*argv: str) -> str:
    decision = decide(*argv)
    assert isinstance(decision, Resume)
    return decision.path.name


@pytest.mark.parametrize(
    ("keyword", "name"),
    [
        ("latest", "latest_checkpoint.pth"),
        ("last", "latest_checkpoint.pth"),
        ("best", "best_model.pth"),
        ("interrupted", "interrupted_checkpoint.pth"),
        ("epoch", "checkpoint_epoch_3.pth"),
        ("auto", "latest_checkpoint.pth"),
    ],
)
def test_each_keyword_names_its_file(folder: Path, keyword: str, name: str) -> None:
    before = checkpoint_folders.snapshot(folder)
    assert chosen("--ckpt_path", keyword) == name
    assert checkpoint_folders.snapshot(folder) == before


def test_a_keyword_looks_in_the_folder_that_was_typed() -> None:
    checkpoint_folders.fill(Path("runs/a"))
    decision = decide("--ckpt_path=latest", "--checkpoint_dir=runs/a")
    assert isinstance(decision, Resume)
    assert decision.path == Path("runs/a/latest_checkpoint.pth")


def test_a_missing_keyword_says_what_is_there_and_what_to_do(folder: Path) -> None:
    (folder / "latest_checkpoint.pth").unlink()
    with pytest.raises(ResumeError) as raised:
        decide("--ckpt_path", "latest")
    assert str(raised.value) == (
        "--ckpt_path latest: no latest_checkpoint.pth in checkpoints. "
        "Found: interrupted_checkpoint.pth, best_model.pth, 3 epoch files. "
        "Use --ckpt_path interrupted, --ckpt_path best, --ckpt_path epoch, or --no_interactive for a new run."
    )


def test_a_keyword_in_an_empty_folder_says_so() -> None:
    with pytest.raises(ResumeError, match=r"Found: no checkpoint\. Use --no_interactive for a new run\."):
        decide("--ckpt_path", "best")


def test_a_damaged_file_cannot_be_named(folder: Path) -> None:
    checkpoint_folders.damage(folder / "interrupted_checkpoint.pth")
    with pytest.raises(ResumeError, match=r"interrupted_checkpoint\.pth: incomplete file.*\(damaged\)"):
        decide("--ckpt_path", "interrupted")
    with pytest.raises(ResumeError, match=r"incomplete file\. Found: latest_checkpoint\.pth"):
        decide("--ckpt_path", str(folder / "interrupted_checkpoint.pth"))


def test_auto_takes_the_newest_sound_checkpoint(folder: Path) -> None:
    (folder / "latest_checkpoint.pth").unlink()
    checkpoint_folders.damage(checkpoint_folders.save(folder / "latest_checkpoint.pth", 3))
    (folder / "checkpoint_epoch_3.pth").unlink()
    assert chosen("--ckpt_path=auto") == "interrupted_checkpoint.pth"


def test_auto_starts_a_new_run_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert decide("--ckpt_path=auto") == Fresh(Path("checkpoints"))
    assert "no checkpoint in checkpoints; starting a new run" in capsys.readouterr().out


def test_auto_archives_what_is_damaged_beyond_use(capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint_folders.damage(checkpoint_folders.save(Path("checkpoints/latest_checkpoint.pth"), 3))
    decision = decide("--ckpt_path=auto")
    assert isinstance(decision, Fresh)
    assert decision.archive is not None
    assert decision.archive.continue_with is None
    assert "no usable checkpoint in checkpoints" in capsys.readouterr().out


def test_a_path_goes_on_where_it_lies(folder: Path) -> None:
    other = checkpoint_folders.fill(Path("运行/甲"))
    decision = decide("--resume", str(other / "best_model.pth"))
    assert isinstance(decision, Resume)
    assert (decision.path, decision.checkpoint_dir) == (other / "best_model.pth", other)


def test_a_typed_or_configured_folder_wins_over_that_of_the_path(folder: Path) -> None:
    other = str(checkpoint_folders.fill(Path("runs/a")) / "best_model.pth")
    decision = decide("--resume", other, "--checkpoint_dir=there")
    assert decision.checkpoint_dir == Path("there")
    Path("a.yaml").write_text("checkpoint_dir: elsewhere", encoding="utf-8")
    assert decide("--resume", other, "--config=a.yaml").checkpoint_dir == Path("elsewhere")


def test_a_file_named_like_a_keyword_is_meant_by_its_path() -> None:
    checkpoint_folders.save(Path("latest"), 2)
    assert chosen("--ckpt_path", "./latest") == "latest"
    with pytest.raises(ResumeError, match="no latest_checkpoint"):
        decide("--ckpt_path", "latest")


def test_a_folder_as_path_names_what_to_type(folder: Path) -> None:
    with pytest.raises(
        ResumeError, match=r"is a folder, expected a file.*--checkpoint_dir checkpoints --ckpt_path auto"
    ):
        decide("--ckpt_path", "checkpoints")


def test_a_missing_path_names_what_lies_beside_it(folder: Path) -> None:
    with pytest.raises(ResumeError, match=r"there is no such file\. Found: latest_checkpoint\.pth, .*The keywords"):
        decide("--ckpt_path", "checkpoints/latest.pth")
    with pytest.raises(ResumeError, match=r"there is no such file\. The keywords"):
        decide("--ckpt_path", "nowhere/latest.pth")


def test_a_file_of_another_program_is_refused_with_what_to_do() -> None:
    path = checkpoint_folders.write_zip(Path("resnet.pth"), {"state_dict": {}})
    with pytest.raises(ResumeError, match=r"not of this program \(no run\.json\)\. Found: ") as error:
        decide("--ckpt_path", str(path))
    assert str(error.value).endswith("Use a checkpoint that train.py has saved.")


def test_ckpt_path_wins_over_no_interactive(folder: Path) -> None:
    assert chosen("--no_interactive", "--ckpt_path", "best") == "best_model.pth"


def test_no_interactive_starts_a_new_run_and_keeps_the_old_one(folder: Path) -> None:
    before = checkpoint_folders.snapshot(folder)
    decision = decide("--no_interactive")
    assert isinstance(decision, Fresh)
    assert decision.archive is not None
    assert checkpoint_folders.snapshot(folder) == before


def test_nothing_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert decide() == Fresh(Path("checkpoints"))
    assert capsys.readouterr().out == "No checkpoint found; starting a new run.\n"


def test_where_nobody_can_be_asked_one_line_says_why(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "4")
    assert isinstance(decide(), Fresh)
    out = capsys.readouterr().out
    assert out == "No menu (a SLURM job of 4 tasks); continuing as with --no_interactive.\n"


def test_a_further_process_of_a_launch_says_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    set_silent(True)
    assert isinstance(decide(), Fresh)
    assert capsys.readouterr().out == ""


def test_in_pycharms_console_a_typed_line_decides(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYCHARM_HOSTED", "1")
    monkeypatch.setattr("sys.stdin", io.StringIO("3\n"))
    assert chosen() == "best_model.pth"
    out = capsys.readouterr().out
    assert "Found 6 checkpoint files:" in out
    assert "[4] checkpoint_epoch_*.pth (3 files)" in out
    assert "You chose: best_model.pth\nCheckpoint to be used: best_model.pth" in out


def test_the_end_of_input_in_pycharms_console_means_quit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCHARM_HOSTED", "1")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert decide() == Quit(Path("checkpoints"))


@pytest.mark.parametrize("argv", [["--ckpt_path=~nobody_of_that_name/a.pth"], [f"--ckpt_path={'a' * 300}.pth"]])
def test_a_path_that_the_system_cannot_look_up_is_one_clear_message(argv: list[str]) -> None:
    with pytest.raises(ResumeError, match=r"--ckpt_path .*(no home folder of that user|too long)"):
        decide(*argv)


def test_auto_passes_over_files_whose_weights_are_damaged_and_names_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint_folders.flip_a_bit(folder / "latest_checkpoint.pth")  # checkpoint_epoch_3.pth is the same file
    assert chosen("--ckpt_path=auto") == "interrupted_checkpoint.pth"
    checkpoint_folders.flip_a_bit(folder / "interrupted_checkpoint.pth")
    (folder / "best_model.pth").unlink()
    assert chosen("--ckpt_path=auto") == "checkpoint_epoch_2.pth"
    out = capsys.readouterr().out
    for name in ("latest_checkpoint.pth", "checkpoint_epoch_3.pth", "interrupted_checkpoint.pth"):
        assert f"--ckpt_path auto skips {name}: damaged content (archive/data/0)." in out


def test_auto_names_whatever_it_passes_over_and_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "interrupted_checkpoint.pth").write_bytes(b"")
    checkpoint_folders.save(folder / "best_model.pth", 2, run_id=checkpoint_folders.OTHER_RUN)
    checkpoint_folders.damage(checkpoint_folders.save(folder / "checkpoint_epoch_4.pth", 4))
    assert chosen("--ckpt_path=auto") == "latest_checkpoint.pth"
    assert capsys.readouterr().out.splitlines() == [
        "--ckpt_path auto skips interrupted_checkpoint.pth: empty file.",
        "--ckpt_path auto skips best_model.pth: of another run.",
        "--ckpt_path auto skips checkpoint_epoch_4.pth: incomplete file.",
    ]


def test_auto_starts_a_new_run_where_all_weights_are_damaged(folder: Path) -> None:
    for name in ("latest_checkpoint.pth", "interrupted_checkpoint.pth", "best_model.pth", "checkpoint_epoch_1.pth"):
        checkpoint_folders.flip_a_bit(folder / name)
    assert isinstance(decide("--ckpt_path=auto"), Fresh)
