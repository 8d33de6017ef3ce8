"""Who vouches for what the configuration of a checkpoint names: a flag, the user's own key, or a person."""

import io
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import resume
from launch.trust import TrustError, settle
from resume.checkpoints.description import describe
from resume.decision import Quit, Resume
from resume.plan import plan_resume
from resume.system.launch_info import Launch
from resume.system.user_key import KEY_VARIABLE
from tests.helpers import checkpoint_folders
from tests.helpers.foreign import SETTINGS, save_run, settings_with
from tests.helpers.settled import EVIL, NETWORK, PRINTS, refusal, settled, without_folder


@pytest.mark.parametrize("by", ["flag", "mapping", "config", "file"])
def test_a_typed_name_is_trusted(by: str) -> None:
    save_run(Path("checkpoints"), settings_with({"model/network": NETWORK}))
    Path("mine.yaml").write_text("model: {network: {class_path: third.party.Net}}", encoding="utf-8")
    Path("net.yaml").write_text("class_path: third.party.Net", encoding="utf-8")
    flags = {
        "flag": "--model.network=third.party.Net",
        "mapping": "--model.network={class_path: third.party.Net}",
        "config": "--config=mine.yaml",
        "file": "--model.network=net.yaml",
    }
    assert settled(flags[by])["model"]["init_args"]["network"] == NETWORK


def test_what_is_typed_in_its_place_need_not_be_trusted() -> None:
    save_run(Path("checkpoints"), settings_with({"model/network": EVIL, "trainer/callbacks": [EVIL]}))
    kept = settled("--model.network=lit_modules.networks.UNet", "--trainer.callbacks=null")
    assert "network" not in kept["model"]["init_args"]
    assert "callbacks" not in kept["trainer"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"act": "evil.Thing"},
        {"act": EVIL},
        {"act": ["evil.Thing"]},
        {"act": "{class_path: evil.Thing}"},
        {"act": "other.yaml"},
        {"act": "other"},
        {"weights": "a/b.pth"},
        {"log_dir": "out"},
        {"act": "../x"},
        {"act": "https://a/b"},
        {"act": {"__path__": "x"}},
        {"act": {"a": {"b": "evil.Thing"}}},
    ],
    ids=str,
)
def test_a_typed_name_does_not_vouch_for_what_its_arguments_name(arguments: dict[str, Any]) -> None:
    for name in ("other.yaml", "other"):
        Path(name).write_text("class_path: evil.Thing\n", encoding="utf-8")
    for part in ("init_args", "dict_kwargs"):
        shutil.rmtree("checkpoints", ignore_errors=True)
        save_run(
            Path("checkpoints"), settings_with({"model/network": {"class_path": "third.party.Net", part: arguments}})
        )
        assert "model.network." in refusal("--model.network=third.party.Net")


def test_a_typed_argument_is_used_in_place_of_one_that_is_refused() -> None:
    network = {"class_path": "third.party.Net", "init_args": {"weights": "a/b.pth", "width": 3}}
    save_run(Path("checkpoints"), settings_with({"model/network": network}))
    kept = settled("--model.network=third.party.Net", "--model.network.weights=a/b.pth")
    assert kept["model"]["init_args"]["network"]["init_args"] == {"width": 3}


def test_short_names_are_those_of_the_table() -> None:
    save_run(Path("checkpoints"), settings_with({"model/optimizer": {"class_path": "SGD", "init_args": {"lr": 0.1}}}))
    assert settled()["model"]["init_args"]["optimizer"]["class_path"] == "torch.optim.SGD"
    shutil.rmtree("checkpoints")
    save_run(Path("checkpoints"), settings_with({"trainer/callbacks": [{"class_path": "LambdaCallback"}]}))
    assert "LambdaCallback" in refusal()


def test_a_typed_short_name_is_that_of_a_class_of_lightning_only() -> None:
    swag = [{"class_path": "lightning.pytorch.callbacks.RichProgressBar"}]
    save_run(Path("checkpoints"), settings_with({"trainer/callbacks": swag}))
    assert settled("--trainer.callbacks+=RichProgressBar")["trainer"]["callbacks"] == swag
    shutil.rmtree("checkpoints")
    save_run(Path("checkpoints"), settings_with({"trainer/callbacks": [{"class_path": "evil.RichProgressBar"}]}))
    assert "evil.RichProgressBar" in refusal("--trainer.callbacks+=RichProgressBar")


def test_where_to_write_is_decided_by_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    logger = {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": "/elsewhere"}}
    settings = settings_with(
        {"trainer/logger": logger, "trainer/default_root_dir": "/other", "checkpoint_dir": "/third"}
    )
    settings["trainer"]["profiler"]["init_args"] = {"dirpath": "/fourth", "filename": "x"}
    save_run(Path("checkpoints"), settings)
    kept = settled()
    assert not [place for place in ("/elsewhere", "/other", "/third", "/fourth") if place in str(kept)]
    assert "trainer.logger.save_dir /elsewhere of checkpoints" in capsys.readouterr().out


def own_run() -> Path:
    """A run that this user has started by typing `--model.network third.party.Net`."""
    settings = settings_with({"model/network": NETWORK, "trainer/default_root_dir": "/typed"})
    return save_run(Path("checkpoints"), settings, trusted=["third.party.Net"])


def test_an_own_run_needs_nothing_typed() -> None:
    own_run()
    kept = settled()
    assert kept["model"]["init_args"]["network"] == NETWORK
    assert kept["trainer"]["default_root_dir"] == "/typed"


def test_an_own_run_in_another_folder_is_still_the_users_own() -> None:
    own_run().rename("moved")
    assert settled("--checkpoint_dir=moved")["model"]["init_args"]["network"] == NETWORK


def test_with_the_key_of_another_home_an_own_run_is_not_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own_run()
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "other_home" / "signing.key"))
    assert "third.party.Net" in refusal()
    assert settled("--model.network=third.party.Net")["model"]["init_args"]["network"] == NETWORK
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "home" / "signing.key"))
    settled()


@pytest.mark.parametrize("part", ["run_id", "trusted", "config", "signature"])
def test_a_signature_is_of_one_run_one_configuration_and_its_names(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = checkpoint_folders.run_of(own_run() / "latest_checkpoint.pth")
    shutil.rmtree("checkpoints")
    other = {
        "run_id": "e" * 32,
        "trusted": ["third.party.Net", "third.party.Other"],
        "config": run["config"].replace("width: 3", "width: 4"),
        "signature": "0" * 64,
    }
    values = {name: run[name] for name in other} | {part: other[part]}
    checkpoint_folders.fill(Path("checkpoints"), **values)
    Path("checkpoints/config.yaml").unlink()
    assert "third.party.Net" in refusal()


def test_an_edited_config_yaml_needs_trust_for_what_was_changed_alone() -> None:
    folder = own_run()
    edited = settings_with(
        {
            "model/network": {"class_path": "third.party.Net", "init_args": {"width": 7, "encoder": "resnet34"}},
            "trainer/default_root_dir": "/typed",
            "trainer/max_epochs": 9,
        }
    )
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(edited), encoding="utf-8")
    assert settled() == without_folder(edited)
    edited["trainer"]["callbacks"].append(PRINTS)
    config.write_text(yaml.safe_dump(edited), encoding="utf-8")
    said = refusal()
    assert "LambdaCallback" in said
    assert "third.party.Net" not in said


def test_the_config_yaml_of_a_later_checkpoint_is_the_users_own_beside_an_earlier_one() -> None:
    folder = own_run()
    later = settings_with({"model/network": NETWORK, "trainer/callbacks": [PRINTS]})
    save_run(Path("later"), later, trusted=["third.party.Net", PRINTS["class_path"]])
    Path("later/latest_checkpoint.pth").replace(folder / "latest_checkpoint.pth")
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(later), encoding="utf-8")
    earlier = "--ckpt_path=checkpoints/checkpoint_epoch_1.pth"
    assert settled(earlier) == without_folder(later)
    later["trainer"]["max_epochs"] = "evil.Thing"
    config.write_text(yaml.safe_dump(later), encoding="utf-8")
    assert "evil.Thing" in refusal(earlier)


def test_a_signed_argument_is_not_trusted_for_another_class() -> None:
    network = {"class_path": "third.party.Net", "init_args": {"file": "a/b.pth"}}
    folder = save_run(Path("checkpoints"), settings_with({"model/network": network}), trusted=["third.party.Net"])
    settled()
    network["class_path"] = "lit_modules.networks.UNet"
    (folder / "config.yaml").write_text(yaml.safe_dump(settings_with({"model/network": network})), encoding="utf-8")
    assert "model.network.file" in refusal()


def test_the_split_of_a_checkpoint_is_looked_at_also_beside_a_config_yaml() -> None:
    folder = save_run(Path("checkpoints"), settings_with({"data/split": EVIL}))
    (folder / "config.yaml").write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    assert "data.split" in refusal()


@pytest.mark.parametrize(
    ("typed", "goes_on"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_after_the_menu_a_person_is_asked(
    typed: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"model/network": NETWORK, "trainer/default_root_dir": "/elsewhere"}
    folder = save_run(Path("checkpoints"), settings_with(changes))
    monkeypatch.setenv("PYCHARM_HOSTED", "1")
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    arguments = resume.read_arguments(["--lang=en"], Launch.from_environment())
    decided = settle(arguments, plan_resume(describe(folder / "latest_checkpoint.pth"), folder))
    assert isinstance(decided.decision, Resume if goes_on else Quit)
    said = capsys.readouterr().out
    assert f"model.network: third.party.Net ({Path('third/party.py').resolve()})" in said
    assert "trainer.default_root_dir: /elsewhere" in said
    if goes_on:
        assert isinstance(decided.decision, Resume)
        assert decided.decision.is_trusted
        assert yaml.safe_load(decided.configs[0])["model"]["init_args"]["network"] == NETWORK


@pytest.mark.parametrize("flags", [["--ckpt_path=auto"], ["--ckpt_path=checkpoints/latest_checkpoint.pth"]])
def test_without_the_menu_nobody_is_asked(flags: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    save_run(Path("checkpoints"), settings_with({"model/network": NETWORK}))
    monkeypatch.setenv("PYCHARM_HOSTED", "1")
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    refusal(*flags)


def test_a_restarted_job_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    save_run(Path("checkpoints"), settings_with({"model/network": NETWORK}))
    monkeypatch.setenv("PYCHARM_HOSTED", "1")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    arguments = resume.read_arguments(["--lang=en"], Launch.from_environment())
    with pytest.raises(TrustError):
        settle(arguments, resume.choose(arguments))


def test_modules_are_looked_for_in_the_working_folder_last_and_never_beside_a_checkpoint() -> None:
    save_run(Path("checkpoints"), SETTINGS)
    sys.path[:0] = ["", str(Path.cwd()), str(Path("checkpoints").resolve())]
    settled()
    assert sys.path[-1] == str(Path.cwd())
    assert sys.path.count(str(Path.cwd())) == 1
    assert "" not in sys.path
    assert str(Path("checkpoints").resolve()) not in sys.path


def test_a_checkpoint_in_the_working_folder_keeps_that_folder_out(tmp_path: Path) -> None:
    save_run(tmp_path, SETTINGS)
    settled("--checkpoint_dir=.")
    assert str(tmp_path) not in sys.path


def test_a_person_sees_all_that_would_be_used_however_much_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    many = [{"class_path": f"third.Callback{number}"} for number in range(200)]
    folder = save_run(Path("checkpoints"), settings_with({"trainer/callbacks": many}))
    said = refusal()
    assert "third.Callback19 (" in said
    assert "third.Callback20 (" not in said
    monkeypatch.setenv("PYCHARM_HOSTED", "1")
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    settle(resume.read_arguments(["--lang=en"]), plan_resume(describe(folder / "latest_checkpoint.pth"), folder))
    assert "third.Callback199 (" in capsys.readouterr().out


def test_names_are_shown_without_what_controls_a_terminal() -> None:
    save_run(Path("checkpoints"), settings_with({"model/network": {"class_path": "third.\x1b[31m\nNet"}}))
    said = refusal()
    assert "\x1b" not in said
    assert "third.\\x1b[31m\\nNet" in said
