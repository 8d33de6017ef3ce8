"""The size of a checkpoint, estimated before training, and that of the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import resume
from launch import checkpoint_size
from tests.helpers.tiny_run import PATHS, TINY, Run

OPTIMIZER = "--model.optimizer="


class Factored(torch.optim.Optimizer):
    """Keeps a row and a column for each matrix, and reads a number of the gradient."""

    def __init__(self, params: Any, lr: float = 1e-3) -> None:
        super().__init__(params, {"lr": lr})

    def step(self, closure: Any = None) -> Any:
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None and weight.grad.norm().item() >= 0:
                    self.state[weight].setdefault(
                        "row", weight.flatten(1).mean(1) if weight.ndim > 1 else weight.mean()
                    )
        return loss


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--model.network.width=16", f"{OPTIMIZER}torch.optim.Adam", "--model.optimizer.amsgrad=true"],
        ["--model.network.width=16", f"{OPTIMIZER}torch.optim.SGD"],
        ["--model.network.width=16", f"{OPTIMIZER}torch.optim.SGD", "--model.optimizer.momentum=0.9"],
        ["--model.network.width=16", f"{OPTIMIZER}torch.optim.Adafactor"],
        ["--model.network.width=16", f"{OPTIMIZER}tests.launch.test_checkpoint_size.Factored"],
        ["--model.network.width=16", "--trainer.callbacks+=lightning.pytorch.callbacks.EMAWeightAveraging"],
        ["--model.network.width=16", "--trainer.precision=bf16-true"],
    ],
    ids=["tiny", "amsgrad", "plain SGD", "momentum", "Adafactor", "of its own class", "averaged weights", "16 bits"],
)
def test_the_estimate_is_within_a_tenth_of_the_file(run: Run, monkeypatch: pytest.MonkeyPatch, args: list[str]) -> None:
    estimated = []
    estimate = checkpoint_size.checkpoint_size

    def noted(*things: Any) -> int:
        estimated.append(estimate(*things))
        return estimated[-1]

    monkeypatch.setattr(checkpoint_size, "checkpoint_size", noted)
    assert run("--no_interactive", *PATHS, *TINY, "--max_epochs=1", *args) == 0
    size = Path("checkpoints/latest_checkpoint.pth").stat().st_size
    assert estimated == [pytest.approx(size, rel=0.1)], size


def test_a_run_on_a_disk_with_room_for_its_checkpoints_is_neither_refused_nor_warned(
    run: Run, mounted: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = mounted("size=1m")
    asked = []
    require = resume.require_space

    def noted(decision: Any, size: int, kept: int) -> Any:
        asked.append((size, kept))
        (folder / "ballast").write_bytes(bytes(2**20 - size * (kept + 1) - 100_000))  # and for the plot
        return require(decision, size, kept)

    monkeypatch.setattr(resume, "require_space", noted)
    assert run("--no_interactive", *PATHS, *TINY, "--max_epochs=5", "--checkpoint_dir", str(folder / "run")) == 0
    said = capsys.readouterr().out
    assert "Warning" not in said
    ((size, kept),) = asked
    contents = {path.stat().st_ino: path.stat().st_size for path in (folder / "run").glob("*.pth")}
    assert len(contents) < kept == 6
    assert sum(contents.values()) < size * kept
