from pathlib import Path

import pytest

from exactness import __main__ as exactness

TINY = ["--data.image_path=null", "--data.gt_path=null", "--data.sample_pairs=30", "--data.image_size=16"]
TINY += ["--batch_size=4", "--data.num_workers=0"]
SMALL_UNET = ["--model.network.width=2", "--model.network.depth=1"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_configuration_that_resumes_exactly_is_called_identical(capsys: pytest.CaptureFixture[str]) -> None:
    assert exactness.main([*TINY, *SMALL_UNET, "--model.network.dropout=0.5"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "identical"
    assert not Path("checkpoints").exists()


def test_a_network_with_a_generator_of_its_own_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert exactness.main([*TINY, "--model.network=tests.helpers.unruly.OwnDropout"]) == 1
    said = capsys.readouterr().out
    assert "first in epoch 1, batch 4: loss" in said
    assert "a generator of its own" in said


def test_an_augmentation_that_remembers_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert exactness.main([*TINY, *SMALL_UNET, "--data.augmentation+=tests.helpers.unruly.Brightening"]) == 1
    said = capsys.readouterr().out
    assert "first in epoch 1, batch 4: batch" in said
    assert "An augmentation" in said


def test_a_wrong_flag_is_a_wrong_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert exactness.main(["--batchsize=3"]) == 2
    assert "batchsize" in capsys.readouterr().err
