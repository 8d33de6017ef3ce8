from pathlib import Path

import pytest

from resume import ResumeError, read_arguments
from resume.checkpoints.description import describe
from resume.configuration import default_configs, run_settings
from resume.plan import plan_resume
from tests.helpers import checkpoint_folders


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def base_names(argv: list[str]) -> list[str]:
    return [Path(config).name for config in default_configs(read_arguments(argv).given)]


def test_without_data_and_without_the_default_folder_a_fresh_start_takes_the_sample_set() -> None:
    assert base_names([]) == ["default.yaml", "sample.yaml"]


def test_the_default_folder_is_enough_for_the_default_configuration() -> None:
    Path("Data/images").mkdir(parents=True)
    assert base_names([]) == ["default.yaml"]


@pytest.mark.parametrize(
    "argv", [["--image_path", "x"], ["--gt_path=x"], ["--data.init_args.image_path=x"], ["--data", "d.yaml"]]
)
def test_typed_data_never_lead_to_the_sample_set(argv: list[str]) -> None:
    assert base_names(argv) == ["default.yaml"]


def test_configured_data_never_lead_to_the_sample_set() -> None:
    Path("a.yaml").write_text("data: {image_path: x}", encoding="utf-8")
    assert base_names(["--config", "a.yaml"]) == ["default.yaml"]


def test_a_resume_is_based_on_the_runs_own_configuration(tmp_path: Path) -> None:
    folder = checkpoint_folders.fill(tmp_path / "runs")
    decision = plan_resume(describe(folder / "best_model.pth"), folder)
    assert run_settings(decision).file == folder / "config.yaml"


@pytest.mark.parametrize("left", [None, ""])
def test_without_a_config_file_the_text_in_the_checkpoint_is_the_base(tmp_path: Path, left: str | None) -> None:
    folder = checkpoint_folders.fill(tmp_path / "runs", config="lang: zh\n")
    (folder / "config.yaml").unlink()
    if left is not None:
        (folder / "config.yaml").write_text(left, encoding="utf-8")
    decision = plan_resume(describe(folder / "best_model.pth"), folder)
    assert run_settings(decision).own == {"lang": "zh"}


def test_the_config_file_of_another_run_is_not_taken(tmp_path: Path) -> None:
    folder = checkpoint_folders.fill(tmp_path / "runs")
    checkpoint_folders.save(
        folder / "checkpoint_epoch_9.pth", 9, run_id=checkpoint_folders.OTHER_RUN, config="lang: en\n"
    )
    decision = plan_resume(describe(folder / "checkpoint_epoch_9.pth"), folder)
    assert run_settings(decision).own == {"lang": "en"}


def test_without_any_configuration_the_error_says_what_to_do(tmp_path: Path) -> None:
    path = checkpoint_folders.save(tmp_path / "alone" / "a.pth", 1, config="")
    with pytest.raises(ResumeError, match=r"Copy the run's config\.yaml to .*alone"):
        run_settings(plan_resume(describe(path), tmp_path / "runs"))
