"""The whole program on files that were added to the data of a run, or damaged, between two starts."""

from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.tiny_run import Run, contents

MORE = ["--max_epochs=3", "--ckpt_path=latest"]
IMAGES, GT = Path("Data/images"), Path("Data/gt")


def add(name: str) -> tuple[Path, Path]:
    """A further pair, of the first one's content and one more text, so that its sizes are its own."""
    for folder in (IMAGES, GT):
        first = min(folder.iterdir())
        (folder / f"{name}.png").write_bytes(first.read_bytes() + name.encode())
    return IMAGES / f"{name}.png", GT / f"{name}.png"


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x40
    file.write_bytes(content)


def test_all_bad_files_among_those_that_were_added_are_named_at_once_before_anything_is_touched(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    truncated, flipped, unknown, _ = (add(name) for name in ("truncated", "flipped", "unknown", "good"))
    truncated[0].write_bytes(truncated[0].read_bytes()[:-60])
    for file in flipped:
        flip_a_bit(file)
    Image.new("L", (16, 16), 77).save(unknown[1])
    before = contents()
    assert trained(*MORE) == 2
    said = capsys.readouterr().err
    assert "3 files cannot be used" in said
    assert all(f"{file} cannot be read" in said for file in (truncated[0], *flipped))
    assert f"{unknown[1]} holds 77" in said
    assert "good" not in said
    assert contents() == before


def test_a_file_of_the_run_that_has_lost_its_end_is_found_and_one_that_was_replaced_is_checked_wholly(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    images, gts = sorted(IMAGES.iterdir()), sorted(GT.iterdir())
    images[3].write_bytes(images[3].read_bytes()[:-60])
    Image.new("L", (16, 16), 77).save(gts[5])
    before = contents()
    assert trained(*MORE) == 2
    said = capsys.readouterr().err
    assert f"{images[3]} cannot be read" in said
    assert f"{gts[5]} holds 77" in said
    assert contents() == before


def test_values_of_known_files_are_checked_when_a_resume_changes_the_classes(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents()
    assert trained(*MORE, "--data.class_values=[0,128]") == 2
    said = capsys.readouterr().err
    assert "12 ground truth files hold values that belong to no class" in said
    assert contents() == before


def test_a_run_goes_on_with_files_that_were_added(trained: Run) -> None:
    add("good")
    assert trained(*MORE) == 0
