"""Real jobs on a real cluster, sent by the job file that users copy."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from exactness.comparison import compare_runs
from tests.cluster.slurm import Cluster, Job
from tests.helpers import checkpoint_folders
from tests.helpers.tiny_run import PATHS, TINY

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

# Four steps in each of three epochs, on each of two nodes; the tests hold a job in the middle of the second epoch.
TRAINING = [*PATHS, *TINY, "--data.num_workers=1", "--batch_size=1", "--max_epochs=3", "--trainer.accelerator=cpu"]
TRAINING += ["--trainer.callbacks+=tests.helpers.stopping.HoldUntilSignal"]
TWO_NODES = ["--nodes=2", "--time=10", "--", *TRAINING]
ONE_NODE = ["--nodes=1", "--time=10", "--", *TRAINING]
HELD = {"HOLD_AT_STEP": "5"}
# Of several processes: they ask each other seldom, and at the latest when the epoch of that step (4 to 8) is validated.
STOPPED_AT = range(6, 9)


@pytest.fixture(scope="session")
def uninterrupted(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, folder_with_data: Path) -> Path:
    """The run folder of a job of two nodes that nothing has stopped."""
    folder = shutil.copytree(folder_with_data, tmp_path_factory.mktemp("uninterrupted") / "job", symlinks=True)
    job = cluster.submit(folder, *TWO_NODES)
    assert job.wait_for_end() == "COMPLETED", job.log
    return folder / "checkpoints"


def load(folder: Path, name: str) -> dict[str, object]:
    checkpoint: dict[str, object] = torch.load(folder / "checkpoints" / name, weights_only=True)
    return checkpoint


def assert_went_on(job: Job, uninterrupted: Path) -> None:
    """Started again once, from where it was saved, and trained to the same end as if it had never been stopped."""
    assert job.wait_for_end() == "COMPLETED", job.log
    assert job.fact("Restarts") == "1"
    assert "Resuming training from epoch 2/3" in job.log
    assert compare_runs(uninterrupted, job.folder / "checkpoints") == []


def test_a_job_of_two_nodes_trains_to_the_end(uninterrupted: Path) -> None:
    run = checkpoint_folders.run_of(uninterrupted / "latest_checkpoint.pth")
    assert (run["global_step"], run["finished"], run["machine"]["processes"]) == (12, True, "2")


def test_a_job_whose_time_is_over_saves_and_goes_on_by_itself(
    cluster: Cluster, folder: Path, uninterrupted: Path
) -> None:
    # SLURM looks twice a minute: the signal comes 30 to 60 s after the start.
    job = cluster.submit(folder, "--time=2", "--signal=USR1@60", "--nodes=2", "--", *TRAINING, environment=HELD)
    assert_went_on(job, uninterrupted)
    assert f"SLURM requeued job {job.number}" in job.log


def test_a_job_that_is_told_to_end_saves_and_goes_on_when_it_is_sent_again(
    cluster: Cluster, folder: Path, uninterrupted: Path
) -> None:
    job = cluster.submit(folder, *TWO_NODES, environment=HELD)
    job.wait_until_held()
    job.signal("TERM")
    assert (job.wait_for_end(), job.fact("ExitCode")) == ("FAILED", "143:0"), job.log
    assert "saved checkpoints/interrupted_checkpoint.pth" in job.log
    assert load(folder, "interrupted_checkpoint.pth")["global_step"] in STOPPED_AT, job.log
    again = cluster.submit(folder, *TWO_NODES)
    assert again.wait_for_end() == "COMPLETED", again.log
    assert compare_runs(uninterrupted, folder / "checkpoints") == []


def test_a_cancelled_job_saves_though_slurm_sends_its_signal_twice(cluster: Cluster, folder: Path) -> None:
    job = cluster.submit(folder, *TWO_NODES, environment=HELD)
    job.wait_until_held()
    cluster.ask("scancel", job.number)
    assert job.wait_for_end() == "CANCELLED", job.log
    job.wait_until("the end of its processes", lambda: cluster.ask("squeue", "-h").strip() == "")
    assert load(folder, "interrupted_checkpoint.pth")["global_step"] in STOPPED_AT, job.log


def test_a_job_that_is_queued_again_in_mid_epoch_goes_on(cluster: Cluster, folder: Path, uninterrupted: Path) -> None:
    job = cluster.submit(folder, *TWO_NODES, environment=HELD)
    job.wait_until_held()
    job.requeue()
    assert_went_on(job, uninterrupted)


def test_a_job_goes_on_after_the_node_of_its_first_process_has_died(
    cluster: Cluster, folder: Path, uninterrupted: Path
) -> None:
    job = cluster.submit(folder, *TWO_NODES, environment=HELD)
    job.wait_until_held()
    cluster.kill_node("n1")
    # The nodes of this cluster have one name: make the record one of a node that is gone.
    record = folder / "checkpoints" / ".training_run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "host": "gone"}), encoding="utf-8")
    job.wait_until("queued again", lambda: job.fact("Restarts") == "1")
    cluster.start_node("n1")
    assert_went_on(job, uninterrupted)


def test_a_process_that_is_killed_ends_the_job_with_one_line(cluster: Cluster, folder: Path) -> None:
    words = ["--nodes=2", "--time=10", "--", *TRAINING, "--trainer.callbacks+=tests.helpers.launches.Act"]
    job = cluster.submit(folder, *words, environment={"ACT": "1 step 5 SIGKILL"})
    assert job.wait_for_end() == "FAILED", job.log
    assert job.log.count("train.py: Process 1 of this launch has ended; training cannot continue.") == 1, job.log
    assert "Traceback" not in job.log
    assert load(folder, "interrupted_checkpoint.pth")["global_step"] == 5


def test_what_is_wrong_with_the_data_is_said_once_and_ends_the_processes_of_both_nodes(
    cluster: Cluster, folder: Path
) -> None:
    gt = next((folder / "Data/gt").iterdir())
    gt.write_bytes(gt.read_bytes()[:60])
    job = cluster.submit(folder, *TWO_NODES)
    assert (job.wait_for_end(), job.fact("ExitCode")) == ("FAILED", "2:0"), job.log
    assert job.log.count(gt.name) == 1, job.log
    assert not (folder / "checkpoints").exists()


def test_a_signal_while_torch_is_imported_has_the_job_queued_again(
    cluster: Cluster, folder: Path, uninterrupted: Path
) -> None:
    job = cluster.submit(folder, *TWO_NODES)
    job.wait_until("a word", lambda: "no checkpoint in checkpoints" in job.log)
    job.signal("USR1")
    assert job.wait_for_end() == "COMPLETED", job.log
    assert job.fact("Restarts") == "1"
    places = [job.log.index(said) for said in ("Interrupted before training began", "SLURM requeued job", "Epoch 1")]
    assert places == sorted(places)
    assert compare_runs(uninterrupted, folder / "checkpoints") == []


def test_a_signal_that_ends_a_process_before_it_listens_has_the_job_queued_again(
    cluster: Cluster, folder: Path
) -> None:
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\n[ -n "$SLURM_RESTART_COUNT" ] || kill -USR1 $$\nPATH=${PATH#*:} exec python "$@"\n')
    python.chmod(0o755)
    path = {"PATH": f"{python.parent}:{cluster.environment['PATH']}"}
    job = cluster.submit(folder, *ONE_NODE, environment=path)
    assert job.wait_for_end() == "COMPLETED", job.log
    assert job.fact("Restarts") == "1"
    assert load(folder, "latest_checkpoint.pth")["global_step"]


def test_a_job_that_may_not_be_queued_again_is_saved_and_says_so(cluster: Cluster, folder: Path) -> None:
    job = cluster.submit(folder, "--no-requeue", *ONE_NODE, environment=HELD)
    job.wait_until_held(1)
    job.signal("USR1")
    assert (job.wait_for_end(), job.fact("ExitCode")) == ("FAILED", "138:0"), job.log
    assert f"SLURM did not requeue job {job.number}" in job.log
    assert load(folder, "interrupted_checkpoint.pth")["global_step"] == 6


def test_a_job_that_is_queued_again_needs_no_ckpt_path(cluster: Cluster, folder: Path) -> None:
    job_file = folder / "own.sbatch"
    job_file.write_text('#!/bin/sh\nsrun python train.py "$@"\n', encoding="utf-8")
    job = cluster.submit(folder, "--open-mode=append", *ONE_NODE, job_file=job_file, environment=HELD)
    job.wait_until_held(1)
    job.requeue()
    assert job.wait_for_end() == "COMPLETED", job.log
    assert "SLURM_RESTART_COUNT" in job.log
    assert "Resuming training from epoch" in job.log


def test_each_task_of_an_array_has_a_folder_and_is_queued_again_alone(cluster: Cluster, folder: Path) -> None:
    job = cluster.submit(folder, "--array=0-1", *ONE_NODE, environment=HELD)
    job.wait_until_held(2)
    # The last task has the array's own number for its SLURM_JOB_ID.
    job.task(1).signal("USR1")
    job.wait_until("the one queued again", lambda: job.task(1).fact("Restarts") == "1")
    assert (job.task(0).fact("JobState"), job.task(0).fact("Restarts")) == ("RUNNING", "0")
    job.task(0).signal("TERM")
    assert job.task(1).wait_for_end() == "COMPLETED", job.log
    assert job.task(0).wait_for_end() == "FAILED", job.log
    assert (folder / "checkpoints/task_0/interrupted_checkpoint.pth").exists()
    assert load(folder, "task_1/latest_checkpoint.pth")["epoch"] == 2
