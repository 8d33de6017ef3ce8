"""Two processes that train together, by Lightning's own launcher; on the CPU, where they stand for two GPUs."""

import os
from collections.abc import Callable, Iterator

import pytest
import torch
from launches import LIGHTNING, TWO, Launch
from pictures import draw_pairs

from benchmarks.comparing import compare_runs

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals to a process")

# 41 pairs for training: 20 for each of two processes, in seven batches of which the last is short; 21 for validation.
TINY = ["--data.image_size=16", "--batch_size=3", "--data.val_fraction=0.3", "--data.num_workers=1", "--lang=en"]
TINY += ["--model.network.width=4", "--model.network.depth=1", "--model.network.dropout=0.3"]
TINY += ["--image_path=../Data/images", "--gt_path=../Data/gt", "--trainer.callbacks+=launches.Act", "--no_interactive"]
# Each step is one that latest is saved after, if it is asked for.
OFTEN = ["--save_every_minutes=0.000000001"]
ENDLESS = [*TINY, *TWO, "--max_epochs=100000"]
AUTO = ["--no_interactive", "--ckpt_path=auto"]

Start = Callable[..., Launch]


@pytest.fixture(scope="module")
def begin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a launch in a folder of its own, or in that of an earlier one."""
    base = tmp_path_factory.mktemp("launches")
    draw_pairs(base / "Data", 62)
    begun: list[Launch] = []

    def launch(*argv: str, after: Launch | None = None, **environ: str) -> Launch:
        folder = base / str(len(begun)) if after is None else after.folder
        folder.mkdir(exist_ok=True)
        begun.append(Launch([*LIGHTNING, *argv], folder, **environ))
        return begun[-1]

    yield launch
    for program in begun:
        program.kill()


def run_of(program: Launch, name: str) -> dict[str, object]:
    run: dict[str, object] = torch.load(program.folder / "checkpoints" / name, weights_only=True)["run"]
    return run


def every_file_is_whole(program: Launch) -> bool:
    files = list((program.folder / "checkpoints").glob("*.pth"))
    for file in files:
        torch.load(file, weights_only=True)
    return bool(files) and not list((program.folder / "checkpoints").glob(".*.tmp"))


@pytest.fixture(scope="module")
def whole(begin: Start) -> Launch:
    """A run of two processes that was never stopped."""
    program = begin(*TINY, *TWO, *OFTEN, "--max_epochs=2")
    assert program.finish() == 0, program.complained()
    return program


@pytest.fixture(scope="module")
def in_parts(begin: Start) -> list[Launch]:
    """The same run in four starts: a signal to one process, one killed, one with an error, and to the end."""
    acts = ["1 step 0 SIGTERM", "1 step 9 SIGKILL", "0 val 14 SIGINT", ""]
    starts: list[Launch] = []
    for act in acts:
        argv = [*TINY, *TWO, *OFTEN, "--max_epochs=2"] if not starts else AUTO
        starts.append(begin(*argv, after=starts[0] if starts else None, **({"ACT": act} if act else {})))
        starts[-1].code = starts[-1].finish()
    return starts


def test_a_resumed_run_of_two_processes_is_the_same_bit_for_bit(whole: Launch, in_parts: list[Launch]) -> None:
    codes = [start.code for start in in_parts]
    assert codes == [143, 1, 130, 0], [start.complained() for start in in_parts]
    assert compare_runs(whole.folder / "checkpoints", in_parts[-1].folder / "checkpoints") == []
