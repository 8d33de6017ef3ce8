from pathlib import Path

import pytest

import resume
from resume import ResumeError, configuration, read_arguments
from resume.checkpoints.description import describe
from resume.configuration import default_configs
from resume.decision import Fresh, Resume
from resume.system.launch_info import Launch
from tests.draws.flags import CHANGES
from tests.helpers import checkpoint_folders

CHINESE = "数据/图像"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def for_lightning(*argv: str) -> list[str]:
    arguments = read_arguments(list(argv))
    base = default_configs(arguments.given)
    return arguments.for_lightning(Fresh(arguments.checkpoint_dir), base)


def test_nothing_typed_means_the_defaults() -> None:
    arguments = read_arguments([])
    assert arguments.checkpoint_dir == Path("checkpoints")
    assert arguments.ckpt_path is None
    assert not arguments.no_interactive
    assert not arguments.informational
    assert (arguments.requested_lang, arguments.lang) == ("auto", "en")
    assert arguments.given == frozenset()


def test_everyday_flags_become_nested_ones_in_the_order_typed() -> None:
    argv = [
        "--max_epochs",
        "4",
        "--image_path=a",
        "--gt_path",
        "b",
        "--trainer.precision",
        "bf16-mixed",
        "--batch_size",
        "2",
    ]
    argv += ["--save_every_minutes=5", "--data.num_classes", "3"]
    assert for_lightning(*argv)[2:-1] == [
        "--trainer.max_epochs",
        "4",
        "--data.image_path=a",
        "--data.gt_path",
        "b",
        "--trainer.precision",
        "bf16-mixed",
        "--data.batch_size",
        "2",
        "--checkpoint.save_every_minutes=5",
        "--data.num_classes",
        "3",
    ]


def test_configurations_come_first_so_that_typed_flags_win() -> None:
    first, second = write("one.yaml", "lang: en"), write("two.yaml", "lang: en")
    words = for_lightning("--max_epochs=4", "--config", "one.yaml", "-c", "two.yaml")[2:]  # behind default and sample
    assert words[2:6] == ["--config", str(first), "--config", str(second)]
    assert words[6:] == ["--trainer.max_epochs=4", "--lang=en", "--checkpoint_dir=checkpoints"]


def test_the_flags_of_this_stage_are_not_passed_on() -> None:
    words = for_lightning("--resume", "latest", "--no_interactive", "--lang", "zh", "--checkpoint_dir", "runs/a")
    assert words[4:] == ["--lang=zh", f"--checkpoint_dir={Path('runs/a')}"]


@pytest.mark.parametrize("argv", [["--ckpt_path", "x"], ["--ckpt_path=x"], ["--resume", "x"], ["--resume=x"]])
def test_ckpt_path_and_its_alias_in_both_spellings(argv: list[str]) -> None:
    assert read_arguments(argv).ckpt_path == "x"


def test_the_last_of_a_repeated_flag_counts() -> None:
    assert read_arguments(["--resume", "a", "--ckpt_path=b"]).ckpt_path == "b"


def test_typed_keys_are_known_by_their_nested_names() -> None:
    arguments = read_arguments(["--image_path", "a", "--data.batch_size=3", "--resume=best", "--trainer.x", "1"])
    assert arguments.typed == {"data.image_path", "data.batch_size", "ckpt_path", "trainer.x"}


def test_a_config_file_sets_what_is_not_typed_and_the_last_file_wins() -> None:
    write(
        "a.yaml",
        f"checkpoint_dir: a\nckpt_path: latest\nno_interactive: true\ndata:\n  image_path: {CHINESE}\n",
    )
    write("b.yaml", "checkpoint_dir: b\nlang: zh\n")
    arguments = read_arguments(["--config", "a.yaml", "--config=b.yaml", "--ckpt_path", "best"])
    assert arguments.checkpoint_dir == Path("b")
    assert arguments.ckpt_path == "best"
    assert arguments.no_interactive
    assert arguments.lang == "zh"
    assert arguments.configs == (Path("a.yaml"), Path("b.yaml"))
    assert {"data.image_path", "checkpoint_dir"} <= arguments.configured
    assert "checkpoint_dir" in arguments.given


def test_null_in_a_config_file_is_not_a_setting() -> None:
    write("a.yaml", "ckpt_path: null\ncheckpoint_dir: null\n")
    arguments = read_arguments(["--config", "a.yaml"])
    assert (arguments.ckpt_path, arguments.checkpoint_dir) == (None, Path("checkpoints"))


def test_a_file_with_a_byte_order_mark_is_read() -> None:
    Path("a.yaml").write_text("checkpoint_dir: runs\n", encoding="utf-8-sig")
    assert read_arguments(["--config", "a.yaml"]).checkpoint_dir == Path("runs")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        ("数据: 1\n".encode("gbk"), "not UTF-8"),
        (b"data: [1, 2\n", "no valid YAML"),
        (b"- a\n- b\n", "expected a mapping"),
        (b"checkpoint_dir: 5\n", "--checkpoint_dir: expected a path, got 5"),
        (b"ckpt_path: ''\n", "--ckpt_path: expected a path"),
        (b"no_interactive: maybe\n", "--no_interactive: expected"),
        (b"lang: fr\n", "--lang: expected auto, en or zh, got 'fr'"),
    ],
)
def test_a_config_file_that_does_not_fit_is_an_error(content: bytes | None, message: str) -> None:
    if content is not None:
        Path("a.yaml").write_bytes(content)
    with pytest.raises(ResumeError, match=message):
        read_arguments(["--config", "a.yaml"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--lang", "de"], "--lang: expected auto, en or zh, got 'de'"),
        (["--ckpt_path"], "--ckpt_path: expected a value"),
        (["--checkpoint_dir", "--no_interactive"], "got --no_interactive"),
        (["--checkpoint_dir="], "--checkpoint_dir: expected a path"),
        (["--no_interactive=perhaps"], "--no_interactive: expected"),
        (["--ckpt", "latest"], "Did you mean --ckpt_path"),
        (["--resum=latest"], "Did you mean --resume"),
        (["--no-interactive"], "Did you mean --no_interactive"),
        (["--conf", "a.yaml"], "Did you mean --config"),
        (["--image_paths", "a"], "Did you mean --image_path"),
        (["--no_such", "--no_interactive"], "--no_such: no such flag. All flags:"),
        (["--trainr.max_steps=3"], r"Did you mean --trainer\.max_steps"),
        (["--dice_weight=0.5"], "--dice_weight: no such flag"),
        (["best"], "'best': expected a flag"),
        (["--max_epochs=3", "4"], "'4': expected a flag"),
    ],
)
def test_a_wrong_flag_of_this_stage_is_an_error_before_anything_is_asked(argv: list[str], message: str) -> None:
    with pytest.raises(ResumeError, match=message):
        read_arguments(argv)


@pytest.mark.parametrize("key", ["help", "print_config", "version", "model", "data", *CHANGES])
def test_every_flag_of_the_help_passes_this_stage(key: str) -> None:
    said = ""
    try:
        read_arguments([f"--{key}=1"])
    except ResumeError as error:  # 1 is no value of some
        said = str(error)
    assert "no such flag" not in said


def test_groups_of_settings_are_no_abbreviations() -> None:
    assert for_lightning("--checkpoint", "x.yaml", "--data", "y.yaml")[2:6] == [
        "--checkpoint",
        "x.yaml",
        "--data",
        "y.yaml",
    ]


@pytest.mark.parametrize(
    "argv",
    [
        ["-h"],
        ["--help"],
        ["--print_config"],
        ["--print_config=comments"],
        ["--model.help"],
        ["--trainer.help=x"],
    ],
)
def test_help_and_the_like_decide_nothing(argv: list[str]) -> None:
    arguments = read_arguments([*argv, "--resume", "nowhere.pth"])
    assert arguments.informational
    assert resume.choose(arguments) == Fresh(Path("checkpoints"))


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("False", False)])
def test_no_interactive_takes_a_value_after_an_equals_sign(value: str, expected: bool) -> None:
    assert read_arguments([f"--no_interactive={value}"]).no_interactive is expected


def test_a_value_after_no_interactive_is_an_error() -> None:
    with pytest.raises(ResumeError, match=r"--no_interactive takes no value, got 'false'"):
        read_arguments(["--lang=en", "--no_interactive", "false"])


@pytest.mark.parametrize("flag", ["--checkpoint_dir", "--config"])
def test_the_home_of_no_user_is_an_error(flag: str) -> None:
    with pytest.raises(ResumeError, match=rf"{flag} ~nobody_of_that_name/a: no home folder"):
        read_arguments(["--lang=en", flag, "~nobody_of_that_name/a"])


def test_the_default_configuration_decides_what_nobody_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "CONFIGS", tmp_path)
    write("default.yaml", "checkpoint_dir: runs/mine\nlang: zh\nno_interactive: true\n")
    arguments = read_arguments([])
    assert (arguments.checkpoint_dir, arguments.lang) == (Path("runs/mine"), "zh")
    assert arguments.no_interactive
    assert "checkpoint_dir" not in arguments.given
    write("b.yaml", "checkpoint_dir: runs/b\n")
    assert read_arguments(["--config", "b.yaml"]).checkpoint_dir == Path("runs/b")
    assert read_arguments(["--config", "b.yaml", "--checkpoint_dir=runs/typed"]).checkpoint_dir == Path("runs/typed")


def test_the_language_of_a_run_stays_unless_one_is_given() -> None:
    assert not any(word.startswith("--lang") for word in for_lightning("--no_interactive"))
    assert "--lang=zh" in for_lightning("--no_interactive", "--lang=zh")


def test_break_lock_is_a_switch_of_this_stage_alone() -> None:
    assert not read_arguments([]).break_lock
    assert read_arguments(["--break_lock"]).break_lock
    assert not read_arguments(["--break_lock=false"]).break_lock
    assert not [word for word in for_lightning("--break_lock") if "break_lock" in word]
    with pytest.raises(ResumeError, match="--break_lock takes no value, got 'yes'"):
        read_arguments(["--break_lock", "yes"])
    with pytest.raises(ResumeError, match="--break_lock: expected nothing, true or false after it, got 'yes'"):
        read_arguments(["--break_lock=yes"])


@pytest.mark.parametrize(
    ("argv", "folder"),
    [([], "checkpoints/task_3"), (["--checkpoint_dir", "runs"], "runs"), (["--config", "my.yaml"], "configured")],
)
def test_a_task_of_an_array_has_a_folder_of_its_own_where_none_is_given(argv: list[str], folder: str) -> None:
    write("my.yaml", "checkpoint_dir: configured")
    assert read_arguments(argv, Launch(array_task="3")).checkpoint_dir == Path(folder)


def test_a_new_run_with_a_time_budget_has_no_other_end_and_a_resumed_one_keeps_its_plan() -> None:
    arguments = read_arguments(["--train_minutes", "2.5"])
    assert arguments.for_lightning(Fresh(Path("checkpoints")), [])[-2:] == [
        "--train_minutes=2.5",
        "--trainer.max_epochs=-1",
    ]
    latest = checkpoint_folders.save(Path("latest_checkpoint.pth"), 3)
    assert arguments.for_lightning(Resume(describe(latest), Path("checkpoints")), [])[-1] == "--train_minutes=2.5"


@pytest.mark.parametrize("value", ["0", "-3", "soon", "nan", "inf"])
def test_a_time_budget_that_is_no_number_above_0_is_refused(value: str) -> None:
    with pytest.raises(ResumeError, match=f"--train_minutes: expected a number above 0, got '{value}'"):
        read_arguments([f"--train_minutes={value}"])


@pytest.mark.parametrize("other", ["--max_epochs=3", "--trainer.max_steps=3"])
def test_a_time_budget_and_another_length_of_the_run_are_refused(other: str) -> None:
    with pytest.raises(ResumeError, match=r"--train_minutes decides how long the run is, and so does --trainer\.max_"):
        read_arguments(["--train_minutes=1", other])
