"""What is decided for the loggers of a configuration, where nobody typed it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from resume.run_files import LOGS
from tests.helpers.built import built_cli
from tests.helpers.own_classes import OWN_MODULE

DEFAULT = str(Path(__file__).resolve().parents[2] / "configs" / "default.yaml")
SAMPLES = ["--data.image_path=null", "--data.gt_path=null", "--checkpoint_dir=runs"]
CSV = "lightning.pytorch.loggers.CSVLogger"
OURS = str(Path("runs", LOGS))


def loggers(*args: str, kept: Mapping[str, str] | None = None) -> list[Any]:
    cli = built_cli(["--config", DEFAULT, *SAMPLES, *args], run_loggers=kept)
    built = cli.config_init.trainer.logger
    return built if isinstance(built, list) else [built]


def places(found: list[Any]) -> list[tuple[str, str | int]]:
    return [(logger.save_dir, logger.version) for logger in found]


def test_loggers_without_a_folder_write_into_the_run_each_under_a_version_of_its_own() -> None:
    found = loggers("--trainer.logger+=CSVLogger", "--trainer.logger+=CSVLogger")
    assert places(found) == [(OURS, "version_0"), (OURS, "version_1")]


def test_the_versions_of_the_run_are_kept_and_a_further_logger_gets_a_free_one() -> None:
    kept = {CSV: "version_1"}
    found = loggers("--trainer.logger+=CSVLogger", "--trainer.logger+=CSVLogger", kept=kept)
    assert places(found) == [(OURS, "version_1"), (OURS, "version_0")]


@pytest.mark.parametrize("version", ["../../elsewhere", "/elsewhere", "..", ".hidden", "a/b", ""])
def test_a_version_in_a_checkpoint_that_leads_to_another_folder_is_not_used(version: str) -> None:
    assert places(loggers("--trainer.logger=CSVLogger", kept={CSV: version})) == [(OURS, "version_0")]


def test_what_is_typed_is_used(tmp_path: Path) -> None:
    typed = [f"--trainer.logger.save_dir={tmp_path}", "--trainer.logger.version=7"]
    kept = {CSV: "version_1"}
    assert places(loggers("--trainer.logger=CSVLogger", *typed, kept=kept)) == [(str(tmp_path), 7)]


def test_a_typed_folder_may_be_taken_back() -> None:
    typed = ["--trainer.logger.save_dir=logs", "--trainer.logger.save_dir=null"]
    assert places(loggers("--trainer.logger=CSVLogger", *typed)) == [(OURS, "version_0")]


def test_the_folder_of_a_logger_of_ones_own_is_that_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = OWN_MODULE.replace("def __init__(self, folder):", "def __init__(self, save_dir, note=None):")
    (tmp_path / "own_loggers.py").write_text(own.replace("__init__(folder)", "__init__(save_dir)"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    (found,) = loggers("--trainer.logger=own_loggers.Log")
    assert found.save_dir == OURS


def test_no_logger_is_no_logger() -> None:
    assert loggers("--trainer.logger=false") == [False]
