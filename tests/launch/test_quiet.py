"""What Lightning prints: nothing in a plain run, and what a flag has asked for."""

import re
import warnings
from collections.abc import Iterator

import pytest
from lightning_utilities.core.rank_zero import rank_zero_info

from launch.quiet import quiet
from resume.system.output import set_silent
from tests.helpers.tiny_run import PATHS, TINY, Run

NEW = ["--no_interactive", "--lang=en", *PATHS, *TINY]
STOPS_EARLY = ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val/loss"]
STOPS_EARLY += ["--trainer.callbacks.verbose=true", "--trainer.callbacks.stopping_threshold=1000"]
HINT = "You should set `torch.set_float32_matmul_precision('medium' | 'high')`"


@pytest.fixture(autouse=True)
def _audible() -> Iterator[None]:
    with warnings.catch_warnings():
        yield
    set_silent(False)


def test_a_plain_run_and_its_resume_print_what_the_program_says_and_nothing_else(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(*NEW, "--max_epochs=1") == 0
    assert run("--lang=en", "--ckpt_path=latest", "--max_epochs=2") == 0
    said, complained = capfd.readouterr()
    own = r"No checkpoint|Device|Data|Starting|Loading|Checkpoint loaded|Resuming|Epoch|Done|Ended|Best|To train|  "
    own += r"|Learning rate on the new length|Names|Ground truth|Images"
    assert [line for line in said.splitlines() if not re.match(own, line)] == []
    assert complained == ""


def test_what_flags_ask_for_is_printed(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    asked = ["--trainer.profiler=simple", "--trainer.enable_model_summary=true", "--trainer.limit_train_batches=1"]
    assert run(*NEW, "--max_epochs=2", *asked, *STOPS_EARLY) == 0
    said = capfd.readouterr().out
    for words in (
        r"^FIT Profiler Report$",
        r"^\|  run_training_epoch +\|  [\d.]+ +\|  1 ",
        r"^Trainable params: \d+",
        r"^`Trainer\(limit_train_batches=1\)` was configured so 1 batch per epoch will be used\.",
        r"^Stopping threshold reached: val/loss = ",
    ):
        assert len(re.findall(words, said, re.MULTILINE)) == 1, words


def test_the_profile_of_a_run_that_a_time_limit_stops_is_printed_too(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    stopped = ["--trainer.max_time", "{microseconds: 1}", "--trainer.profiler=simple"]
    assert run(*NEW, *stopped) == 0
    said = capfd.readouterr().out
    assert said.index("FIT Profiler Report") < said.index("The time limit of trainer.max_time or a Timer is reached")


def test_the_hint_about_matrix_products_names_what_can_be_typed(capfd: pytest.CaptureFixture[str]) -> None:
    quiet()
    rank_zero_info(HINT)
    command = "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE=1 python train.py ..."
    assert capfd.readouterr().out == f"{HINT}\nFrom the shell: {command}\n"


def test_only_the_process_that_prints_passes_on_what_lightning_says(capfd: pytest.CaptureFixture[str]) -> None:
    quiet()
    set_silent(True)
    rank_zero_info("Metric val/loss improved.")
    assert capfd.readouterr() == ("", "")
