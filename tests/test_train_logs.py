"""The logs of a run as readers see them: whatever stops it, the points of the run that was never stopped, each once."""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import train
from resume.run_files import LOGS
from tests.helpers.launches import LIGHTNING, TWO, Launch
from tests.helpers.logs import Points, csv_points, tensorboard_points, wandb_points
from tests.helpers.pictures import draw_pairs
from tests.helpers.stopping import PlannedError, StopAsPlanned
from tests.helpers.tiny_run import PATHS, TINY, Run, contents, load

pytest.importorskip("tensorboard")

BOTH = ["--trainer.logger+=CSVLogger", "--trainer.logger+=TensorBoardLogger"]
# Two batches an epoch.
SETTINGS = [*PATHS, *TINY, "--max_epochs=3", "--trainer.log_every_n_steps=1", "--no_interactive"]
SETTINGS += ["--trainer.callbacks+=LearningRateMonitor", "--trainer.callbacks+=tests.helpers.logs.EachStep"]
SETTINGS += ["--trainer.callbacks+=tests.helpers.stopping.StopAsPlanned"]
SETTINGS += ["--trainer.callbacks+=tests.helpers.launches.Act"]
WITHOUT = [*PATHS, *TINY, "--max_epochs=1", "--no_interactive"]
CSV, TENSORBOARD = (Path(LOGS, "lightning_logs", version) for version in ("version_0", "version_1"))


def points(folder: str) -> tuple[Points, Points]:
    return csv_points(Path(folder) / CSV), tensorboard_points(Path(folder) / TENSORBOARD)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Points, Points]:
    """The points of the run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    draw_pairs(folder / "Data", 12)
    StopAsPlanned.plan[:] = []
    with contextlib.chdir(folder):
        assert train.main([*SETTINGS, *BOTH]) == 0
        return points("checkpoints")


def test_an_uninterrupted_run_logs_every_step_and_epoch_once(whole: tuple[Points, Points]) -> None:
    for found in whole:
        assert {step for name, step in found if name == "each_step"} == set(range(6))
        assert {step for name, step in found if name == "lr-AdamW"} == set(range(6))
        for name in ("train/loss", "val/loss", "val/iou"):
            assert {step for found_name, step in found if found_name == name} == {1, 3, 5}
        assert {len(values) for values in found.values()} == {1}


@pytest.mark.parametrize(
    ("place", "step"),
    [
        ("val_end", 2),
        *(
            pytest.param(*moment, marks=pytest.mark.slow)
            for moment in [("step", 0), ("step", 1), ("step", 2), ("val", 4), ("forward", 3), ("val_error", 2)]
        ),
    ],
)
def test_a_run_that_was_stopped_has_the_points_of_one_that_was_not(
    run: Run, whole: tuple[Points, Points], place: str, step: int
) -> None:
    StopAsPlanned.plan[:] = [(place, step)]
    try:
        assert run(*SETTINGS, *BOTH) == 130
    except PlannedError:
        assert place in ("forward", "val_error")
    assert run("--no_interactive", "--ckpt_path=interrupted") == 0
    assert points("checkpoints") == whole
    assert load("latest_checkpoint.pth")["run"]["loggers"] == {
        "lightning.pytorch.loggers.CSVLogger": "version_0",
        "lightning.pytorch.loggers.TensorBoardLogger": "version_1",
    }


def kill(*arguments: str, act: str) -> None:
    killed = Launch([*LIGHTNING, *arguments], Path.cwd(), ACT=act)
    assert killed.finish() == -9, killed.complained()


@pytest.mark.slow
def test_steps_that_a_kill_took_back_are_there_once(run: Run, whole: tuple[Points, Points]) -> None:
    kill(*SETTINGS, *BOTH, act="0 val 4 SIGKILL")  # the last save is of step 2
    assert ("each_step", 3) in csv_points(Path("checkpoints") / CSV)
    assert run("--no_interactive", "--ckpt_path=latest") == 0
    assert points("checkpoints") == whole
    kept = (Path("checkpoints") / CSV / "metrics_from_step_2.csv").read_text(encoding="utf-8")
    assert kept.count("\n") == 5  # the header, and two rows of each of two steps


@pytest.mark.slow
def test_a_validation_that_was_interrupted_is_logged_once_however_often_it_is_resumed(
    run: Run, whole: tuple[Points, Points]
) -> None:
    StopAsPlanned.plan[:] = [("val", 2)]
    assert run(*SETTINGS, *BOTH, "--checkpoint.every_n_epochs=9") == 130
    Path("checkpoints/interrupted_checkpoint.pth").rename("again.pth")
    for _ in range(2):
        assert run("--no_interactive", "--ckpt_path=again.pth", "--checkpoint_dir=checkpoints") == 0
    assert points("checkpoints") == whole


@pytest.mark.slow
def test_a_run_that_goes_on_from_an_earlier_epoch_has_the_points_of_its_own_way(
    run: Run, whole: tuple[Points, Points]
) -> None:
    assert run(*SETTINGS, *BOTH) == 0
    assert run("--no_interactive", "--ckpt_path=checkpoints/checkpoint_epoch_1.pth", "--data.batch_size=2") == 0
    for before, found in zip(whole, points("checkpoints"), strict=True):
        assert {len(values) for values in found.values()} == {1}
        assert {name: value for name, value in before.items() if name[1] < 2}.items() <= found.items()
        assert max(step for _, step in found) == 9  # two steps, and two epochs of four
    kept = (Path("checkpoints") / CSV / "metrics_from_step_2.csv").read_text(encoding="utf-8")
    assert kept.count("train/loss") == 1
    assert ",5," in kept


@pytest.mark.slow
def test_a_new_run_and_the_archive_take_the_logs_and_a_resume_from_there_copies_them(
    run: Run, whole: tuple[Points, Points], capsys: pytest.CaptureFixture[str]
) -> None:
    StopAsPlanned.plan[:] = [("step", 3)]
    assert run(*SETTINGS, *BOTH) == 130
    before = contents(f"checkpoints/{LOGS}")
    assert run(*WITHOUT) == 0
    assert not Path("checkpoints", LOGS).exists()
    (archived,) = Path("checkpoints/archive").glob(f"*/{LOGS}")
    assert [*contents(str(archived)).values()] == [*before.values()]
    stopped = archived.parent / "interrupted_checkpoint.pth"
    assert run("--no_interactive", f"--ckpt_path={stopped}") == 0
    assert points("checkpoints") == whole
    assert [*contents(str(archived)).values()] == [*before.values()]


def test_a_folder_of_the_users_under_the_name_of_the_logs_is_refused_and_never_touched(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path("checkpoints", LOGS)
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    before = contents()
    assert run(*SETTINGS, *BOTH) == 2
    assert f"{folder} is not of this program" in capsys.readouterr().err
    assert contents() == before
    for _ in range(2):  # the second one archives the first
        assert run(*WITHOUT) == 0
    assert contents(str(folder)) == before


@pytest.mark.slow
def test_a_typed_folder_stays_the_users_and_each_run_has_a_version_of_its_own(run: Run) -> None:
    typed = [*SETTINGS, "--max_epochs=1", "--trainer.logger=CSVLogger", "--trainer.logger.save_dir=logs"]
    assert run(*typed) == 0
    assert run(*typed) == 0
    assert run("--no_interactive", "--ckpt_path=latest", "--max_epochs=2") == 0
    found = {str(path) for path in Path("logs").rglob("metrics*.csv")}
    versions = (Path("logs", "lightning_logs", f"version_{number}", "metrics.csv") for number in (0, 1))
    assert found == {str(path) for path in versions}
    assert max(step for _, step in csv_points(Path("logs/lightning_logs/version_1"))) == 3
    assert max(step for _, step in csv_points(Path("logs/lightning_logs/version_0"))) == 1


@pytest.mark.slow
def test_a_run_that_moved_to_another_folder_goes_on_logging_there(run: Run, whole: tuple[Points, Points]) -> None:
    StopAsPlanned.plan[:] = [("step", 2)]
    assert run(*SETTINGS, *BOTH, "--checkpoint_dir=here") == 130
    Path("here").rename("there")
    assert run("--no_interactive", "--checkpoint_dir=there", "--ckpt_path=interrupted") == 0
    assert points("there") == whole
    assert not Path("here").exists()
    config = yaml.safe_load(Path("there/config.yaml").read_text(encoding="utf-8"))
    assert [logger["init_args"]["save_dir"] for logger in config["trainer"]["logger"]] == [None, None]


@pytest.mark.slow
def test_logger_true_is_a_logger_of_the_run(run: Run) -> None:
    assert run(*SETTINGS, "--trainer.logger=true", "--max_epochs=1") == 0
    assert ("each_step", 1) in tensorboard_points(Path("checkpoints") / CSV)
    assert "TensorBoardLogger" in Path("checkpoints/config.yaml").read_text(encoding="utf-8")
    assert not Path("lightning_logs").exists()


def test_a_trial_logs_nothing(run: Run) -> None:
    assert run(*SETTINGS, *BOTH, "--trainer.fast_dev_run=true") == 0
    assert not Path("checkpoints", LOGS).exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--trainer.logger=MLFlowLogger"], "MLFlowLogger: Requirement 'mlflow>=1.0.0' not met"),
        (["--trainer.logger=CSVLogger", "--trainer.logger.save_dir=Data/gt/cell_0.png/logs"], "is not a folder"),
        (["--trainer.logger=CSVLogger", "--trainer.logger.folder=logs"], "'folder' is not accepted"),
    ],
    ids=["package", "folder", "argument"],
)
def test_a_logger_that_cannot_log_costs_no_file(
    trained: Run, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    if "MLFlow" in said and _is_installed("mlflow"):
        pytest.skip("mlflow is installed")
    before = contents()
    assert trained(*PATHS, *TINY, "--no_interactive", *flags) == 2
    assert said in capsys.readouterr().err
    assert contents() == before


def _is_installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


@pytest.mark.slow
def test_two_processes_log_as_one(run: Run) -> None:
    launch = Launch([*LIGHTNING, *SETTINGS, *BOTH, *TWO], Path.cwd())
    assert launch.finish() == 0, launch.complained()
    found = points("checkpoints")
    assert {len(values) for one in found for values in one.values()} == {1}
    assert sorted(path.name for path in Path("checkpoints", LOGS, "lightning_logs").iterdir()) == [
        "version_0",
        "version_1",
    ]
    kill(*SETTINGS, *BOTH, *TWO, "--checkpoint_dir=killed", act="0 val 2 SIGKILL")
    launch = Launch([*LIGHTNING, "--no_interactive", "--checkpoint_dir=killed", "--ckpt_path=auto"], Path.cwd())
    assert launch.finish() == 0, launch.complained()
    assert points("killed") == found


@pytest.mark.slow
def test_offline_folders_of_wandb_are_of_one_run_and_hold_each_point_once(run: Run) -> None:
    pytest.importorskip("wandb")
    settings = [*SETTINGS, "--trainer.logger=WandbLogger", "--trainer.logger.offline=true"]
    environ = {"WANDB_SILENT": "true"}
    launch: Callable[..., Launch] = lambda *argv, **more: Launch(  # noqa: E731
        [sys.executable, "-u", train.__file__, *argv], Path.cwd(), **environ, **more
    )
    killed = launch(*settings, ACT="0 step 3 SIGKILL")
    assert killed.finish() == -9, killed.complained()
    resumed = launch("--no_interactive", "--ckpt_path=latest")
    assert resumed.finish() == 0, resumed.complained()
    assert "cannot take back the points of steps 2 to" in resumed.said()
    earlier = launch("--no_interactive", "--ckpt_path=checkpoints/checkpoint_epoch_1.pth")
    assert earlier.finish() == 0, earlier.complained()
    files = sorted(Path("checkpoints", LOGS, "wandb").glob("offline-run-*/*.wandb"))
    found = [wandb_points(file) for file in files]
    assert len({run_id for run_id, _, _ in found if run_id}) == 1  # a start that was killed early has written nothing
    assert len({file.name for file in files}) == 1
    counts = [count for _, these, _ in found for count in these]
    assert counts == sorted(set(counts))
    steps = [
        step for _, _, these in found for (name, step), values in these.items() for _ in values if name == "each_step"
    ]
    assert sorted(steps) == list(range(6))
