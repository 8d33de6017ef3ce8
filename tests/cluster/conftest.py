import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import train
from tests.cluster.slurm import Cluster, why_not
from tests.helpers.pictures import draw_pairs


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A SLURM cluster of two nodes, started for the first test that asks for it."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    started = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def folder_with_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    draw_pairs(folder / "Data", 12)
    (folder / "train.py").symlink_to(train.__file__)
    return folder


@pytest.fixture
def folder(tmp_path: Path, folder_with_data: Path) -> Path:
    """A folder with data and train.py, from which jobs are sent."""
    return shutil.copytree(folder_with_data, tmp_path / "job", symlinks=True)
