import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from callbacks import RunState
from resume.checkpoints.run_config import settings_of
from resume.checkpoints.run_entry import ResumedFrom
from resume.checkpoints.signature import is_signed, signed
from resume.system.durable_files import staged
from tests.helpers.tiny import load, run_state, train


def test_a_resume_says_the_epoch_that_runs_next_and_keeps_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, [0.1, 0.2], max_epochs=2)
    origin = ResumedFrom("f" * 32, "here/latest_checkpoint.pth", 8)
    train(tmp_path, [0.1, 0.2, 0.3], ckpt_path=tmp_path / "latest_checkpoint.pth", state=run_state(tmp_path, origin))
    said = capsys.readouterr().out
    assert "Checkpoint loaded from here/latest_checkpoint.pth" in said
    assert "Resuming training from epoch 3/3" in said
    assert load(tmp_path / "latest_checkpoint.pth")["run"]["resumed_from"] == asdict(origin)


def test_each_checkpoint_says_on_what_it_was_trained(tmp_path: Path) -> None:
    train(tmp_path, [0.1])
    machine = load(tmp_path / "latest_checkpoint.pth")["run"]["machine"]
    assert machine == {
        "device": "cpu",
        "processes": "1",
        "threads": str(torch.get_num_threads()),
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }


def test_a_run_resumed_at_an_epoch_end_has_the_weights_of_the_uninterrupted_one(tmp_path: Path) -> None:
    train(tmp_path / "whole", [0.1, 0.2, 0.3])
    train(tmp_path / "parts", [0.1])
    torch.manual_seed(12345)
    train(tmp_path / "parts", [0.1, 0.2, 0.3], ckpt_path=tmp_path / "parts" / "latest_checkpoint.pth")
    whole, parts = (load(tmp_path / name / "latest_checkpoint.pth") for name in ("whole", "parts"))
    assert all(torch.equal(whole["state_dict"][name], parts["state_dict"][name]) for name in whole["state_dict"])


def test_each_step_draws_numbers_of_its_own(tmp_path: Path) -> None:
    train(tmp_path / "one", [0.1])
    train(tmp_path / "other", [0.1], state=run_state(tmp_path / "other", seed=2))
    one, other = (load(tmp_path / name / "latest_checkpoint.pth")["state_dict"] for name in ("one", "other"))
    assert not torch.equal(one["network.0.weight"], other["network.0.weight"])


def test_the_configuration_is_written_when_training_starts_and_not_when_it_never_does(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="val_check_interval"):
        train(tmp_path, [0.1], trainer_settings={"val_check_interval": 1000})
    assert not (tmp_path / "config.yaml").exists()
    train(tmp_path, [0.1])
    assert (tmp_path / "config.yaml").read_text(encoding="utf-8") == "trainer: {}\n"


def test_a_full_disk_at_the_start_does_not_stop_training_and_the_configuration_comes_with_the_next_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text("trainer: of the start before\n", encoding="utf-8")
    monkeypatch.setattr("callbacks.run_state.staged", full_once(staged))
    train(tmp_path, [0.1])
    assert "config.yaml was not written (No space left on device)" in capsys.readouterr().out
    assert (tmp_path / "config.yaml").read_text(encoding="utf-8") == "trainer: {}\n"


def full_once(write: Callable[[Path], AbstractContextManager[Path]]) -> Callable[[Path], AbstractContextManager[Path]]:
    """Refuses the first file."""
    refused: list[Path] = []

    def refuse_first(path: Path) -> AbstractContextManager[Path]:
        if not refused:
            refused.append(path)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path)

    return refuse_first


def test_a_configuration_that_training_has_changed_is_signed_anew(tmp_path: Path) -> None:
    state = RunState(signed(replace(run_state(tmp_path).entry, trusted=("own.Net",))), 1, str(tmp_path))
    before = state.entry.signature
    state.change_trainer_settings({"max_epochs": 7})
    entry = state.entry
    assert is_signed(entry.run_id, settings_of(entry.config), entry.trusted, entry.signature)
    assert entry.signature not in ("", before)
