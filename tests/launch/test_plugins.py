import pytest
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

from launch.plugins import cluster_plugins

JOB = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "1", "SLURM_JOB_NAME": "train"}


@pytest.fixture(autouse=True)
def _in_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)


def test_lightning_queues_no_job_again_by_itself() -> None:
    (plugin,) = cluster_plugins([])
    assert isinstance(plugin, SLURMEnvironment)
    assert not plugin.auto_requeue


def test_a_configured_environment_stays_the_only_one() -> None:
    assert cluster_plugins([LightningEnvironment()]) == []


def test_torchrun_comes_before_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert cluster_plugins([]) == []


def test_tasks_that_are_not_counted_by_node_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "2")
    with pytest.raises(ValueError, match="--ntasks-per-node"):
        cluster_plugins([])


def test_outside_of_a_job_nothing_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_NTASKS")
    assert cluster_plugins([]) == []
