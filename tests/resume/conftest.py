from collections.abc import Iterator
from pathlib import Path

import pytest

from resume.system.output import set_language, set_silent


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    """Language and silence belong to the process; tests that read arguments set them."""
    set_language("en")
    yield
    set_language("en")
    set_silent(False)


@pytest.fixture
def no_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one process of its start, whatever has started the tests."""
    for variable in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "RESUME_DECISION"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_launch: None) -> None:
    monkeypatch.chdir(tmp_path)
