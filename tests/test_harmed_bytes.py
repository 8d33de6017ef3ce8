"""`--ckpt_path auto` beside a checkpoint whose bytes were harmed: it ends with the newest sound one and its weights."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import resume
from callbacks import AtomicCheckpointIO
from launch.loading import load_for_resume
from tests.helpers import tiny

PAGE = 4096
HARMS = ("zeroed", "cut", "swapped", "mixed", "doubled", "before", "behind", "flipped")


class Wide(tiny.ScriptedScores):
    """With weights of several pages."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__(scores)
        self.network = nn.Sequential(nn.Linear(2, 2000), nn.Linear(2000, 1))


@pytest.fixture(scope="module")
def generations(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """The checkpoints after one epoch and after two of a real training; torch writes both at the same offsets."""
    folder = tmp_path_factory.mktemp("run")
    tiny.train(folder, [0.5, 0.6], module=Wide)
    first, second = (folder / f"checkpoint_epoch_{epoch}.pth" for epoch in (1, 2))
    return first.read_bytes(), second.read_bytes()


@pytest.fixture
def folder(generations: tuple[bytes, bytes], tmp_path: Path) -> Iterator[Path]:
    """Two sound checkpoints, in memory where the system allows it; latest is the newer one."""
    shared = Path("/dev/shm")
    folder = shared / f"{tmp_path.name}-{os.getpid()}" if shared.is_dir() else tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "checkpoint_epoch_1.pth").write_bytes(generations[0])
    yield folder
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def harmed(harm: str, draw: random.Random, old: bytes, new: bytes) -> bytes:
    """The newer checkpoint as a bad disk, a killed copy or a careless command leaves it."""
    content = bytearray(new)
    one, other = (PAGE * draw.randrange(-(-len(new) // PAGE)) for _ in range(2))
    at = draw.randrange(len(new))
    match harm:
        case "zeroed":
            content[one : one + PAGE] = bytes(len(content[one : one + PAGE]))
        case "cut":
            del content[at:]
        case "swapped":
            content[one : one + PAGE], content[other : other + PAGE] = new[other : other + PAGE], new[one : one + PAGE]
        case "mixed":
            length = PAGE * draw.randrange(1, 8)
            content[one : one + length] = old[one : one + length]
        case "doubled":
            content += draw.choice([old, new, new[at:], old[at:]])
        case "before":
            content[:0] = draw.choice([old, new, old[:at], bytes(PAGE)])
        case "behind":
            content[at:at] = draw.choice([new[one : one + PAGE], bytes(draw.randrange(1, PAGE))])
        case "flipped":
            content[at] ^= 1 << draw.randrange(8)
    return bytes(content)


def weights(content: bytes, path: Path) -> dict[str, torch.Tensor]:
    path.write_bytes(content)
    return dict(AtomicCheckpointIO().load_checkpoint(path, weights_only=True)["state_dict"])


@pytest.mark.parametrize("count", [40, pytest.param(2000, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_auto_ends_with_the_newest_sound_checkpoint_and_loads_what_was_saved(
    folder: Path, generations: tuple[bytes, bytes], tmp_path: Path, count: int
) -> None:
    saved = [weights(content, tmp_path / "sound.pth") for content in generations]
    draw, latest = random.Random(count), folder / "latest_checkpoint.pth"
    arguments = resume.read_arguments(["--lang=en", f"--checkpoint_dir={folder}", "--ckpt_path=auto"])
    unlike = 0
    for number in range(count):
        content = harmed(HARMS[number % len(HARMS)], draw, *generations)
        latest.write_bytes(content)
        decision = resume.choose(arguments)
        assert isinstance(decision, resume.Resume)
        is_sound = content == generations[1]  # two equal pages were swapped
        assert decision.path.name == (latest.name if is_sound else "checkpoint_epoch_1.pth"), number
        load_for_resume(decision.path)
        loaded = AtomicCheckpointIO().load_checkpoint(decision.path, weights_only=True)["state_dict"]
        assert all(torch.equal(loaded[name], weight) for name, weight in saved[is_sound].items()), number
        unlike += not is_sound
    assert unlike > 0.8 * count
