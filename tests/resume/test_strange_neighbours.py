"""Whatever has the name of a file of the run, a start answers soon, with little memory, and names it."""

import subprocess
import sys
from pathlib import Path

import pytest

from resume import ResumeError, choose, read_arguments
from resume.configuration import run_settings
from resume.decision import Resume
from resume.run_files import CONFIG, INTERRUPTED, LATEST, LOCK_RECORD
from tests.helpers import checkpoint_folders
from tests.helpers.strange_files import ALIAS_BOMB, DEEP_YAML, FORMS

pytestmark = pytest.mark.usefixtures("own_folder")
ROOT = Path(__file__).parents[2]
SECONDS = 2.0
MEGABYTES = 150
# The memory of a process that has read the modules.
START = """
import sys, time
from resume import ResumeError, choose, read_arguments
from resume.configuration import run_settings
begun = time.process_time()
try:
    arguments = read_arguments(["--ckpt_path", "latest"])
    run_settings(choose(arguments))
except ResumeError as error:
    print(error)
seconds = time.process_time() - begun
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024, seconds)
"""


def refused(*argv: str) -> str | None:
    """What a start says that refuses; None if it would go on."""
    try:
        decision = choose(read_arguments(list(argv)))
        if isinstance(decision, Resume):
            run_settings(decision)
    except ResumeError as error:
        return str(error)
    return None


@pytest.mark.parametrize("form", [form for form in FORMS if form != "deep_yaml" and form != "alias_bomb"])
def test_a_record_that_is_none_is_named(form: str) -> None:
    folder = checkpoint_folders.fill(Path("checkpoints"))
    FORMS[form](folder / LOCK_RECORD)
    said = refused("--ckpt_path", "latest")
    assert said is not None
    assert LOCK_RECORD in said
    assert "remove it" in said


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("deep_json", "many_lists")])
def test_a_configuration_that_cannot_be_read_is_named(form: str) -> None:
    folder = checkpoint_folders.fill(Path("checkpoints"))
    (folder / CONFIG).unlink()
    FORMS[form](folder / CONFIG)
    said = refused("--ckpt_path", "latest")
    assert said is not None
    assert CONFIG in said


@pytest.mark.parametrize("form", FORMS)
def test_auto_passes_over_what_is_no_checkpoint(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = checkpoint_folders.fill(Path("checkpoints"))
    (folder / INTERRUPTED).unlink()
    FORMS[form](folder / INTERRUPTED)
    assert refused("--ckpt_path", "auto") is None
    assert f"skips {INTERRUPTED}" in capsys.readouterr().out
    said = refused("--ckpt_path", "interrupted")
    assert said is not None
    assert INTERRUPTED in said


@pytest.mark.parametrize(
    ("config", "reason"),
    [(ALIAS_BOMB, "too large"), (DEEP_YAML, "nested too deeply"), ("a: [", "no valid YAML"), ("- a", "no mapping")],
)
def test_a_checkpoint_whose_configuration_is_none_is_refused_and_auto_passes_over_it(
    config: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = checkpoint_folders.fill(Path("checkpoints"))
    checkpoint_folders.save(folder / INTERRUPTED, 4, batch=4, config=config)
    arguments = read_arguments(["--ckpt_path", "auto"])
    decision = choose(arguments)
    assert isinstance(decision, Resume)
    assert decision.path == folder / LATEST
    said = capsys.readouterr().out
    assert f"skips {INTERRUPTED}: its configuration" in said
    assert reason in said
    refusal = refused("--ckpt_path", "interrupted")
    assert refusal is not None
    assert reason in refusal


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of one process")
@pytest.mark.parametrize(
    ("name", "form"),
    [(LOCK_RECORD, "many_lists"), (CONFIG, "alias_bomb"), (LATEST, "sparse"), (CONFIG, "sparse"), (LATEST, "pipe")],
)
def test_an_answer_takes_little_time_and_memory(name: str, form: str) -> None:
    folder = checkpoint_folders.fill(Path("checkpoints"))
    (folder / name).unlink(missing_ok=True)
    FORMS[form](folder / name)
    done = subprocess.run(
        [sys.executable, "-c", START],
        check=True, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    said, measured = done.stdout.strip().splitlines()
    peak, seconds = measured.split()
    assert name in said
    assert int(peak) < MEGABYTES
    assert float(seconds) < SECONDS
