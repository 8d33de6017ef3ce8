from pathlib import Path
from typing import Any

import pytest

from exactness import __main__ as exactness

TINY = ["--data.image_path=null", "--data.gt_path=null", "--data.sample_pairs=30", "--data.image_size=16"]
TINY += ["--batch_size=4", "--data.num_workers=0"]
SMALL_UNET = ["--model.network.width=2", "--model.network.depth=1"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_a_configuration_that_resumes_exactly_is_called_identical(capsys: pytest.CaptureFixture[str]) -> None:
    assert exactness.main([*TINY, *SMALL_UNET, "--model.network.dropout=0.5"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "identical"
    assert not Path("checkpoints").exists()


@pytest.mark.slow
def test_a_network_with_a_generator_of_its_own_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert exactness.main([*TINY, "--model.network=tests.helpers.unruly.OwnDropout"]) == 1
    said = capsys.readouterr().out
    assert "first in epoch 1, batch 4: loss" in said
    assert "a generator of its own" in said


@pytest.mark.slow
def test_an_augmentation_that_keeps_a_state_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert exactness.main([*TINY, *SMALL_UNET, "--data.augmentation+=tests.helpers.unruly.Brightening"]) == 1
    said = capsys.readouterr().out
    assert "first in epoch 1, batch 4: batch" in said
    assert "An augmentation" in said


def test_a_wrong_flag_ends_the_check_with_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert exactness.main(["--batchsize=3"]) == 2
    assert "batchsize" in capsys.readouterr().err


STEPS: dict[tuple[int, int], Any] = {(0, 0): {"batch": 1, "loss": 2}, (0, 1): {"batch": 3, "loss": 4}}


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (STEPS, None),
        ({**STEPS, (0, 1): {"batch": 3, "loss": 5}}, ((0, 1), "loss")),
        ({(0, 0): {"batch": 0, "loss": 0}, (0, 1): {"batch": 0, "loss": 0}}, ((0, 0), "batch")),
        ({(0, 0): {"batch": 1}, (0, 1): STEPS[0, 1]}, ((0, 0), "loss")),
        ({(0, 0): STEPS[0, 0]}, ((0, 1), "a batch that only one run has trained")),
    ],
    ids=["none", "loss of the second", "batch of the first", "not computed", "not trained"],
)
def test_the_first_batch_and_the_first_part_of_it_that_differ_are_found(other: Any, difference: object) -> None:
    assert exactness.first_difference(STEPS, other) == difference


@pytest.mark.parametrize(
    ("name", "repeats", "cause"),
    [
        ("batch", True, "An augmentation"),
        ("loss", False, "no deterministic form"),
        ("loss", True, "a generator of its own"),
        ("network.weight", True, "The optimizer or a callback"),
    ],
)
def test_each_difference_has_its_likely_cause(name: str, repeats: bool, cause: str) -> None:
    assert cause in exactness.likely_cause(name, repeats)
