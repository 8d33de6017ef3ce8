"""Runs with a network of another package: restarted by a scheduler, and continued by another user."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from resume.system.user_key import KEY_VARIABLE
from tests.helpers.tiny_run import PATHS, TINY, Run, contents, load

THIRD_PARTY = """
from lit_modules.networks import UNet
class Net(UNet):
    def __init__(self, width: int = 2, depth: int = 1, encoder: str = "resnet34", scale: float = 1.0):
        super().__init__(width=width, depth=depth)
"""
SCRIPT = ["--no_interactive", "--lang=en", *PATHS, *TINY, "--model.network=third_party.Net"]
RESUME = ["--lang=en", "--ckpt_path=latest"]


@pytest.fixture(autouse=True)
def _installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "third_party.py").write_text(THIRD_PARTY, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    yield
    sys.modules.pop("third_party", None)


def use_home(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / name / "signing.key"))


def test_a_requeued_job_with_a_typed_network_needs_no_key(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path))  # a folder, as good as a home that takes no file
    script = [*SCRIPT, "--ckpt_path=auto", "--trainer.callbacks+=EMAWeightAveraging"]
    assert run(*script, "--max_epochs=1") == 0
    assert load("latest_checkpoint.pth")["run"]["signature"] == ""
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert run(*script, "--max_epochs=2") == 0
    assert load("latest_checkpoint.pth")["run"]["epoch"] == 2
    before = contents()
    assert run(*RESUME, "--max_epochs=3") == 2  # nothing typed, and no signature
    assert contents() == before


@pytest.mark.slow
def test_a_foreign_run_that_is_continued_brings_only_what_was_vouched_for(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_home("theirs", monkeypatch, tmp_path)
    logger = ["--trainer.logger=CSVLogger", "--trainer.logger.save_dir=elsewhere", "--trainer.log_every_n_steps=1"]
    assert run(*SCRIPT, *logger, "--trainer.default_root_dir=elsewhere", "--max_epochs=1") == 0
    use_home("own", monkeypatch, tmp_path)
    before = contents()
    sys.modules.pop("third_party")
    capsys.readouterr()
    assert run(*RESUME, "--max_epochs=2") == 2
    assert "third_party" not in sys.modules
    assert "model.network: third_party.Net (" in capsys.readouterr().err
    assert contents() == before

    assert run(*RESUME, "--max_epochs=2", "--model.network=third_party.Net") == 0
    written = Path("checkpoints/config.yaml").read_text(encoding="utf-8")
    assert "elsewhere" not in written
    saved = load("latest_checkpoint.pth")["run"]
    assert saved["trusted"] == ["third_party.Net"]

    assert run(*RESUME, "--max_epochs=3") == 0  # now it is an own run
    config = Path("checkpoints/config.yaml")
    edited = yaml.safe_load(config.read_text(encoding="utf-8"))
    edited["trainer"]["callbacks"] = [{"class_path": "third_party.Net"}]
    config.write_text(yaml.safe_dump(edited), encoding="utf-8")
    use_home("theirs", monkeypatch, tmp_path)
    assert run(*RESUME, "--max_epochs=4") == 2
    use_home("own", monkeypatch, tmp_path)
    assert run(*RESUME, "--max_epochs=4", "--trainer.callbacks=null") == 0


@pytest.mark.slow
def test_a_run_that_a_person_trusts_is_an_own_run_from_then_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_home("theirs", monkeypatch, tmp_path)
    assert run(*SCRIPT, "--max_epochs=1") == 0
    use_home("own", monkeypatch, tmp_path)
    assert run(*RESUME, "--max_epochs=2", "--trust") == 0
    assert run(*RESUME, "--max_epochs=3") == 0
    assert "trust" not in yaml.safe_load(Path("checkpoints/config.yaml").read_text(encoding="utf-8"))
