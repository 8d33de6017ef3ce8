import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch

from callbacks import CheckpointError, load_for_resume
from resume.system.durable_files import staged
from tests.helpers.tiny import ScriptedScores, load, run_state, train


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(folder, [0.5])
    return folder / "latest_checkpoint.pth"


def test_a_sound_checkpoint_tells_its_run_and_leaves_the_module_alone(checkpoint: Path) -> None:
    module = ScriptedScores([0.5])
    before = {name: value.clone() for name, value in module.state_dict().items()}
    run = load_for_resume(checkpoint, module)
    assert (run["run_id"], run["epoch"], run["finished"]) == ("f" * 32, 1, True)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_a_checkpoint_of_another_network_is_refused_by_the_names_of_its_tensors(checkpoint: Path) -> None:
    module = ScriptedScores([0.5])
    module.network[0] = torch.nn.Linear(2, 5)
    with pytest.raises(CheckpointError, match=r"network\.0\.bias has shape \(4,\), expected \(5,\)"):
        load_for_resume(checkpoint, module)


def test_a_checkpoint_with_other_layers_names_what_is_missing(checkpoint: Path) -> None:
    module = ScriptedScores([0.5])
    module.network.append(torch.nn.Linear(1, 1))
    with pytest.raises(CheckpointError, match=r"network\.3\.bias is missing"):
        load_for_resume(checkpoint, module)


@pytest.mark.parametrize("keep", [0, 100, 2000])
def test_a_file_cut_short_is_refused(checkpoint: Path, tmp_path: Path, keep: int) -> None:
    cut = tmp_path / "cut.pth"
    cut.write_bytes(checkpoint.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        load_for_resume(cut, ScriptedScores([0.5]))


def test_weights_alone_are_no_checkpoint(tmp_path: Path) -> None:
    torch.save({"network.weight": torch.zeros(1)}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="not a Lightning checkpoint"):
        load_for_resume(tmp_path / "weights.pth", ScriptedScores([0.5]))


def test_a_checkpoint_that_would_run_code_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"echo > {tmp_path / 'executed'}",)

    torch.save({"state_dict": Payload()}, tmp_path / "bad.pth")
    with pytest.raises(CheckpointError, match=r"cannot be loaded: would run code: (posix|nt)\.system"):
        load_for_resume(tmp_path / "bad.pth", ScriptedScores([0.5]))
    assert not (tmp_path / "executed").exists()


def test_a_resume_says_the_epoch_that_runs_next_and_keeps_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, [0.1, 0.2], max_epochs=2)
    parent = {"run_id": "f" * 32, "file": "here/latest_checkpoint.pth", "global_step": 8}
    train(tmp_path, [0.1, 0.2, 0.3], ckpt_path=tmp_path / "latest_checkpoint.pth", state=run_state(tmp_path, parent))
    said = capsys.readouterr().out
    assert "Checkpoint loaded from here/latest_checkpoint.pth" in said
    assert "Resuming training from epoch 3/3" in said
    assert load(tmp_path / "latest_checkpoint.pth")["run"]["parent"] == parent


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
