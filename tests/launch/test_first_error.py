"""Of several errors, the first one is reported, and the run is saved."""

import pytest

from tests.helpers.failing import STEP
from tests.helpers.stopping import PlannedError
from tests.helpers.tiny_run import PATHS, TINY, Run, load

NEW = ["--no_interactive", "--lang=en", *PATHS, *TINY]
LATER = "another one came up: LaterError."


def callback(name: str) -> str:
    return f"--trainer.callbacks+=tests.helpers.failing.{name}"


@pytest.mark.parametrize("name", ["FailTwice", "FailInTeardown"])
def test_what_fails_after_an_error_hides_it_not_and_costs_no_step(
    run: Run, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with pytest.raises(PlannedError) as raised:
        run(*NEW, callback(name))
    assert raised.value.__context__ is None
    said = capsys.readouterr().out
    assert said.count(f"All steps before that ({STEP}) are saved") == 1
    assert LATER in said
    assert load("interrupted_checkpoint.pth")["run"]["global_step"] == STEP


def test_what_fails_after_a_stop_leaves_it_a_stop(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*NEW, callback("StopAndFail")) == 130
    said = capsys.readouterr().out
    assert LATER in said
    assert "Resume with:" in said


def test_a_signal_after_an_error_hides_it_not(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PlannedError) as raised:
        run(*NEW, callback("FailAndStop"))
    assert raised.value.__context__ is None
    said = "".join(capsys.readouterr())
    assert said.count(f"All steps before that ({STEP}) are saved") == 1
    assert "Interrupted" not in said


def test_a_single_error_is_raised_as_it_is(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PlannedError):
        run(*NEW, callback("FailAtStep"))
    assert "another one" not in capsys.readouterr().out
