import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from resume.checkpoints.verification import read_run, require_intact
from resume.system.errors import UnreadableError
from tests.helpers import checkpoint_folders


def test_a_saved_run_reads_back_whole(tmp_path: Path) -> None:
    path = checkpoint_folders.save(tmp_path / "a.pth", 3)
    assert read_run(path) == checkpoint_folders.facts(3)


def test_a_file_of_torch_save_is_read_without_its_tensors(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "real.pth"
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    content = {
        "state_dict": model.state_dict(),
        "optimizer_states": [optimizer.state_dict()],
        "callbacks": {"x": {"device": torch.device("cpu"), "size": torch.Size([1])}},
        "run": checkpoint_folders.facts(7),
    }
    torch.save(content, path)
    assert read_run(path) == checkpoint_folders.facts(7)


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

    content = {"state_dict": {}, "run": checkpoint_folders.facts(1), "evil": Hostile()}
    path = checkpoint_folders.write_zip(tmp_path / "evil.pth", content)
    for look in (read_run, require_intact):
        with pytest.raises(UnreadableError, match=f"would run code: {name}"):
            look(path)
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


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([1, 2], "not a Lightning checkpoint"),
        ({"weight": 1}, "not a Lightning checkpoint"),
        ({"state_dict": {}}, "not a checkpoint of this program"),
        ({"state_dict": {}, "run": {"epoch": 1}}, "not a checkpoint of this program"),
        ({"state_dict": {}, "run": {"run_id": 5}}, "not a checkpoint of this program"),
    ],
)
def test_a_checkpoint_of_another_program_says_so(tmp_path: Path, content: object, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        read_run(checkpoint_folders.write_zip(tmp_path / "a.pth", content))


def test_garbage_in_the_description_is_a_reason_and_no_crash(tmp_path: Path) -> None:
    good = pickle.dumps({"state_dict": {}, "run": checkpoint_folders.facts(1)}, protocol=2)
    for position in range(2, len(good), 7):
        path = tmp_path / "a.pth"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", good[:position] + b"\xff\x8d" + good[position + 2 :])
        try:
            read_run(path)
        except UnreadableError as error:
            assert str(error)  # noqa: PT017 - either outcome is right, any other exception is not


def test_a_description_beyond_the_limit_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = checkpoint_folders.save(tmp_path / "a.pth", 1)
    monkeypatch.setattr("resume.checkpoints.verification.MAX_BYTES", 100)
    with pytest.raises(UnreadableError, match="too large"):
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
