import subprocess

import pytest
import torch

from launch import conditions
from launch.conditions import ROOT, device_line, git_commit, versions


def test_the_cpu_is_named() -> None:
    assert device_line(torch.device("cpu")).startswith("CPU (")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_gpu_is_named() -> None:
    assert device_line(torch.device("cuda", 0)) == f"CUDA: {torch.cuda.get_device_name(0)}"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, and it is used")
def test_a_driver_that_torch_cannot_use_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "has_nvidia_driver", lambda: True)
    assert "Warning: this machine has an NVIDIA driver" in device_line(torch.device("cpu"))


def test_the_commit_is_that_of_the_checkout() -> None:
    if not (ROOT / ".git").exists():
        assert git_commit() is None
        return
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    assert git_commit() == (head.stdout.strip() if head.returncode == 0 else None)


def test_versions_are_plain_text() -> None:
    assert {type(version) for version in versions().values()} == {str}
