"""`python train.py --check_data`: everything is read, all that is wrong is named at once, and nothing else is done."""

import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules import scanning
from tests.helpers.tiny_run import PATHS, TINY, Run, contents

CHECK = ["--check_data", "--lang=en", "--data.image_size=16"]
NEW = ["--no_interactive", "--lang=en", *TINY, "--max_epochs=1"]
WRITTEN = {"data_report.png", "data_scan.json"}


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out.splitlines()


def test_a_sound_set_is_reported_and_drawn_and_nothing_else_is_written(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents("Data")
    assert run(*CHECK, *PATHS) == 0
    lines = said(capsys)
    assert "Names: {stem}.* with {stem}.* (12 pairs; --data.image_pattern, --data.gt_pattern)" in lines
    assert "Pairs:         12: 8 for training, 4 for validation" in lines
    assert "Image sizes:   16 × 16 (12)" in lines
    assert "Ground truth:  grey, 8 bits (12)" in lines
    rows = [line.split() for line in lines if line.startswith(("0 ", "255 "))]
    assert [row[-2:] for row in rows] == [["8", "4"], ["8", "4"]]
    assert lines[-2:] == ["Problems: none", f"12 pairs, drawn: {Path('checkpoints/data_report.png')}"]
    assert {path.name for path in Path("checkpoints").iterdir()} == WRITTEN
    assert contents("Data") == before
    with Image.open("checkpoints/data_report.png") as picture:
        assert picture.width == 1344


def test_a_training_follows_in_the_same_folder(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*CHECK, *PATHS) == 0
    assert run(*NEW, *PATHS) == 0
    assert "Done: 1 epoch." in capsys.readouterr().out
    assert {path.name for path in Path("checkpoints").iterdir()} > WRITTEN


def test_problems_of_all_kinds_are_named_in_one_start_and_hide_nothing(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(15):
        shutil.copy("Data/images/cell_0.png", f"Data/images/alone_{number}.png")
    whole = Path("Data/images/cell_1.png").read_bytes()
    Path("Data/images/cell_1.png").write_bytes(whole[: len(whole) // 2])
    Path("Data/gt/cell_2.png").write_text("no image", encoding="utf-8")
    Image.new("L", (15, 16)).save("Data/gt/cell_3.png")
    Image.new("L", (16, 16), 7).save("Data/gt/cell_4.png")
    Image.fromarray(np.full((16, 16), np.nan, np.float32)).save("Data/images/cell_5.tif")
    Path("Data/images/cell_5.png").unlink()
    assert run(*CHECK, *PATHS, "--data.num_classes=2", "--data.gt_reading=values") == 2
    lines = said(capsys)
    problems = "\n".join(lines[lines.index("Problems:") :])
    assert "Data/images: 15 images without ground truth:" in problems
    assert all(f"  - alone_{number}.png" in problems for number in range(15))
    assert "3 files cannot be used:" in problems
    assert "cell_1.png cannot be read as an image" in problems
    assert "cell_2.png cannot be read as an image" in problems
    assert "cell_5.tif cannot be read as an image: it holds values that are not finite numbers" in problems
    assert "cell_3.png is 16 × 16 pixels, " in problems
    assert "cell_4.png holds 7" in problems
    assert problems.count("cell_5.tif") == 1
    assert "Image sizes:   16 × 16 (11)" in lines
    assert any(line.startswith("Pairs:         12:") for line in lines)
    assert any(line.startswith("(of no class)    9.1 %") for line in lines)
    assert lines[-1] == f"8 pairs, drawn: {Path('checkpoints/data_report.png')}"


def test_ground_truth_without_a_meaning_is_shown_with_its_values(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for path in Path("Data/gt").iterdir():
        Image.new("L", (16, 16)).save(path)
    assert run(*CHECK, *PATHS) == 2
    lines = said(capsys)
    assert "Value   pixels   files" in lines
    assert "0        100 %      12" in lines
    assert "Problems:" in lines
    assert "Images: colour, from 12 files (--data.channels)" in lines


def test_where_there_is_no_pair_the_reason_is_the_whole_report(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("Data/gt")
    Path("Data/gt").mkdir()
    assert run(*CHECK, *PATHS) == 2
    lines = said(capsys)
    assert lines[1] == "Problems:"
    assert "Data/gt" in lines[2]
    assert len([line for line in lines if "Data/gt" in line]) == 1
    assert not Path("checkpoints").exists()


def test_beside_a_run_nothing_else_is_changed_asked_or_locked(trained: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents()
    assert trained(*CHECK, *PATHS) == 0
    after = contents()
    assert "Problems: none" in said(capsys)
    assert {Path(name).name for name in after.keys() - before.keys()} <= WRITTEN
    assert all(after[name] == content for name, content in before.items() if Path(name).name not in WRITTEN)


def test_a_copy_of_a_training_image_in_the_validation_is_named_and_no_problem(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, columns = np.mgrid[:16, :16]
    disc = np.where((rows - 5) ** 2 + (columns - 9) ** 2 < 20, 180, 30).astype(np.uint8)
    Image.fromarray(disc).convert("RGB").save("Data/images/cell_3.png")
    shutil.copy("Data/images/cell_3.png", "Data/images/cell_7.png")
    Image.fromarray(disc // 2 + 40).convert("RGB").save("Data/images/cell_8.png")
    Path("train.txt").write_text("".join(f"cell_{number}\n" for number in range(6)), encoding="utf-8")
    Path("val.txt").write_text("".join(f"cell_{number}\n" for number in range(6, 11)), encoding="utf-8")
    assert run(*CHECK, *PATHS, "--data.split", "train.txt", "val.txt") == 0
    lines = said(capsys)
    assert "Pairs:         12: 6 for training, 5 for validation, 1 in no list" in lines
    at = lines.index("Near duplicates between training and validation: 2")
    assert lines[at + 1] == "  - cell_7.png (validation) is the same as cell_3.png"
    assert lines[at + 2] == "  - cell_8.png (validation) looks like cell_3.png"


def test_the_built_in_sample_set_and_folders_for_validation_are_reported(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = ["--data.image_path=null", "--data.gt_path=null", "--data.sample_pairs=10"]
    assert run(*CHECK, *sample, "--data.image_size=64", "--checkpoint_dir=drawn") == 0
    assert "Image sizes:   64 × 64 (10)" in said(capsys)
    for side in ("images", "gt"):
        Path("Val", side).mkdir(parents=True)
        for number in (3, 4, 5):
            Path("Data", side, f"cell_{number}.png").rename(Path("Val", side, f"cell_{number}.png"))
    assert run(*CHECK, *PATHS, "--data.val_image_path=Val/images", "--data.val_gt_path=Val/gt") == 0
    assert "Pairs:         12: 9 for training, 3 for validation" in said(capsys)


def test_a_full_disk_hides_no_line_of_the_report(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("launch.data_scan.write_text", refuse)
    monkeypatch.setattr("launch.data_report.staged", refuse)
    assert run(*CHECK, *PATHS) == 0
    printed = capsys.readouterr()
    assert "Problems: none" in printed.out
    assert printed.err.count("No space left on device") == 2
    assert not any(Path("checkpoints").iterdir())


@pytest.mark.skipif(multiprocessing.get_start_method() != "fork", reason="a started process does not see the patch")
def test_a_process_that_is_killed_while_it_looks_ends_the_check_with_a_sentence(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "WORTH_WORKERS", 1)
    monkeypatch.setattr(scanning, "scan_pair", lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    assert run(*CHECK, *PATHS) == 1
    complained = capsys.readouterr().err
    assert "was killed. Most often the system does that when memory runs out" in complained
    assert "(--data.num_workers 0)" in complained
    assert "batch_size" not in complained
    assert "Traceback" not in complained
