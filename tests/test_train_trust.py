"""Runs with a network of another package: restarted by a scheduler, and continued by another user."""

import itertools
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from resume.system.user_key import KEY_VARIABLE
from tests.helpers.audit_watch import AuditWatch
from tests.helpers.forging import forge
from tests.helpers.pictures import draw_pairs
from tests.helpers.tiny_run import PATHS, TINY, Run, contents, load

THIRD_PARTY = """
from lit_modules.networks import UNet
class Net(UNet):
    def __init__(self, width: int = 2, depth: int = 1, encoder: str = "resnet34", scale: float = 1.0):
        super().__init__(width=width, depth=depth)
"""
SCRIPT = ["--no_interactive", "--lang=en", *PATHS, *TINY, "--model.network=third_party.Net"]
RESUME = ["--lang=en", "--ckpt_path=latest"]
LATEST = Path("checkpoints/latest_checkpoint.pth")

# Everything of the table that writes, each argument with a place to which a file from elsewhere would have it write.
WRITERS = {
    "lightning.pytorch.loggers.CSVLogger": ("save_dir",),
    "lightning.pytorch.loggers.TensorBoardLogger": ("save_dir",),
    "lightning.pytorch.profilers.SimpleProfiler": ("dirpath", "filename"),
    "lightning.pytorch.profilers.AdvancedProfiler": ("dirpath", "filename"),
}


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


def writing_to(place: str, logger: str, profiler: str) -> dict[str, Any]:
    """Settings of a trainer whose logger and profiler write to a place."""
    both = [{"class_path": name, "init_args": dict.fromkeys(WRITERS[name], place)} for name in (logger, profiler)]
    return {"default_root_dir": place, "logger": both[0], "profiler": both[1], "log_every_n_steps": 1}


def written(events: list[tuple[Any, ...]]) -> set[Path]:
    """The paths that were opened to write, made, or given to a file."""
    found: set[Path] = set()
    for event, *values in events:
        if event == "open" and isinstance(values[0], str | bytes | Path):
            flags = values[2] if isinstance(values[2], int) else 0
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                found.add(Path(os.path.abspath(os.fsdecode(values[0]))))  # noqa: PTH100 - follows no link
        elif event in ("os.mkdir", "os.link", "os.rename", "os.symlink"):
            target = values[0] if event == "os.mkdir" else values[1]
            found.add(Path(os.path.abspath(os.fsdecode(target))))  # noqa: PTH100
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_foreign_run_writes_into_its_checkpoint_folder_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    use_home("theirs", monkeypatch, tmp_path)
    draw_pairs(Path("Data"), 8)
    assert run("--no_interactive", "--lang=en", *PATHS, *TINY, "--max_epochs=1") == 0
    use_home("own", monkeypatch, tmp_path)
    watch = AuditWatch("open", "os.mkdir", "os.link", "os.rename", "os.symlink")
    places = [str(tmp_path / "absolute"), "../outside", "~/outside", "beside", "./checkpoints/../beside", ""]
    loggers, profilers = list(WRITERS)[:2], list(WRITERS)[2:]
    for number, (place, pair) in enumerate(itertools.product(places, zip(loggers, profilers, strict=True))):
        settings = writing_to(place, *pair)

        def change(content: dict[str, Any], settings: dict[str, Any] = settings) -> None:
            config = yaml.safe_load(content["run"].config)
            config["checkpoint_dir"] = settings["default_root_dir"]
            config["trainer"].update(settings)
            content["run"] = replace(content["run"], config=yaml.safe_dump(config))

        forge(LATEST, change)
        Path("checkpoints/config.yaml").unlink()
        watch.is_on = True
        assert run(*RESUME, f"--max_epochs={number + 2}") == 0
        watch.is_on = False
    folder, home = Path("checkpoints").resolve(), tmp_path / "own"
    outside = {path for path in written(watch.seen) if not path.is_relative_to(folder) and path != Path(os.devnull)}
    assert {path for path in outside if path != home and not path.is_relative_to(home)} == set()
    assert any(folder.rglob("metrics.csv"))
