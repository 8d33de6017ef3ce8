import os
from pathlib import Path

import pytest
import torch

from callbacks import AtomicCheckpointIO
from launch.loading import CheckpointError, load_for_resume, require_fit
from tests.helpers import checkpoint_folders
from tests.helpers.tiny import ScriptedScores, train


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(folder, [0.5])
    return folder / "latest_checkpoint.pth"


def test_a_sound_checkpoint_tells_its_run_and_leaves_the_module_alone(checkpoint: Path) -> None:
    module = ScriptedScores([0.5])
    before = {name: value.clone() for name, value in module.state_dict().items()}
    loaded = load_for_resume(checkpoint)
    require_fit(loaded, module)
    run = loaded.run
    assert (run.run_id, run.epoch, run.finished) == ("f" * 32, 1, True)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_a_checkpoint_of_another_network_is_refused_by_the_names_of_its_tensors(checkpoint: Path) -> None:
    module = ScriptedScores([0.5])
    module.network[0] = torch.nn.Linear(2, 5)
    with pytest.raises(CheckpointError, match=r"network\.0\.bias has shape \(4,\), expected \(5,\)"):
        require_fit(load_for_resume(checkpoint), module)


def test_a_checkpoint_with_other_layers_names_what_is_missing(checkpoint: Path) -> None:
    module = ScriptedScores([0.5])
    module.network.append(torch.nn.Linear(1, 1))
    with pytest.raises(CheckpointError, match=r"network\.3\.bias is missing"):
        require_fit(load_for_resume(checkpoint), module)


@pytest.mark.parametrize("keep", [0, 100, 2000])
def test_a_file_cut_short_is_refused(checkpoint: Path, tmp_path: Path, keep: int) -> None:
    cut = tmp_path / "cut.pth"
    cut.write_bytes(checkpoint.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        load_for_resume(cut)


def test_weights_alone_are_no_checkpoint(tmp_path: Path) -> None:
    torch.save({"network.weight": torch.zeros(1)}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match=r"not of this program \(no run\.json\)"):
        load_for_resume(tmp_path / "weights.pth")


def test_a_checkpoint_that_would_run_code_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"echo > {tmp_path / 'executed'}",)

    checkpoint_folders.write_zip(tmp_path / "bad.pth", {"state_dict": Payload()}, checkpoint_folders.facts(1))
    with pytest.raises(CheckpointError, match=r"cannot be loaded: would run code: (posix|nt)\.system"):
        load_for_resume(tmp_path / "bad.pth")
    assert not (tmp_path / "executed").exists()


def test_a_checkpoint_that_lacks_a_part_names_it(tmp_path: Path) -> None:
    content = {"state_dict": ScriptedScores([0.5]).state_dict(), "loops": {}, "run": checkpoint_folders.entry(1)}
    AtomicCheckpointIO().save_checkpoint(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="it has no callbacks, optimizer_states"):
        load_for_resume(tmp_path / "a.pth")
