"""Checkpoints that are folders of shards: found, verified, wiped, archived, resumed."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

from exactness.comparison import differences
from launch.loading import CheckpointError, load_for_resume, require_fit, require_reader
from resume import ResumeError, StartOver
from resume.checkpoints.catalog import read_catalog, stamps
from resume.checkpoints.description import describe
from resume.checkpoints.newest import why_not
from resume.checkpoints.saved_run import run_json_of_folder
from resume.checkpoints.verification import require_intact
from resume.menu.dialogue import _owned_and_kept
from resume.plan import plan_fresh
from resume.system.errors import UnreadableError
from tests.helpers import checkpoint_folders
from tests.helpers.carrying_out import carry_out
from tests.helpers.shards import save, save_rest
from tests.helpers.tiny import ScriptedScores

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("RANK", "LOCAL_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(variable, raising=False)


def weights() -> dict[str, torch.Tensor]:
    return ScriptedScores([0.1]).state_dict()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoints"
    for name, epoch in (("checkpoint_epoch_1.pth", 1), ("checkpoint_epoch_2.pth", 2), ("latest_checkpoint.pth", 2)):
        save(folder / name, epoch, weights())
    mine = folder / "best_model.pth"  # named like a checkpoint, and none
    mine.mkdir()
    (mine / "notes.txt").write_text("mine", encoding="utf-8")
    return folder


def test_the_menu_shows_them_as_it_shows_files(folder: Path) -> None:
    catalog = read_catalog(folder)
    assert [(found.path.name, found.damage, found.epoch) for found in catalog.shown] == [
        ("latest_checkpoint.pth", None, 2),
        ("checkpoint_epoch_2.pth", None, 2),
    ]
    assert catalog.count == 3
    assert all(found.size > 4000 for found in catalog.shown)


def test_a_whole_one_passes_and_fits_its_network(folder: Path) -> None:
    require_intact(folder / "latest_checkpoint.pth")
    loaded = load_for_resume(folder / "latest_checkpoint.pth")
    require_fit(loaded, ScriptedScores([0.1]))
    assert loaded.run.epoch == 2


def test_one_that_a_killed_save_renamed_passes_under_its_own_name(folder: Path) -> None:
    latest = folder / "latest_checkpoint.pth"
    latest.rename(folder / ".latest_checkpoint.pth.7.old")
    found = describe(latest)
    assert (found.path, why_not(found, None)) == (latest, None)
    require_fit(load_for_resume(latest), ScriptedScores([0.1]))
    with pytest.raises(CheckpointError, match="is a folder of shards"):
        require_reader(latest, SingleDeviceStrategy())


def test_another_network_is_refused_by_the_names_of_its_tensors(tmp_path: Path) -> None:
    path = save(tmp_path / "latest_checkpoint.pth", 1, {**weights(), "network.0.weight": torch.zeros(3, 2)})
    with pytest.raises(CheckpointError, match=r"network\.0\.weight has shape \(3, 2\), expected \(4, 2\)"):
        require_fit(load_for_resume(path), ScriptedScores([0.1]))


def flip_a_bit(path: Path) -> None:
    (shard,) = (path / "__0_0.distcp",)
    content = bytearray(shard.read_bytes())
    place = content.index(weights_as_bytes(path))
    content[place] ^= 1
    shard.write_bytes(content)


def weights_as_bytes(path: Path) -> bytes:
    dcp_to_torch_save(path, path.parent / "whole.pt")
    loaded = torch.load(path.parent / "whole.pt", weights_only=True)["state_dict"]["network.0.weight"]
    (path.parent / "whole.pt").unlink()
    return bytes(loaded.numpy().tobytes())


def cut_short(path: Path) -> None:
    shard = path / "__0_0.distcp"
    shard.write_bytes(shard.read_bytes()[:-200])


def lose_a_shard(path: Path) -> None:
    (path / "__0_0.distcp").unlink()


@pytest.mark.parametrize("harm", [flip_a_bit, cut_short, lose_a_shard])
def test_damage_is_found_before_a_resume(folder: Path, harm: Callable[[Path], None]) -> None:
    harm(folder / "latest_checkpoint.pth")
    assert why_not(describe(folder / "latest_checkpoint.pth"), None) is not None
    with pytest.raises(CheckpointError, match=r"checkpoint_epoch_2\.pth, the newest usable checkpoint in this folder"):
        load_for_resume(folder / "latest_checkpoint.pth")


def test_a_shard_of_another_save_is_found(tmp_path: Path) -> None:
    """All files are whole, and the tables are equal."""
    paths = [tmp_path / f"checkpoint_epoch_{epoch}.pth" for epoch in (1, 2)]
    for epoch, path in enumerate(paths, 1):
        save(path, epoch, {name: weight + epoch for name, weight in weights().items()})
        (path / "run.json").write_bytes(run_json_of_folder(path, checkpoint_folders.entry(epoch)))
        require_intact(path)
    assert (paths[0] / ".metadata").stat().st_size == (paths[1] / ".metadata").stat().st_size
    (paths[1] / "__0_0.distcp").write_bytes((paths[0] / "__0_0.distcp").read_bytes())
    with pytest.raises(UnreadableError, match=r"damaged content \(__0_0\.distcp\)"):
        require_intact(paths[1])
    require_intact(paths[0])


class Hostile:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"echo > {self.marker}",)


def forge_table(path: Path, marker: Path) -> None:
    """Replace the table by one that runs code, with a run.json that fits it."""
    run = checkpoint_folders.run_of(path)
    (path / ".metadata").write_bytes(pickle.dumps(Hostile(marker)))
    save_rest(path, torch.load(path / "meta.pt", weights_only=True), run)


def test_a_folder_without_run_json_is_not_of_this_program(folder: Path) -> None:
    (folder / "latest_checkpoint.pth" / "run.json").unlink()
    latest = read_catalog(folder).shown[0]
    assert (latest.damage, latest.is_foreign) == ("not of this program (no run.json)", True)


@pytest.mark.parametrize("name", ["meta.pt", ".metadata", "run.json"])
def test_a_file_beside_the_shards_that_was_exchanged_is_found(folder: Path, name: str) -> None:
    path = folder / "latest_checkpoint.pth"
    (path / name).write_bytes((folder / "checkpoint_epoch_1.pth" / name).read_bytes() + b" ")
    with pytest.raises(UnreadableError, match=r"damaged content \((meta\.pt|\.metadata)\)"):
        require_intact(path)


def test_a_forged_table_is_refused_and_runs_nothing(folder: Path, tmp_path: Path) -> None:
    path = folder / "latest_checkpoint.pth"
    forge_table(path, tmp_path / "executed")
    with pytest.raises(UnreadableError, match=r"would run code: (posix|nt)\.system"):
        require_intact(path)
    assert not (tmp_path / "executed").exists()


def test_a_forged_object_in_a_shard_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    path = save(tmp_path / "latest_checkpoint.pth", 1, weights(), evil=Hostile(tmp_path / "executed"))
    with pytest.raises(UnreadableError, match=r"would run code: (posix|nt)\.system"):
        require_intact(path)
    assert not (tmp_path / "executed").exists()


def test_starting_over_deletes_them_and_spares_a_folder_of_the_user(folder: Path) -> None:
    owned, _ = _owned_and_kept(read_catalog(folder))
    carry_out(StartOver(folder, stamps(folder, owned)))
    assert [path.name for path in folder.iterdir()] == ["best_model.pth"]
    assert (folder / "best_model.pth" / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_one_that_changed_since_it_was_listed_stops_the_deletion(folder: Path) -> None:
    owned, _ = _owned_and_kept(read_catalog(folder))
    confirmed = stamps(folder, owned)
    save(folder / "latest_checkpoint.pth", 3, {**weights(), "more": torch.zeros(9)})
    with pytest.raises(ResumeError, match=r"has changed since it was shown: latest_checkpoint\.pth"):
        carry_out(StartOver(folder, confirmed))
    assert len(list(folder.iterdir())) == 4


def test_the_archive_takes_them_whole_and_they_can_be_continued(folder: Path) -> None:
    carry_out(plan_fresh(folder, read_catalog(folder)))
    (archived,) = (folder / "archive").iterdir()
    assert sorted(path.name for path in archived.iterdir()) == [
        "checkpoint_epoch_1.pth",
        "checkpoint_epoch_2.pth",
        "latest_checkpoint.pth",
    ]
    require_intact(archived / "latest_checkpoint.pth")
    assert sorted(path.name for path in folder.iterdir()) == ["archive", "best_model.pth"]


def test_what_a_killed_save_has_left_goes_at_the_next_start(folder: Path) -> None:
    for name in (".latest_checkpoint.pth.7.tmp", ".latest_checkpoint.pth.7.old"):
        (folder / name).mkdir()
        (folder / name / "__0_0.distcp").write_bytes(b"half")
    (folder / ".best_model.pth.7.tmp").mkdir()
    (folder / ".best_model.pth.7.tmp" / "mine.txt").write_bytes(b"mine")
    carry_out(plan_fresh(folder, read_catalog(folder)))
    assert sorted(path.name for path in folder.iterdir()) == [".best_model.pth.7.tmp", "archive", "best_model.pth"]


def train_shared(folder: Path, *arguments: str) -> str:
    """Train in two processes that share a model; returns what they said."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        str(ROOT / "tests" / "helpers" / "sharded_run.py"),
        str(folder),
        *arguments,
    ]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, check=True, timeout=200, env=environ, stdout=subprocess.PIPE, text=True).stdout


@pytest.mark.slow
def test_two_processes_that_share_a_model_resume_it_bit_for_bit(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_shared(whole, "2")
    train_shared(parts, "1")
    for name in ("latest_checkpoint.pth", "best_model.pth", "checkpoint_epoch_1.pth"):
        require_intact(parts / name)
    train_shared(parts, "2", str(parts / "latest_checkpoint.pth"))
    contents = []
    for folder in (whole, parts):
        dcp_to_torch_save(folder / "latest_checkpoint.pth", folder / "tensors.pt")
        loaded = [
            torch.load(file, weights_only=True)
            for file in (folder / "tensors.pt", folder / "latest_checkpoint.pth" / "meta.pt")
        ]
        contents.append({"tensors": loaded[0], "rest": loaded[1]})
    assert list(differences(contents[0], contents[1])) == []


@pytest.mark.slow
def test_two_processes_that_share_a_model_go_on_after_a_save_that_fails_in_one(tmp_path: Path) -> None:
    foreign = tmp_path / "best_model.pth" / "notes.txt"
    foreign.parent.mkdir()
    foreign.write_text("mine", encoding="utf-8")
    said = train_shared(tmp_path, "2")
    assert [said.count(f"Warning: not saved in epoch {epoch}, step") for epoch in (1, 2)] == [1, 1]
    assert [path.name for path in foreign.parent.iterdir()] == ["notes.txt"]
    for name in ("latest_checkpoint.pth", "checkpoint_epoch_1.pth", "checkpoint_epoch_2.pth"):
        require_intact(tmp_path / name)
