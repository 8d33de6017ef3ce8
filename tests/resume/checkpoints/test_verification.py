import contextlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from resume.checkpoints.description import describe
from resume.checkpoints.run_json import MAX_BYTES
from resume.checkpoints.verification import ForeignError, find_run, read_run, require_intact
from resume.system.errors import UnreadableError
from tests.helpers import checkpoint_folders
from tests.helpers.hostile import zip_with, zip_with_run_json
from tests.helpers.zip_files import Entry, archive_of, zip_of


def test_a_saved_run_reads_back_whole(tmp_path: Path) -> None:
    path = checkpoint_folders.save(tmp_path / "a.pth", 3)
    assert read_run(path) == checkpoint_folders.entry(3)
    require_intact(path)


def test_no_pickle_is_opened_to_read_the_run(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    for description in (b"", b"no pickle", b"cos\nsystem\n."):
        path.write_bytes(zip_with(description))
        assert read_run(path) == checkpoint_folders.entry(1)
        with pytest.raises(UnreadableError):
            require_intact(path)


@pytest.mark.parametrize(
    ("called", "name"),
    [(os.system, f"{os.name if os.name == 'nt' else 'posix'}.system"), (eval, "builtins.eval"), (open, "io.open")],
)
def test_a_file_that_would_run_code_is_refused_by_the_name_of_it_and_nothing_runs(
    tmp_path: Path, called: object, name: str
) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return called, (f"open({str(tmp_path / 'executed')!r}, 'w')",)

    content = {"state_dict": {}, "evil": Hostile()}
    path = checkpoint_folders.write_zip(tmp_path / "evil.pth", content, checkpoint_folders.facts(1))
    with pytest.raises(UnreadableError, match=f"would run code: {name}"):
        require_intact(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"PK\x03\x04 and then the disk was full", "incomplete file"),
        (b"weights, but of another kind", "no checkpoint file"),
    ],
)
def test_a_file_that_is_no_archive_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=reason):
        read_run(path)


@pytest.mark.parametrize("content", [[1, 2], {"weight": 1}, {"state_dict": {}, "run": {"run_id": "a"}}], ids=repr)
def test_a_checkpoint_of_another_program_says_so(tmp_path: Path, content: object) -> None:
    path = checkpoint_folders.write_zip(tmp_path / "a.pth", content)
    for look in (read_run, require_intact):
        with pytest.raises(ForeignError, match=r"not of this program \(no run\.json\)"):
            look(path)
    assert find_run(path) is None
    assert describe(path).is_foreign


def test_garbage_in_the_pickle_is_a_reason_and_no_crash(tmp_path: Path) -> None:
    good = pickle.dumps({"state_dict": {"a": [1, (2,), "b"]}, "loops": {}}, protocol=2)
    for position in range(2, len(good), 3):
        path = tmp_path / "a.pth"
        path.write_bytes(zip_with(good[:position] + b"\xff\x8d" + good[position + 2 :]))
        with contextlib.suppress(UnreadableError):
            require_intact(path)


def test_a_pickle_beyond_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = checkpoint_folders.save(tmp_path / "a.pth", 1)
    monkeypatch.setattr("resume.checkpoints.verification.MAX_PICKLE_BYTES", 10)
    with pytest.raises(UnreadableError, match=r"data\.pkl is too large"):
        require_intact(path)


def test_a_run_json_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(zip_with_run_json(b" " * (MAX_BYTES + 1)))
    with pytest.raises(UnreadableError, match=r"run\.json is too large"):
        read_run(path)


@pytest.mark.parametrize(
    ("change", "damaged"),
    [
        ({"data/0": b"\1" * 64}, "data/0"),  # with a directory that agrees
        ({"data/0": b"\0" * 63}, "data/0"),
        ({"data/1": b""}, "data/1"),
        ({"data/0": None}, "data/0"),
        ({"data.pkl": b"\x80\2}."}, "data.pkl"),
    ],
)
def test_a_part_that_was_exchanged_added_or_removed_is_found(
    tmp_path: Path, change: dict[str, bytes | None], damaged: str
) -> None:
    parts = checkpoint_folders.zip_parts(pickle.dumps({"state_dict": {}}, protocol=2), checkpoint_folders.facts(1))
    run_json = parts.pop("run.json")
    changed = {name: content for name, content in {**parts, **change}.items() if content is not None}
    (tmp_path / "a.pth").write_bytes(archive_of({**changed, "run.json": run_json}))
    with pytest.raises(UnreadableError, match=rf"damaged content \({damaged}\)"):
        require_intact(tmp_path / "a.pth")


def test_two_run_jsons_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    contents = [checkpoint_folders.run_json(checkpoint_folders.facts(epoch), {}) for epoch in (1, 2)]
    path.write_bytes(zip_of([Entry(b"archive/run.json", content, padded=False) for content in contents]))
    with pytest.raises(UnreadableError, match="invalid or repeated entry name"):
        read_run(path)


def test_a_missing_file_is_a_reason(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="the file is gone"):
        read_run(tmp_path / "a.pth")


def test_importing_the_package_imports_nothing_slow() -> None:
    slow = ("torch", "lightning", "numpy", "yaml", "questionary", "prompt_toolkit")
    code = f"import sys, resume; print(*(name for name in {slow} if name in sys.modules))"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_of_a_checkpoints_name_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    pipe = tmp_path / "latest_checkpoint.pth"
    os.mkfifo(pipe)
    with pytest.raises(UnreadableError, match="no checkpoint file"):
        read_run(pipe)
