from collections.abc import Iterator
from pathlib import Path

import pytest

from resume import set_language


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    """The language belongs to the process, and a test that reads arguments sets it."""
    set_language("en")
    yield
    set_language("en")


@pytest.fixture
def no_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one process of its start, whatever has started the tests."""
    for variable in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "RESUME_DECISION"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_launch: None) -> None:
    monkeypatch.chdir(tmp_path)
