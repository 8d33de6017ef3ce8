"""Real training, killed over and over in processes of its own; and that the torture sees what it is there to see."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import checkpoint_folders

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the starts of the torture are forked")

ROOT = Path(__file__).resolve().parents[2]
# What a program would do that knows nothing of whole files.
IN_PLACE = """
import contextlib, sys
import callbacks.checkpoint_io
callbacks.checkpoint_io.staged = lambda path, **_: contextlib.nullcontext(path)
from tests.torture.command import main
sys.exit(main(sys.argv[1:]))
"""


def torture(program: list[str], *flags: str) -> tuple[int, str]:
    """The exit code of a torture, and all that it said; not in this process, whose threads would not survive forks."""
    # Not in tmp_path: the sockets of loading processes need short names, else those wait for ever.
    ended = subprocess.run([sys.executable, *program, *flags], cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["--signal=KILL", "--signal=INT", "--signal=TERM", "--disk-full"])
def test_nothing_is_lost_and_the_run_is_the_same(kind: str) -> None:
    code, said = torture(["-m", "tests.torture"], "--kills=10", kind)
    assert code == 0, said


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_files_that_are_written_in_place_are_found_damaged() -> None:
    code, said = torture(["-c", IN_PLACE], "--kills=20")
    assert code == 1
    assert "FAILED: --seed 0 --signal KILL" in said
    assert "damaged: [" in said
    kept = re.search(r"kept in (\S+):", said)
    assert kept is not None
    shutil.rmtree(Path(kept[1]).parent)


def test_a_damaged_file_is_found_also_where_the_menu_offers_it(tmp_path: Path) -> None:
    from tests.torture.checks import look

    checkpoint_folders.save(tmp_path / "best_model.pth", 2)  # as far as the menu looks, it is sound
    checkpoint_folders.damage(checkpoint_folders.save(tmp_path / "latest_checkpoint.pth", 3))
    (tmp_path / ".latest_checkpoint.pth.123.tmp").write_bytes(b"")
    found = look(tmp_path)
    assert [Path(line.split(": ")[0]).name for line in found.damaged] == ["best_model.pth", "latest_checkpoint.pth"]
    assert [Path(name).name for name in found.offered] == ["best_model.pth"]
    assert found.leftovers == {".latest_checkpoint.pth.123.tmp"}


def test_a_file_of_an_archived_run_is_in_exactly_one_place(tmp_path: Path) -> None:
    from tests.torture.checks import places_problems, run_files_of

    checkpoint_folders.fill(tmp_path, 1, interrupted=False)
    before = run_files_of(tmp_path)
    target = tmp_path / "archive" / "20260301T120000Z"
    target.mkdir(parents=True)
    (tmp_path / "config.yaml").rename(target / "config.yaml")
    assert places_problems(tmp_path, before, set()) == []
    os.link(tmp_path / "best_model.pth", target / "best_model.pth")
    (tmp_path / "latest_checkpoint.pth").unlink()
    assert places_problems(tmp_path, before, set()) == [
        "best_model.pth of the old run is in 2 places, expected 1",
        "latest_checkpoint.pth of the old run is in 0 places, expected 1",
    ]
