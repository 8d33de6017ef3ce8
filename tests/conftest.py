import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

import train
from resume.system.output import set_language
from resume.system.signals import STOP_SIGNALS
from tests.helpers.pictures import draw_pairs
from tests.helpers.tiny_run import PATHS, TINY, Run, copy_run

Mount = Callable[[str], Path]

settings.register_profile("long", max_examples=20_000)  # of the tests that set no number themselves


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--draws", type=int, default=4, help="random configurations and stops to try in test_exact_resume")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "draw" in metafunc.fixturenames:
        metafunc.parametrize("draw", range(metafunc.config.getoption("--draws")))


@pytest.fixture(scope="session", autouse=True)
def _one_thread_for_each_process() -> None:
    """Use one thread here and in every program that a test starts.

    The networks of the tests are tiny. On busy cores, threads that wait for each other take most of the time: a start
    of the program on two loaded cores takes 3.0 s of CPU time with two threads and 1.3 s with one.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _a_key_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Sign the runs of the tests, and of all programs that they start, with a key of their own."""
    os.environ["RESUMABLE_KEY_FILE"] = str(tmp_path_factory.mktemp("key") / "signing.key")


@pytest.fixture(autouse=True)
def _no_search_in_the_folders_of_earlier_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what each start changes of the folders in which modules are looked for."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture(scope="session", autouse=True)
def _signals_as_in_a_terminal() -> None:
    """Listen to the signals that pytest inherits as ignored under nohup or in a background job."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _no_handler_is_left() -> Iterator[None]:
    """Fail in the test that leaves a handler of signals behind, not in a later one that listens."""
    before = [signal.getsignal(signum) for signum in STOP_SIGNALS]
    yield
    assert [signal.getsignal(signum) for signum in STOP_SIGNALS] == before


@pytest.fixture(autouse=True)
def _no_decision_of_an_earlier_test() -> Iterator[None]:
    """Remove the decision that each start leaves in the environment for the processes that it starts."""
    yield
    os.environ.pop("RESUME_DECISION", None)


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and a run of two epochs, trained once; tests copy it and must not change it."""
    folder = tmp_path_factory.mktemp("trained")
    draw_pairs(folder / "Data", 12)
    with contextlib.chdir(folder):
        assert train.main(["--no_interactive", *PATHS, *TINY, "--max_epochs=2"]) == 0
    os.environ.pop("RESUME_DECISION", None)
    return folder


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
    return lambda *args: train.main(list(args))


@pytest.fixture
def trained(trained_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """As `run`, in a copy of `trained_folder`."""
    copy_run(trained_folder, tmp_path)
    monkeypatch.chdir(tmp_path)
    return lambda *args: train.main(list(args))


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mount]:
    """Mounts a small file system with options of tmpfs, and returns its folder."""
    folder = tmp_path / "disk"
    mount = shutil.which("mount")
    if mount is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("needs root, to make a small file system")

    def make(options: str) -> Path:
        folder.mkdir(exist_ok=True)
        if subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False).returncode:
            pytest.skip("a small file system cannot be mounted here")
        return folder

    yield make
    if folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small_disk(mounted: Mount) -> Path:
    """A file system of 4 MB."""
    return mounted("size=4m")
