import os
import signal
from pathlib import Path

import pytest
from torch.utils.data import DataLoader, Dataset

import train
from launch.lost_workers import lost_worker
from tests.helpers import tiny
from tests.helpers.pictures import draw_pairs
from tests.helpers.tiny_run import PATHS, TINY

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals to a process")


class Ending(Dataset[int]):
    """Ends its worker, or raises an error in it."""

    def __init__(self, how: int | Exception) -> None:
        self.how = how

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        if isinstance(self.how, Exception):
            raise self.how
        if self.how < 0:
            os.kill(os.getpid(), -self.how)
        os._exit(self.how)


FULL = "unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (-signal.SIGKILL, ["was killed", "memory runs out", "(--data.num_workers, now 2)", "a smaller --batch_size"]),
        (-signal.SIGBUS, ["shared memory (/dev/shm) is full", "--shm-size", "--data.num_workers 0"]),
        (-signal.SIGSEGV, ["has ended (SIGSEGV)", "--data.num_workers 0"]),
        (28, ["shared memory (/dev/shm) is full"]),
        (24, ["too many files are open", "ulimit -n"]),
        (3, ["has ended (exit code 3)", "--data.num_workers 0"]),
        (RuntimeError(FULL), ["shared memory (/dev/shm) is full"]),
    ],
)
def test_the_message_names_cause_and_cure(
    how: int | Exception, words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError) as error:
        list(DataLoader(Ending(how), num_workers=1))
    lost = lost_worker(error.value, num_workers=2)
    assert lost is not None
    assert [word for word in words if word not in str(lost)] == []
    capfd.readouterr()  # torch prints about a bus error


@pytest.mark.parametrize("error", ["CUDA out of memory", FULL, "Too many open files"])
def test_an_error_of_the_training_process_is_none_of_a_worker(error: str) -> None:
    assert lost_worker(RuntimeError(error), num_workers=2) is None


def test_killed_workers_end_the_run_with_one_message_and_the_steps_before_are_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_pairs(tmp_path / "Data", 12)
    monkeypatch.chdir(tmp_path)
    callback = ["--trainer.callbacks+=tests.helpers.unruly.KillWorkers", "--trainer.callbacks.step=3"]
    command = [*PATHS, *TINY, *callback, "--max_epochs=4", "--data.num_workers=2", "--no_interactive"]
    assert train.main(command) == 1
    said = capsys.readouterr()
    assert said.err.startswith("train.py: A data worker (process ")
    assert said.err.count("\n") == 1
    done = tiny.load(Path("checkpoints/interrupted_checkpoint.pth"))["run"]["global_step"]
    assert done in (3, 4)  # the batch of the fourth step may have been handed over before the workers were killed
    assert f"All steps before that ({done}) are saved in checkpoints/interrupted_checkpoint.pth" in said.out
