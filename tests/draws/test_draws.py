"""What a flag that is changed at a resume does: the list is complete, and each flag of it is tried."""

import re
from pathlib import Path

import pytest

import train
from resume.flags import KEYS
from tests.draws.checking import Draws
from tests.draws.drawing import draw
from tests.draws.flags import CHANGES, NOT_DRAWN


def test_every_flag_of_the_help_has_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train.main(["--help"])
    found = re.findall(r"^  (?:-\w+(?: \w+)?, )?--([\w.]+)", capsys.readouterr().out, re.MULTILINE)
    flags = {KEYS.get(name, name) for name in found if not name.endswith(".help")}
    assert {*CHANGES, *NOT_DRAWN} == flags - {"help", "data", "model", "checkpoint", "trainer"}


@pytest.mark.slow
@pytest.mark.timeout(900)
# What Lightning says, and rightly, where a draw adds averaging to a run that had none.
@pytest.mark.filterwarnings("ignore:The checkpoint was not created with WeightAveraging:UserWarning")
def test_every_flag_keeps_its_promise_when_it_is_changed_at_a_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callbacks.training_history.save_history", lambda path, *_: path.touch())
    draws = Draws(tmp_path)
    broken = {seed: problems for seed in range(len(CHANGES)) if (problems := draws.problems(draw(seed)))}
    assert broken == {}
