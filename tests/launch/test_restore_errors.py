"""A state that only its own part can read: if that fails, one message, and every file is where it was."""

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.forging import forge
from tests.helpers.tiny_run import PATHS, Run, contents

LATEST = Path("checkpoints/latest_checkpoint.pth")
RESUME = ["--no_interactive", "--lang=en", *PATHS, "--max_epochs=3", "--ckpt_path=latest"]
OWN = """
from lightning.pytorch import Callback


class Remembers(Callback):
    def state_dict(self):
        return {"seen": 1}

    def load_state_dict(self, state_dict):
        self.seen = state_dict["seen"] + 1
"""


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("callbacks", "TrainingHistory", {"rows": [{"epoch": "text"}]}),
        ("callbacks", "CheckpointFiles", {"monitor": "val/iou"}),
        pytest.param("train_loss", "epoch", None, marks=pytest.mark.slow),
        pytest.param("bad_steps", "epoch", ["text", 0], marks=pytest.mark.slow),
    ],
)
def test_a_part_that_cannot_read_its_state_is_named_and_every_file_stays(
    trained: Run, capsys: pytest.CaptureFixture[str], part: str, key: Any, value: Any
) -> None:
    forge(LATEST, lambda content: content[part].__setitem__(key, value))
    before = contents()
    assert trained(*RESUME) == 2
    said = capsys.readouterr().err
    assert "latest_checkpoint.pth cannot be loaded: its state cannot be restored (" in said
    assert "Traceback" not in said
    assert contents() == before


def test_an_error_in_code_of_ones_own_keeps_its_traceback(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("remembering.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    forge(LATEST, lambda content: content["callbacks"].__setitem__("Remembers", {"seen": "text"}))
    before = contents()
    with pytest.raises(TypeError):
        trained(*RESUME, "--trainer.callbacks+=remembering.Remembers")
    assert contents() == before
