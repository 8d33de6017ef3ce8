"""A run on files whose names follow a rule: it is found once, said, and kept in the configuration of the run."""

from pathlib import Path

import pytest
import yaml

from tests.helpers.tiny_run import PATHS, TINY, Run, load

NEW = ["--no_interactive", "--lang=en", *TINY, "--max_epochs=1"]
RESUME = ["--lang=en", "--ckpt_path=latest", "--max_epochs=2"]


def kept() -> tuple[str, str]:
    """The patterns in the configuration beside the checkpoints, which is that in the checkpoint."""
    text = Path("checkpoints/config.yaml").read_text(encoding="utf-8")
    assert text == load("latest_checkpoint.pth")["run"]["config"]
    settings = yaml.safe_load(text)["data"]["init_args"]
    return settings["image_pattern"], settings["gt_pattern"]


def rename(folder: str, addition: str) -> None:
    for path in Path(folder).iterdir():
        path.rename(path.with_stem(f"{path.stem}{addition}"))


@pytest.fixture
def masks(run: Run) -> None:
    rename("Data/gt", "_mask")


@pytest.mark.usefixtures("masks")
def test_the_rule_is_said_once_and_a_resume_decides_nothing_anew(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*NEW, *PATHS) == 0
    line = "Names: {stem}.* with {stem}_mask.* (12 pairs; --data.image_pattern, --data.gt_pattern)"
    assert capsys.readouterr().out.splitlines().count(line) == 1
    assert kept() == ("{stem}.*", "{stem}_mask.*")
    assert run(*RESUME) == 0
    assert "Names:" not in capsys.readouterr().out
    assert kept() == ("{stem}.*", "{stem}_mask.*")


@pytest.mark.usefixtures("masks")
def test_a_pattern_that_is_typed_is_not_decided_and_not_said(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for path in Path("Data/gt").iterdir():
        path.with_name(path.name.replace("_mask", "_other")).write_bytes(path.read_bytes())
    assert run(*NEW, *PATHS, "--data.gt_pattern={stem}_other.*") == 0
    said = capsys.readouterr().out
    assert "Names:" not in said
    assert "do not fit {stem}.* and {stem}_other.*: 0 images, 12 files of ground truth" in said
    assert kept() == ("{stem}.*", "{stem}_other.*")


@pytest.mark.usefixtures("masks")
def test_new_files_that_break_the_rule_of_the_run_are_named_at_a_resume(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*NEW, *PATHS) == 0
    image = next(Path("Data/images").iterdir())
    image.with_stem("new").write_bytes(image.read_bytes())
    assert run(*RESUME) == 2
    said = capsys.readouterr().err
    assert "1 image without ground truth" in said
    assert "--data.allow_unpaired true" in said
    assert run(*RESUME, "--data.allow_unpaired=true") == 0
    assert "Left out, without a partner (--data.allow_unpaired): 1 images" in capsys.readouterr().out


@pytest.mark.usefixtures("masks")
def test_a_run_with_one_of_two_observers_is_resumed_with_the_same(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for path in Path("Data/gt").iterdir():
        path.rename(path.with_name(path.name.replace("_mask", "_1stHO")))
        path.with_name(path.name.replace("_mask", "_2ndHO")).write_bytes(b"not looked at")
    assert run(*NEW, *PATHS) == 0
    assert "is not used: {stem}_2ndHO.*" in capsys.readouterr().out
    assert run(*RESUME) == 0
    assert kept() == ("{stem}.*", "{stem}_1stHO.*")


@pytest.mark.usefixtures("masks")
def test_images_and_ground_truth_in_one_folder_are_trained_on(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for path in Path("Data/gt").iterdir():
        path.rename(Path("Data/images", path.name))
    assert run(*NEW, "--image_path=Data/images", "--gt_path=Data/images") == 0
    assert "12 pairs" in capsys.readouterr().out
    assert run(*RESUME) == 0
    assert kept() == ("{stem}.*", "{stem}_mask.*")
