import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import train
from resume.system.output import set_language
from tests.helpers.pictures import draw_pairs
from tests.helpers.tiny_run import PATHS, TINY, Run

settings.register_profile("long", max_examples=20_000)  # of the tests that set no number themselves


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--draws", type=int, default=4, help="random configurations and stops to try in test_exact_resume")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "draw" in metafunc.fixturenames:
        metafunc.parametrize("draw", range(metafunc.config.getoption("--draws")))


@pytest.fixture(scope="session", autouse=True)
def _signals_as_in_a_terminal() -> None:
    """Under nohup, or as a job in the background, the tests would inherit signals that are turned off."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _no_decision_of_an_earlier_test() -> Iterator[None]:
    """A start leaves its decision in the environment, for the processes that it starts."""
    yield
    os.environ.pop("RESUME_DECISION", None)


@pytest.fixture
def chinese() -> Iterator[None]:
    """The texts of this test are Chinese."""
    set_language("zh")
    yield
    set_language("en")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the program in a folder with data, as if typed there; returns the exit code."""
    draw_pairs(tmp_path / "Data", 12)
    monkeypatch.chdir(tmp_path)

    def typed(*args: str) -> int:
        return train.main(list(args))

    return typed


@pytest.fixture
def trained(run: Run, capsys: pytest.CaptureFixture[str]) -> Run:
    """As `run`, with a run of two epochs already there."""
    assert run("--no_interactive", *PATHS, *TINY, "--max_epochs=2") == 0
    capsys.readouterr()
    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("needs root, to make a small file system")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=False)
    if made.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
