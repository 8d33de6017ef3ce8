"""Nothing that a file brings is printed as it is: names of files, tensors, settings and machines are shown escaped."""

import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from callbacks.history_plot import save_history
from resume.checkpoints.verification import read_run
from resume.run_files import LOCK, LOCK_RECORD
from resume.system.lock import FolderLock
from tests.helpers.forging import forge
from tests.helpers.pictures import draw_pair
from tests.helpers.tiny_run import PATHS, TINY, Run

# Clears the terminal, sets its title, and looks like a line of the program.
EVIL = "\x1b[2J\x1b]0;title\x07\nDone: 9 epochs."
SHOWN = r"\x1b[2J\x1b]0;title\x07\nDone: 9 epochs."
LATEST = Path("checkpoints/latest_checkpoint.pth")
RESUME = ["--no_interactive", "--lang=en", "--max_epochs=3", "--ckpt_path=latest"]
NEW = ["--no_interactive", "--lang=en", *PATHS, *TINY, "--max_epochs=1", "--checkpoint_dir=new"]
needs_such_names = pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")


def is_shown_escaped(said: str) -> bool:
    return SHOWN[:20] in said and all(char.isprintable() or char == "\n" for char in said)


def name_a_tensor() -> None:
    forge(LATEST, lambda content: content["state_dict"].__setitem__(EVIL, torch.ones(1)))


def name_a_state() -> None:
    forge(LATEST, lambda content: content["callbacks"].__setitem__("EarlyStopping{" + EVIL, 1))


def set_a_setting() -> None:
    settings = yaml.safe_load(read_run(LATEST).config)
    settings["trainer"]["accumulate_grad_batches"] = EVIL
    forge(LATEST, lambda content: content.__setitem__("run", replace(content["run"], config=json.dumps(settings))))


def name_a_setting() -> None:
    Path("checkpoints/config.yaml").write_text(json.dumps({EVIL: 1}), encoding="utf-8")


@pytest.mark.parametrize("harm", [name_a_tensor, name_a_state, name_a_setting, set_a_setting])
def test_what_a_checkpoint_or_its_configuration_names_is_shown_escaped(
    trained: Run, capfd: pytest.CaptureFixture[str], harm: Callable[[], None]
) -> None:
    harm()
    assert trained(*RESUME) == 2
    assert is_shown_escaped("".join(capfd.readouterr()))


@needs_such_names
@pytest.mark.parametrize("values", [None, (0, 7)])
def test_the_name_of_an_image_is_shown_escaped(
    run: Run, capfd: pytest.CaptureFixture[str], values: tuple[int, ...] | None
) -> None:
    if values is None:
        Path("Data/images", f"{EVIL}.png").write_bytes(b"")
    else:
        draw_pair(Path("Data"), EVIL, values=values)
    classes = ["--data.gt_reading=values", "--data.num_classes=2", "--data.class_values=[0,255]"]
    assert run(*NEW, *classes) == 2
    assert is_shown_escaped("".join(capfd.readouterr()))


def test_the_machine_that_holds_a_lock_is_shown_escaped(trained: Run, capfd: pytest.CaptureFixture[str]) -> None:
    with FolderLock(Path("checkpoints", LOCK)) as lock:
        lock.take()
        record = Path("checkpoints", LOCK_RECORD)
        record.write_text(json.dumps(json.loads(record.read_text("utf-8")) | {"host": EVIL}), encoding="utf-8")
        assert trained(*RESUME) == 2
        assert is_shown_escaped("".join(capfd.readouterr()))


def test_the_name_of_a_metric_is_a_label_and_neither_a_formula_nor_two_lines(tmp_path: Path) -> None:
    name = rf"val/$\frac${EVIL}"
    rows = [{"epoch": 1, "lr": 0.1, name: 0.5}, {"epoch": 2, "lr": 0.1, name: math.nan}]
    save_history(tmp_path / "plot.png", rows, [], name, 1)
    assert (tmp_path / "plot.png").stat().st_size > 1000
