"""What a run has found in its data: said in one line each, kept in its configuration, and true of what it trains."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml
from PIL import Image

from tests.helpers.public_forms import blobs, scene
from tests.helpers.tiny_run import PATHS, TINY, Run, load

NEW = ["--no_interactive", "--lang=en", *TINY, "--max_epochs=1", *PATHS]
RESUME = ["--lang=en", "--ckpt_path=latest", "--max_epochs=2"]
COLOURS = np.array([[0, 0, 0], [0, 128, 0], [200, 30, 30]], np.uint8)
FACTS = ("Names:", "Ground truth:", "Images:")


def write_deep_grey_set(*, largest: int = 4000) -> None:
    """Eight grey images of 12 bits in TIFF files, and their classes as colours."""
    for folder in ("Data/images", "Data/gt"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        for file in Path(folder).iterdir():
            file.unlink()
    for number in range(8):
        labels = scene(number, 3)
        labels[0, :3] = np.arange(3)
        pixels = (labels * (largest // 2) * (number + 1) // 8).astype(np.uint16)
        pixels[1, 1] = largest * (number + 1) // 8
        tifffile.imwrite(f"Data/images/{number}.tif", pixels)
        Image.fromarray(COLOURS[labels]).save(f"Data/gt/{number}.png")


def settings() -> dict[str, Any]:
    """The configuration beside the checkpoints, which is that in the checkpoint: data and network."""
    text = Path("checkpoints/config.yaml").read_text(encoding="utf-8")
    assert text == load("latest_checkpoint.pth")["run"]["config"]
    content = yaml.safe_load(text)
    return {**content["data"]["init_args"], **content["model"]["init_args"]["network"]["init_args"]}


def facts_said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith(FACTS)]


def test_line_configuration_and_behaviour_are_the_same_and_a_resume_decides_nothing_anew(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deep_grey_set()
    assert run(*NEW) == 0
    names, gt, images = facts_said(capsys)
    assert "{stem}.* with {stem}.* (8 pairs; --data.image_pattern, --data.gt_pattern)" in names
    assert "3 classes" in gt
    assert "#000000, #008000, #c81e1e" in gt
    assert "8 files; --data.gt_reading, --data.class_values" in gt
    assert "grey, from 8 files (--data.channels)" in images
    assert "so 0 becomes 0 and 4095 becomes 1 (--data.image_range)" in images
    kept = settings()
    assert (kept["image_pattern"], kept["gt_pattern"]) == ("{stem}.*", "{stem}.*")
    assert (kept["gt_reading"], kept["num_classes"]) == ("colours", 3)
    assert kept["class_values"] == ["#000000", "#008000", "#c81e1e"]
    assert (kept["channels"], kept["image_range"], kept["image_top"]) == (1, [0.0, 4095.0], 255)
    assert (kept["in_channels"], kept["out_channels"]) == (1, 3)
    checkpoint = load("latest_checkpoint.pth")
    assert checkpoint["state_dict"]["network.stem.0.weight"].shape[1] == 1
    assert checkpoint["state_dict"]["network.head.weight"].shape[0] == 3
    assert checkpoint["run"]["class_mapping"] == {"0": 0, str(0x008000): 1, str(0xC81E1E): 2}
    assert run(*RESUME) == 0
    assert facts_said(capsys) == []
    assert settings() == kept


def test_a_flag_overrules_what_would_be_found_and_nothing_is_said_about_it(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deep_grey_set()
    flags = ["--data.gt_reading=nonzero", "--data.num_classes=2", "--data.channels=3", "--data.image_range=[0,8191]"]
    assert run(*NEW, *flags) == 0
    assert [line.partition(":")[0] for line in facts_said(capsys)] == ["Names"]
    kept = settings()
    assert (kept["gt_reading"], kept["num_classes"], kept["out_channels"]) == ("nonzero", 2, 1)
    assert (kept["channels"], kept["image_range"], kept["in_channels"]) == (3, [0, 8191], 3)


def test_a_network_with_three_channels_of_input_gets_grey_images_in_three(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deep_grey_set()
    assert run(*NEW, "--model.network.in_channels=3") == 0
    kept = settings()
    assert (kept["channels"], kept["in_channels"]) == (3, 3)


def test_a_value_outside_of_the_range_of_the_run_is_an_error_with_the_file(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deep_grey_set()
    assert run(*NEW) == 0
    capsys.readouterr()
    tifffile.imwrite("Data/images/new.tif", np.full((48, 48), 5000, np.uint16))
    Image.fromarray(COLOURS[scene(9, 3)]).save("Data/gt/new.png")
    assert run(*RESUME) == 2
    said = capsys.readouterr().err
    assert "new.tif holds the value 5000, but the images of this run hold 0 to 4095. --data.image_range" in said


def test_a_colour_that_has_no_class_in_the_run_is_an_error_with_file_and_colour(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deep_grey_set()
    assert run(*NEW) == 0
    capsys.readouterr()
    tifffile.imwrite("Data/images/new.tif", np.full((48, 48), 50, np.uint16))
    Image.new("RGB", (48, 48), (1, 2, 3)).save("Data/gt/new.png")
    assert run(*RESUME) == 2
    said = capsys.readouterr().err
    assert "new.png holds #010203" in said


def test_where_two_meanings_remain_both_are_said_with_their_flags(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    write_deep_grey_set()
    for number in range(8):
        labels = blobs(number, 1 + number % 3)
        Image.fromarray(labels.astype(np.uint8)).save(f"Data/gt/{number}.png")
    assert run(*NEW) == 2
    said = capsys.readouterr().err
    assert "--data.gt_reading values" in said
    assert "--data.gt_reading nonzero" in said
    assert not Path("checkpoints").exists()


def test_a_class_file_gives_names_and_values_and_is_not_needed_by_a_resume(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    write_deep_grey_set()
    Path("classes.yaml").write_text(
        "- {name: ground, color: '#000000'}\n- {name: 细胞, color: [[0, 128, 0], '#c81e1e']}\n", encoding="utf-8"
    )
    assert run(*NEW, "--data.classes=classes.yaml") == 0
    kept = settings()
    assert (kept["class_names"], kept["num_classes"]) == (["ground", "细胞"], 2)
    assert kept["class_values"] == ["#000000", ["#008000", "#c81e1e"]]
    assert kept["classes"] is None
    Path("classes.yaml").unlink()
    assert run(*RESUME) == 0
    assert settings() == kept
