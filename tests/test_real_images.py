"""Training on real images of cell nuclei, stopped half-way."""

import csv
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.real_data import REAL

ROOT = Path(__file__).resolve().parent.parent
NUCLEI = REAL / "dsb2018_mini"
EPOCHS = 8

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not NUCLEI.is_dir(), reason="the nuclei are not there: ../shared/data/dsb2018_mini"),
    pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to another process"),
]


def test_nuclei_are_segmented_by_a_run_that_was_interrupted_half_way(tmp_path: Path) -> None:
    for image in (NUCLEI / "images").iterdir():
        with Image.open(image) as opened:
            size = opened.size
        if size == (256, 256):
            for folder in ("images", "gt"):
                (tmp_path / folder).mkdir(exist_ok=True)
                shutil.copy(NUCLEI / folder / image.name, tmp_path / folder)
    program = [sys.executable, str(ROOT / "train.py")]
    args = [
        "--image_path=images",
        "--gt_path=gt",
        "--batch_size=4",
        "--model.optimizer.lr=0.002",
        f"--max_epochs={EPOCHS}",
    ]
    with subprocess.Popen([*program, *args], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any(line.startswith(f"Epoch {EPOCHS // 2}/") for line in lines)
        process.send_signal(signal.SIGINT)
        assert "saved checkpoints/interrupted_checkpoint.pth" in "".join(lines)
    assert process.returncode == 130
    subprocess.run([*program, "--resume=interrupted"], cwd=tmp_path, stdout=subprocess.DEVNULL, check=True)
    with (tmp_path / "checkpoints" / "training_history.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, EPOCHS + 1))
    assert max(float(row["val/iou_per_image"]) for row in rows) >= 0.70
