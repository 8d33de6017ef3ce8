import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from callbacks import AtomicCheckpointIO
from launch.cli import TrainCLI
from launch.config_errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = str(ROOT / "configs" / "default.yaml")


def config(tmp_path: Path, text: str, name: str = "my.yaml") -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def cli(*args: str) -> TrainCLI:
    """The parts of a configuration in which nothing is open, as if the data had been looked at."""
    built = TrainCLI(["--config", DEFAULT, "--config", "data:\n  num_classes: 2\n", *args])
    built.build()
    return built


def test_the_default_configuration_builds_the_parts() -> None:
    built = cli()
    assert built.config.trainer.max_epochs == 100
    assert type(built.model.network).__name__ == "UNet"
    assert built.datamodule.seed == built.seed == 0


def test_a_flag_beats_the_last_config_which_beats_the_one_before(tmp_path: Path) -> None:
    first = config(tmp_path, "trainer: {max_epochs: 5, precision: bf16-mixed}", "first.yaml")
    last = config(tmp_path, "trainer: {max_epochs: 6}\ndata: {batch_size: 3}", "last.yaml")
    built = cli("--config", first, "--config", last, "--data.batch_size=2")
    assert built.config.trainer.max_epochs == 6
    assert built.config.trainer.precision == "bf16-mixed"
    assert built.datamodule.batch_size == 2


def test_a_network_of_ones_own_is_given_by_class_path() -> None:
    built = cli("--model.network=torch.nn.Conv2d", "--model.network.in_channels=3", "--model.network.out_channels=1",
                "--model.network.kernel_size=1")  # fmt: skip
    assert type(built.model.network).__name__ == "Conv2d"


def test_the_number_of_classes_has_one_source() -> None:
    built = cli("--data.num_classes=4", "--model.network.out_channels=4")
    assert built.model.num_classes == 4
    with pytest.raises(ConfigError, match="num_classes"):
        cli("--model.num_classes=4")


@pytest.mark.parametrize(
    ("flag", "named"),
    [
        ("--trainer.max_epoch=3", "max_epoch"),
        ("--max_epoch=3", "max_epoch"),  # no abbreviation of --max_epochs either
        ("--trainer.max_epochs=many", "max_epochs"),
        ("--data.batch=3", "batch"),
        ("--nonsense=1", "nonsense"),
    ],
)
def test_an_unknown_key_or_a_wrong_value_is_named(flag: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        cli(flag)


def test_settings_that_a_class_refuses_are_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="depth"):
        cli("--model.network.depth=-1")
    with pytest.raises(ConfigError, match="precision"):
        cli("--trainer.precision=64-bf").build_trainer([], AtomicCheckpointIO())


def test_an_unknown_key_in_a_file_is_named_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="btach_size"):
        cli("--config", config(tmp_path, "data: {btach_size: 3}"))


def test_the_saved_configuration_makes_the_same_run_and_knows_nothing_of_this_start(tmp_path: Path) -> None:
    args = ["--data.image_path=null", "--data.gt_path=null", "--trainer.max_epochs=7", "--ckpt_path=x.pth"]
    text = cli(*args).config_text()
    assert not {"config", "ckpt_path", "no_interactive"} & yaml.safe_load(text).keys()
    again = TrainCLI(["--config", config(tmp_path, text)])
    assert again.config_text() == text
    assert again.config.data.init_args.image_path is None


def test_a_fact_that_is_found_after_the_configuration_was_written_is_in_the_next_text() -> None:
    found = cli()
    before = found.config_text()
    found.config.data.init_args.channels = 1
    assert set(found.config_text().splitlines()) - set(before.splitlines()) == {"    channels: 1"}


def test_a_callback_that_the_same_command_line_adds_again_is_there_once(tmp_path: Path) -> None:
    adds = ["--trainer.callbacks+=tests.helpers.stopping.SignalAtStep", "--trainer.callbacks.step=-1"]
    text = cli(*adds).config_text()
    assert TrainCLI(["--config", config(tmp_path, text), *adds]).config_text() == text
    assert text.count("SignalAtStep") == 1


FLIP = "--data.augmentation+=torchvision.transforms.v2.RandomHorizontalFlip"


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        ([FLIP, "--data.augmentation.p=0.3", FLIP], []),
        (["--trainer.logger+=CSVLogger", "--trainer.logger.save_dir=logs"], []),
        (["--trainer.plugins+=LightningEnvironment"], []),
        ([FLIP], ["--data.augmentation+=torchvision.transforms.v2.RandomVerticalFlip"]),
    ],
    ids=["augmentation, twice", "logger", "plugin", "another one"],
)
def test_what_a_restarted_job_adds_to_a_list_again_is_there_once(typed: list[str], again: list[str]) -> None:
    text = cli(*typed).config_text()
    restarted = TrainCLI(["--config", text, *(again or typed)], run_config=text).config_text()
    assert (restarted == text) is not bool(again)
    if again:
        assert restarted.count("torchvision.transforms") == 2


def test_chinese_in_a_configuration_survives_saving_and_reading(tmp_path: Path) -> None:
    text = cli("--data.image_path=数据/图像").config_text()
    assert "数据/图像" in text
    assert TrainCLI(["--config", config(tmp_path, text)]).config.data.init_args.image_path == "数据/图像"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("localedef") is None, reason="needs localedef, to make a locale that is not UTF-8")
def test_a_chinese_configuration_is_read_as_utf_8_in_a_gbk_locale(tmp_path: Path) -> None:
    locale = subprocess.run(["localedef", "-f", "GBK", "-i", "zh_CN", str(tmp_path / "zh_CN.GBK")], check=False)
    if locale.returncode:
        pytest.skip("this machine has no sources for a Chinese locale")
    program = """
import locale, sys
from pathlib import Path
assert locale.getpreferredencoding() == "GBK"
from launch.cli import TrainCLI
config = Path("\\u914d\\u7f6e.yaml")
config.write_text("data: {image_path: \\u56fe\\u50cf}", encoding="utf-8")
cli = TrainCLI(["--config", sys.argv[1], "--config", str(config)])
assert cli.config.data.init_args.image_path == "\\u56fe\\u50cf", cli.config.data.init_args.image_path
assert "\\u56fe\\u50cf" in cli.config_text()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, DEFAULT],
        cwd=tmp_path,
        env={"LOCPATH": str(tmp_path), "LC_ALL": "zh_CN.GBK", "PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        encoding="gbk",
        check=False,
    )
    assert done.returncode == 0, done.stderr
