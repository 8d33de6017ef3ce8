"""Two processes that train together, started by Lightning's own launcher. They use the CPU in place of two GPUs.

By default: one run that is never stopped, and the same run stopped and resumed. The other launches are slow tests.
"""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest
import torch
from lightning.pytorch import Trainer

from datamodules import PairedImages
from exactness.comparison import compare_runs
from lit_modules import Segmentation
from lit_modules.networks import UNet
from tests.helpers import checkpoint_folders
from tests.helpers.launches import FOREIGN, LIGHTNING, PROGRAM, TWO, Launch, members
from tests.helpers.pictures import draw_pairs

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals to a process")

# 41 pairs for training: 20 for each of two processes, in seven batches of which the last is short; 21 for validation.
TINY = ["--data.image_size=16", "--batch_size=3", "--data.val_fraction=0.3", "--data.num_workers=0", "--lang=en"]
TINY += ["--model.network.width=4", "--model.network.depth=1", "--model.network.dropout=0.3"]
TINY += [
    "--image_path=../Data/images",
    "--gt_path=../Data/gt",
    "--trainer.callbacks+=tests.helpers.launches.Act",
    "--no_interactive",
]
# Save latest after each step.
OFTEN = ["--save_every_minutes=0.000000001"]
ENDLESS = [*TINY, *TWO, "--max_epochs=100000"]
AUTO = ["--no_interactive", "--ckpt_path=auto"]

NAME_OF_OTHER = f"process 1 on {socket.gethostname()}"

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
    run: dict[str, object] = checkpoint_folders.run_of(program.folder / "checkpoints" / name)
    return run


def every_file_is_whole(program: Launch) -> bool:
    files = list((program.folder / "checkpoints").glob("*.pth"))
    for file in files:
        torch.load(file, weights_only=True)
    return bool(files)


@pytest.fixture(scope="module")
def whole(begin: Start) -> Launch:
    """A run of two processes that was never stopped."""
    program = begin(*TINY, *TWO, *OFTEN, "--max_epochs=2")
    assert program.finish() == 0, program.complained()
    return program


@pytest.fixture(scope="module")
def in_parts(begin: Start) -> list[Launch]:
    """The same run in two starts: stopped by a signal to one process, then resumed to its end."""
    first = begin(*TINY, *TWO, *OFTEN, "--max_epochs=2", ACT="1 step 0 SIGTERM")
    first.finish()
    second = begin(*AUTO, after=first)
    second.finish()
    return [first, second]


@pytest.mark.slow
def test_a_signal_to_one_process_stops_all_at_the_same_step(in_parts: list[Launch]) -> None:
    first = in_parts[0]
    assert first.process.returncode == 143
    assert "saved checkpoints/interrupted_checkpoint.pth (step " in first.said()
    assert first.said().count("Resume with:") == 1


@pytest.mark.slow
def test_auto_resumes_within_the_epoch_and_the_run_is_the_same_bit_for_bit(
    whole: Launch, in_parts: list[Launch]
) -> None:
    second = in_parts[1]
    assert second.process.returncode == 0, second.complained()
    run = run_of(second, "interrupted_checkpoint.pth")
    assert (run["epoch"], run["epoch_done"], run["batches_per_epoch"]) == (1, False, 7)
    assert "Resuming training from epoch 1/2" in second.said()
    assert compare_runs(whole.folder / "checkpoints", second.folder / "checkpoints") == []
    assert every_file_is_whole(second)


@pytest.mark.slow
def test_only_the_first_process_prints_and_a_log_file_has_a_line_for_each_epoch(
    whole: Launch, in_parts: list[Launch]
) -> None:
    beginnings = [
        "Device: ",
        "Data: ",
        "Starting a new run",
        "Epoch 1/2 ",
        "Epoch 2/2 ",
        "Done: ",
        "To train for longer: ",
    ]
    lines = whole.said().splitlines()
    for beginning in beginnings:
        assert len([line for line in lines if line.startswith(beginning)]) == 1, (beginning, lines)
    assert "\r" not in whole.said()
    assert "\x1b" not in whole.said()
    assert whole.complained() == ""
    for said in ("Loading checkpoint from", "Checkpoint loaded from", "Resuming training from"):
        assert in_parts[1].said().count(said) == 1


@pytest.mark.slow
def test_the_validation_over_both_processes_gives_the_figures_of_one(whole: Launch) -> None:
    checkpoint = torch.load(whole.folder / "checkpoints/latest_checkpoint.pth", weights_only=True)
    data = whole.folder.parent / "Data"
    datamodule = PairedImages(
        str(data / "images"), str(data / "gt"), val_fraction=0.3, image_size=16, batch_size=3, num_workers=0
    )
    module = Segmentation(UNet(width=4, depth=1), num_classes=2)
    module.load_state_dict(checkpoint["state_dict"])
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.validate(module, datamodule=datamodule, verbose=False)
    of_both = checkpoint["callbacks"]["TrainingHistory"]["rows"][-1]
    for name in ("val/iou", "val/dice", "val/iou_per_image"):
        assert trainer.callback_metrics[name].item() == of_both[name], name


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_others_with_a_message_and_the_run_can_be_resumed(
    begin: Start, whole: Launch
) -> None:
    first = begin(*TINY, *TWO, *OFTEN, "--max_epochs=2", ACT="1 step 9 SIGKILL")
    assert first.finish() == 1
    assert first.complained() == "train.py: Process 1 of this launch has ended (SIGKILL); training cannot continue.\n"
    assert "All steps before that (9) are saved in checkpoints/interrupted_checkpoint.pth" in first.said()
    run = run_of(first, "interrupted_checkpoint.pth")
    assert (run["epoch"], run["batch"], run["batches_per_epoch"]) == (2, 2, 7)
    assert begin(*AUTO, after=first).finish() == 0
    assert compare_runs(whole.folder / "checkpoints", first.folder / "checkpoints") == []


@pytest.fixture(scope="module")
def in_second_epoch(begin: Start) -> Launch:
    program = begin(*ENDLESS, "--data.num_workers=1")
    program.wait_for("Epoch 2/")
    return program


@pytest.mark.slow
def test_no_worker_is_a_fork_of_a_process_whose_threads_may_hold_locks(in_second_epoch: Launch) -> None:
    of_server = members(in_second_epoch.process.pid, "multiprocessing.forkserver")
    assert len(of_server) == 2 + 2 * 2  # in each of two processes a server, a worker for training, one for validation
    forks = set(members(in_second_epoch.process.pid, str(PROGRAM))).difference(of_server)
    assert len(forks) == 2  # a fork has its parent's command line


@pytest.mark.slow
def test_the_other_processes_end_when_the_first_one_is_killed(in_second_epoch: Launch) -> None:
    program = in_second_epoch
    os.kill(program.process.pid, signal.SIGKILL)
    assert program.finish() == -signal.SIGKILL
    assert program.complained() == f"\ntrain.py ({NAME_OF_OTHER}): The first process has ended; this one ends too.\n"
    assert every_file_is_whole(program)


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM], ids=lambda signum: signum.name)
def test_a_signal_while_the_processes_find_each_other_ends_all_of_them(begin: Start, signum: signal.Signals) -> None:
    program = begin(*ENDLESS)
    program.wait_until(lambda: len(members(program.process.pid, f"{PROGRAM} ")) > 1)
    if signum == signal.SIGINT:
        os.killpg(program.process.pid, signum)
    else:
        program.process.send_signal(signum)
    assert program.finish() == 128 + signum
    assert not (program.folder / "checkpoints").exists()


@pytest.mark.slow
def test_a_second_signal_ends_all_even_when_one_process_hangs(begin: Start) -> None:
    program = begin(*ENDLESS)
    program.wait_for("Epoch 2/")
    os.kill(program.pid(1), signal.SIGSTOP)
    os.killpg(program.process.pid, signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        program.process.wait(1)  # the first process waits for the other one
    os.killpg(program.process.pid, signal.SIGINT)
    assert program.finish() == 128 + signal.SIGINT
    assert every_file_is_whole(program)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_an_error_in_one_process_is_told_once_and_saves_the_steps_before_it(
    begin: Start, whole: Launch, rank: int
) -> None:
    program = begin(*TINY, *TWO, *OFTEN, "--max_epochs=2", ACT=f"{rank} step 9 error")
    assert program.finish() == 1
    assert program.complained().count("ValueError: a bad batch") == 1
    assert "All steps before that (9) are saved in checkpoints/interrupted_checkpoint.pth" in program.said()
    assert "Connection" not in program.complained()
    resumed = begin(*AUTO, after=program)
    assert resumed.finish() == 0
    assert compare_runs(whole.folder / "checkpoints", program.folder / "checkpoints") == []


@pytest.mark.slow
def test_the_processes_go_on_after_a_save_that_fails_in_the_first(begin: Start) -> None:
    program = begin(*TINY, *TWO, "--max_epochs=2", ACT="0 step 2 folder")
    assert program.finish() == 1
    assert "train.py: 2 saves failed, the last one in epoch 2, step 14: best_model.pth: " in program.complained()
    assert run_of(program, "latest_checkpoint.pth")["finished"]
    assert (program.folder / FOREIGN).read_text(encoding="utf-8") == "mine"


@pytest.mark.slow
def test_a_stop_within_a_validation_is_agreed_on_too(begin: Start, whole: Launch) -> None:
    program = begin(*TINY, *TWO, *OFTEN, "--max_epochs=2", ACT="1 val 7 SIGINT")
    assert program.finish() == 128 + signal.SIGINT
    run = run_of(program, "interrupted_checkpoint.pth")
    assert (run["epoch"], run["epoch_done"], run["batch"]) == (1, False, 7)
    assert begin(*AUTO, after=program).finish() == 0
    assert compare_runs(whole.folder / "checkpoints", program.folder / "checkpoints") == []


@pytest.mark.slow
def test_three_processes_add_up_in_the_same_order_after_a_resume(begin: Start) -> None:
    three = [*TINY, *OFTEN, "--max_epochs=1", "--model.network.width=8", "--model.network.depth=2"]
    three += ["--trainer.accelerator=cpu", "--trainer.devices=3", "--trainer.strategy=ddp"]
    never_stopped, program = begin(*three), begin(*three, ACT="2 step 2 SIGTERM")
    assert (never_stopped.finish(), program.finish()) == (0, 143)
    assert begin(*AUTO, after=program).finish() == 0
    assert compare_runs(never_stopped.folder / "checkpoints", program.folder / "checkpoints") == []


@pytest.mark.slow
def test_from_two_processes_to_one_and_back_each_sample_counts_once(begin: Start) -> None:
    program = begin(*TINY, *TWO, *OFTEN, "--max_epochs=1", ACT="1 step 0 SIGTERM")
    assert program.finish() == 143
    one = [*AUTO, "--trainer.devices=1", "--trainer.strategy=auto"]
    done = run_of(program, "interrupted_checkpoint.pth")["global_step"]
    alone = begin(*one, after=program, ACT=f"0 step {int(str(done)) + 2} SIGTERM")
    assert alone.finish() == 143
    assert begin(*AUTO, *TWO, after=program).finish() == 0
    latest = torch.load(program.folder / "checkpoints/latest_checkpoint.pth", weights_only=True)
    assert latest["train_loss"]["images"] in (39, 40, 41)  # of 41; what is left over is no pair for each of two
