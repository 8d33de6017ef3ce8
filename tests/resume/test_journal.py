import json
from dataclasses import asdict
from pathlib import Path

import pytest

from resume import apply, choose, read_arguments
from resume.journal import Journal, read_journal, remove_journal, write_journal
from resume.run_files import JOURNAL
from tests.helpers import checkpoint_folders

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def folder() -> Path:
    return checkpoint_folders.fill(Path("checkpoints"))


def test_a_journal_is_read_as_it_was_written(folder: Path) -> None:
    journal = Journal(
        ("best_model.pth", "检查点.pth"),
        copied=("config.yaml",),
        stays=("checkpoint_epoch_1.pth",),
        links={"best_model.pth": ("../a", "/b/a")},
        archives=True,
        whole_run=False,
        continue_with="best_model.pth",
        is_going=True,
        target="20260301T120000Z",
    )
    write_journal(folder, journal)
    assert read_journal(folder) == journal
    remove_journal(folder)
    assert read_journal(folder) is None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"moved": 1}', b'{"moved": ["a"], "copied": 3}', b"\xff", b"[" * 99999]
)
def test_another_file_of_that_name_is_left_alone(
    folder: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (folder / JOURNAL).write_bytes(content)
    apply(choose(read_arguments(["--lang=en", "--ckpt_path=latest"])))
    assert capsys.readouterr().out == ""
    assert (folder / JOURNAL).read_bytes() == content


@pytest.mark.parametrize(
    "change",
    [
        {"moved": ["../../precious"]},
        {"copied": ["/etc/passwd"]},
        {"stays": [".."]},
        {"links": {"a/b": ["x", "y"]}},
        {"continue_with": "../x"},
        {"target": "../../elsewhere"},
        {"since": "today"},
    ],
)
def test_a_journal_that_reaches_outside_of_its_folder_is_not_this_programs(
    folder: Path, change: dict[str, object]
) -> None:
    journal = Journal(("best_model.pth",))
    content = {**asdict(journal), "since": journal.since.isoformat()}
    (folder / JOURNAL).write_text(json.dumps(content), encoding="utf-8")
    assert read_journal(folder) == journal
    (folder / JOURNAL).write_text(json.dumps(content | change), encoding="utf-8")
    assert read_journal(folder) is None


def test_what_a_killed_save_left_goes_with_the_next_start_a_resume_too(folder: Path) -> None:
    stale = [".latest_checkpoint.pth.7.tmp", "..training_run.json.8.tmp"]
    foreign = [".notes.txt.7.tmp", ".latest_checkpoint.pth.tmp"]
    for name in [*stale, *foreign]:
        (folder / name).write_bytes(b"half")
    apply(choose(read_arguments(["--lang=en", "--ckpt_path=latest"])))
    left = {path.name for path in folder.iterdir()}
    assert not left & set(stale)
    assert left >= set(foreign)
