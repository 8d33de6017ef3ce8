"""A run that is stopped and resumed is the run that was never stopped, bit for bit.

By default one row of the table: several settings at once, stopped in a step, in a validation and by an error. The other
rows are slow tests. The same moments, without the whole program: tests/callbacks/test_interrupt.py.
"""

import functools
import multiprocessing
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import train
from exactness.comparison import compare_runs
from tests.helpers.pictures import draw_pairs
from tests.helpers.stopping import PlannedError, StopAsPlanned

# Eight pairs for training in four batches, and four for validation in two; two epochs.
TINY = ["--data.image_size=16", "--batch_size=2", "--data.val_fraction=0.3", "--data.num_workers=0", "--max_epochs=2"]
TINY += ["--model.network.width=4", "--model.network.depth=1", "--model.network.dropout=0.3"]
TINY += ["--model.optimizer.lr=0.02"]
TINY += ["--trainer.callbacks+=tests.helpers.stopping.StopAsPlanned", "--no_interactive"]

CASES: dict[str, list[str]] = {
    "plain": [],
    "two workers": ["--data.num_workers=2"],
    "accumulation": ["--trainer.accumulate_grad_batches=2"],
    "clipping": ["--trainer.gradient_clip_val=0.1"],
    "bf16": ["--trainer.precision=bf16-mixed"],
    "half precision": ["--trainer.precision=bf16-true"],
    "schedule per epoch": ["--model.lr_scheduler=StepLR", "--model.lr_scheduler.step_size=1"],
    "schedule per step": [
        "--model.lr_scheduler=ExponentialLR",
        "--model.lr_scheduler.gamma=0.9",
        "--model.lr_scheduler_interval=step",
    ],
    "plateau": [
        "--model.lr_scheduler=lightning.pytorch.cli.ReduceLROnPlateau",
        "--model.lr_scheduler.monitor=val/loss",
        "--model.lr_scheduler.patience=0",
        "--model.lr_scheduler.threshold=10",
    ],
    "one cycle": [
        "--model.lr_scheduler=OneCycleLR",
        "--model.lr_scheduler.max_lr=0.01",
        "--model.lr_scheduler.total_steps=8",
        "--model.lr_scheduler_interval=step",
    ],
    "averaged weights": ["--trainer.callbacks+=EMAWeightAveraging", "--trainer.callbacks.decay=0.5"],
    "validation in mid-epoch": ["--trainer.val_check_interval=0.5"],
    "part of the data": ["--trainer.limit_train_batches=3", "--trainer.limit_val_batches=1"],
    "steps instead of epochs": ["--max_epochs=3", "--trainer.max_steps=6"],
    "validation every second epoch": ["--trainer.check_val_every_n_epoch=2"],
}
CASES["several settings"] = [
    setting for case in ("accumulation", "clipping", "schedule per step", "averaged weights") for setting in CASES[case]
]

# Stops within an epoch, within a validation, and in the first step of the next epoch.
USUAL_PLAN = [("step", 2), ("val", 4), ("step", 4)]
PLANS = {
    "several settings": [("step", 0), ("val", 2), ("backward", 3)],
    "accumulation": [("step", 0), ("val", 2), ("backward", 3)],
    "validation in mid-epoch": [("step", 0), ("val", 2), ("step", 2), ("val_end", 6)],
    "steps instead of epochs": [("val_end", 4), ("step", 5)],
    "part of the data": [("step", 1), ("val", 3), ("step", 3)],
    "validation every second epoch": [("step", 2), ("step", 5), ("val", 8)],
}
# Each stop: (place, number of optimizer steps done there).
MOMENTS = [
    [("step", 0)],
    [("step", 1)],
    [("step", 3)],
    [("val", 4)],
    [("val_end", 4)],
    [("step", 4)],
    [("step", 7)],
    [("val", 8)],
    [("step", 1), ("step", 2), ("step", 5)],
    [("batch", 2)],
    [("forward", 2)],
    [("backward", 2)],
    [("backward", 4)],
    [("val_error", 4)],
]

PLACES = ["step", "step", "step", "val", "val_end", "batch", "forward", "backward", "val_error"]
# The randomised test draws one setting of each line.
DRAWN = [
    [["--max_epochs=2"], ["--max_epochs=3"]],
    [["--batch_size=2"], ["--batch_size=3"], ["--batch_size=1"]],
    [[], [], ["--data.num_workers=1"], ["--data.num_workers=2"]],
    [[], ["--trainer.accumulate_grad_batches=2"]],
    [[], ["--trainer.gradient_clip_val=0.05"]],
    [[], [], ["--trainer.precision=bf16-mixed"]],
    [[], ["--trainer.check_val_every_n_epoch=2"], ["--trainer.limit_val_batches=1"]],
    [[], ["--trainer.limit_train_batches=2"], ["--trainer.max_steps=5"]],
    [[], [], CASES["averaged weights"]],
    [[], *(CASES[name] for name in ("schedule per epoch", "schedule per step", "plateau"))],
    [[], ["--model.optimizer=SGD", "--model.optimizer.lr=0.1", "--model.optimizer.momentum=0.9"]],
    [[], ["--save_every_minutes=0.000000001"]],
    [[], ["--checkpoint.every_n_epochs=2"], ["--checkpoint.keep_last=1"]],
    [[], ["--checkpoint.monitor=val/loss", "--checkpoint.mode=min"]],
]
Plan = list[tuple[str, int]]
Finish = Callable[..., Path]


@pytest.fixture(scope="module")
def finish(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finish]:
    """Trains a run to its end, resuming after each planned stop; returns the run's folder."""
    data = tmp_path_factory.mktemp("data")
    draw_pairs(data, 12)

    def to_the_end(settings: list[str], plan: Plan, *then: str, resume_from: str = "interrupted") -> Path:
        folder = tmp_path_factory.mktemp("run") / "checkpoints"
        StopAsPlanned.plan[:] = plan
        arguments = ["--image_path", str(data / "images"), "--gt_path", str(data / "gt"), *TINY, *settings]
        for _ in range(len(plan) + 1):
            left = len(StopAsPlanned.plan)
            try:
                code = train.main(["--checkpoint_dir", str(folder), *arguments])
            except PlannedError:
                code = 1
            if code == 0:
                break
            assert len(StopAsPlanned.plan) == left - 1
            if (folder / "interrupted_checkpoint.pth").exists():
                arguments = ["--no_interactive", "--ckpt_path", resume_from, *then]
        assert code == 0
        return folder

    with pytest.MonkeyPatch.context() as patch:
        # Drawing takes longer than these epochs and does not matter to what is compared.
        patch.setattr("callbacks.training_history.save_history", lambda path, *_: path.touch())
        yield to_the_end
    StopAsPlanned.plan.clear()


@pytest.fixture(scope="module")
def whole(finish: Finish) -> Callable[[str], Path]:
    """The folder of the run of a case that was never stopped."""
    return functools.cache(lambda case: finish(CASES[case], []))


@pytest.mark.slow
@pytest.mark.parametrize("plan", MOMENTS, ids=str)
def test_the_resumed_run_is_the_same_wherever_it_was_stopped(
    finish: Finish, whole: Callable[[str], Path], plan: Plan
) -> None:
    assert compare_runs(whole("plain"), finish(CASES["plain"], plan)) == []
    assert StopAsPlanned.plan == []


@pytest.mark.parametrize(
    "case",
    [case if case == "several settings" else pytest.param(case, marks=pytest.mark.slow) for case in list(CASES)[1:]],
)
def test_the_resumed_run_is_the_same_with_every_setting(
    finish: Finish, whole: Callable[[str], Path], case: str
) -> None:
    assert compare_runs(whole(case), finish(CASES[case], PLANS.get(case, USUAL_PLAN))) == []
    assert StopAsPlanned.plan == []


@pytest.mark.slow
def test_the_run_is_the_same_when_resumed_from_a_latest_within_an_epoch(finish: Finish) -> None:
    every_step = ["--save_every_minutes=0.000000001"]
    runs = finish(every_step, []), finish(every_step, [("backward", 3), ("batch", 5)], resume_from="latest")
    assert compare_runs(*runs) == []


def but_for_workers(differences: list[str]) -> list[str]:
    return [line for line in differences if "data.init_args.num_workers" not in line]


@pytest.mark.slow
def test_the_run_is_the_same_when_resumed_with_another_number_of_workers(
    finish: Finish, whole: Callable[[str], Path]
) -> None:
    parts = finish(CASES["plain"], [("step", 1)], "--data.num_workers=2")
    assert but_for_workers(compare_runs(whole("plain"), parts)) == []


@pytest.mark.slow
def test_the_run_is_the_same_with_spawned_workers(
    finish: Finish, whole: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        multiprocessing.context._default_context, "_actual_context", multiprocessing.get_context("spawn")
    )
    parts = finish(["--data.num_workers=1"], [("step", 1)])
    assert but_for_workers(compare_runs(whole("plain"), parts)) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("default")  # of the compiler, which has many
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_the_run_is_the_same_with_a_compiled_network(finish: Finish) -> None:
    settings = ["--model.compile_network=true"]
    assert compare_runs(finish(settings, []), finish(settings, USUAL_PLAN)) == []


@pytest.mark.slow
def test_the_run_is_the_same_with_random_settings_and_stops(finish: Finish, draw: int) -> None:
    generator = random.Random(draw)
    settings = [setting for choices in DRAWN for setting in generator.choice(choices)]
    steps = range(13)
    plan = [(generator.choice(PLACES), step) for step in sorted(generator.sample(steps, generator.randint(1, 3)))]
    differences = compare_runs(finish(settings, []), finish(settings, plan))
    assert not differences, (settings, plan, differences)
