"""What a run depends on: device, versions, commit."""

import platform
import shutil
import subprocess
from pathlib import Path

import lightning
import numpy as np
import PIL
import torch
import torchvision

from callbacks.run_state import machine as machine
from resume.system.output import text

ROOT = Path(__file__).resolve().parent.parent


def device_line(device: torch.device) -> str:
    """Name the device that trains, and warn if torch cannot use a GPU of this machine."""
    if device.type == "cuda":
        return f"CUDA: {torch.cuda.get_device_name(device)}"
    if device.type != "cpu":
        return device.type.upper()
    line = text("CPU ({count} threads)").format(count=torch.get_num_threads())
    if torch.version.cuda is None and has_nvidia_driver():
        warning = text(
            "Warning: this machine has an NVIDIA driver, but the installed torch ({version}) is a CPU build. Install a "
            "CUDA build of torch to train on the GPU."
        )
        return f"{line}\n{warning.format(version=torch.__version__)}"
    if not torch.cuda.is_available() and has_nvidia_driver():
        warning = text(
            "Warning: this machine has an NVIDIA driver, but torch ({version}, CUDA {cuda}) finds no usable GPU. The "
            "driver may be too old for it."
        )
        return f"{line}\n{warning.format(version=torch.__version__, cuda=torch.version.cuda)}"
    return line


def has_nvidia_driver() -> bool:
    """Whether an NVIDIA driver is installed, as far as can be known without torch."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def versions() -> dict[str, str]:
    """The versions that a bit-for-bit resume depends on."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),  # a str subclass, which weights_only would not load
        "torchvision": str(torchvision.__version__),
        "lightning": lightning.__version__,
        "numpy": np.__version__,
        "Pillow": PIL.__version__,
    }


def git_commit() -> str | None:
    """The commit of the program; None if it does not run from a git checkout."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return None
    found = subprocess.run(  # noqa: S603 (fixed arguments)
        [git, "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() if found.returncode == 0 else None
