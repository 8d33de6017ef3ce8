"""Checkpoints whose weights are NaN, as another program or an earlier version may leave them."""

import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from callbacks import AtomicCheckpointIO
from launch.loading import CheckpointError, load_for_resume, require_fit
from resume import Fresh, Resume, ResumeError, choose, read_arguments
from resume.checkpoints.catalog import read_catalog
from resume.checkpoints.verification import read_run
from resume.decision import Decision
from resume.menu.dialogue import _recommended
from resume.menu.layout import entries, entry_lines
from resume.system.launch_info import Launch
from tests.helpers.tiny import ScriptedScores, train


def poison(path: Path, value: float = math.nan, index: int = 0) -> None:
    """Save a checkpoint again, with one weight replaced; names that are linked to it stay as they are."""
    content = {**torch.load(path, weights_only=True), "run": read_run(path)}
    content["state_dict"]["network.0.weight"].view(-1)[index] = value
    AtomicCheckpointIO().save_checkpoint(content, path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of three epochs, the second of them the best, whose latest checkpoint has a NaN weight."""
    monkeypatch.chdir(tmp_path)
    train(Path("checkpoints"), [0.1, 0.3, 0.2])
    poison(Path("checkpoints/latest_checkpoint.pth"))
    return Path("checkpoints")


def decide(*argv: str) -> Decision:
    return choose(read_arguments(["--lang=en", *argv], Launch.from_environment()))


def test_auto_passes_over_nan_weights(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decision = decide("--ckpt_path=auto")
    assert isinstance(decision, Resume)
    assert decision.path.name == "checkpoint_epoch_3.pth"
    assert "auto skips latest_checkpoint.pth: its weights are NaN (network.0.weight)." in capsys.readouterr().out
    assert decision.archive is not None
    assert [file.name for file in decision.archive.files] == ["latest_checkpoint.pth"]


def test_a_restarted_job_passes_over_nan_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    decision = decide()
    assert isinstance(decision, Resume)
    assert decision.path.name == "checkpoint_epoch_3.pth"


def test_auto_starts_a_new_run_where_all_weights_are_nan(folder: Path) -> None:
    for path in folder.glob("*.pth"):
        poison(path)
    assert isinstance(decide("--ckpt_path=auto"), Fresh)


def test_nan_weights_that_are_named_are_refused_and_the_usable_ones_are_named(folder: Path) -> None:
    with pytest.raises(ResumeError, match=r"its weights are NaN .* Use --ckpt_path best, --ckpt_path epoch") as error:
        decide("--ckpt_path=latest")
    assert error.value.exit_code == 2
    with pytest.raises(ResumeError, match=r"its weights are NaN .* Use --ckpt_path \S*checkpoint_epoch_3\.pth"):
        decide("--ckpt_path", str(folder / "latest_checkpoint.pth"))


def test_the_menu_says_which_weights_are_nan_and_recommends_others(folder: Path) -> None:
    catalog = read_catalog(folder)
    shown = entry_lines(entries(catalog, datetime.now(UTC)), 120)
    assert shown[0].endswith("damaged: its weights are NaN (network.0.weight)")
    assert _recommended(catalog) == "3"


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_loading_refuses_whatever_is_not_finite(folder: Path, value: float) -> None:
    path = folder / "checkpoint_epoch_3.pth"
    poison(path, value, index=-1)
    with pytest.raises(CheckpointError, match=r"(NaN|not finite) \(network\.0\.weight\).*best_model\.pth"):
        require_fit(load_for_resume(path), ScriptedScores([0.5]))
