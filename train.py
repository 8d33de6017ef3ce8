"""Train a network on paired images and ground truth: choose, build, check, apply, fit.

python train.py --image_path Data/images --gt_path Data/gt
"""

import contextlib
import importlib
import os
import sys
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import resume

if TYPE_CHECKING:  # torch and Lightning take seconds to import; the menu does not wait for them
    from lightning.pytorch import LightningModule, Trainer

    from callbacks import TrainingInterrupted
    from configs import TrainCLI

DEFAULT_CONFIG = Path(__file__).parent / "configs" / "default.yaml"
UNLIMITED = -1  # Lightning's max_epochs for a run without end
EXIT_USER_ERROR = 2
EXIT_SIGINT = 130


def main(argv: list[str]) -> int:
    """Run the program and return its exit code."""
    try:
        arguments = resume.read_arguments(argv)
        if not {"-h", "--help"}.isdisjoint(argv):
            resume.say(resume.EVERYDAY_HELP)
        imports = threading.Thread(target=import_what_is_slow, daemon=True)
        decision = resume.choose(arguments, on_waiting=imports.start)
        if isinstance(decision, resume.Quit):
            leave_at_once()
        if imports.ident is not None:
            imports.join()  # two threads that import the same packages meet half-made modules
        return train(arguments, decision)
    except resume.ResumeError as error:
        return user_error(error)
    except KeyboardInterrupt:
        print("\n" + resume.text("Interrupted before training began; nothing was saved."), file=sys.stderr)
        return EXIT_SIGINT


def import_what_is_slow() -> None:
    """For the time in which the user reads the menu; what fails here fails again, and visibly, in `train`."""
    with contextlib.suppress(Exception):
        importlib.import_module("configs")


def leave_at_once() -> None:
    """End the program without waiting for the imports in the background."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def train(arguments: resume.Arguments, decision: resume.Decision) -> int:
    """Build, check, apply, fit; nothing is deleted or moved before every check has passed."""
    from callbacks import CheckpointError, TrainingInterrupted, stop_at_once
    from configs import ConfigError, TrainCLI, quiet
    from datamodules import DataError
    from lit_modules import NetworkError

    quiet()
    applied = False
    try:
        with stop_at_once():
            cli = TrainCLI(arguments.for_lightning(decision), DEFAULT_CONFIG if arguments.informational else None)
            parent = check(cli, arguments, decision)
            if parent is not None and is_finished(cli, parent):
                return 0
            trainer = build(cli, decision, parent)
            resume.require_space(decision, checkpoint_size(cli.model))
            applied = True  # from here on `apply` itself says what it touched
            resume.apply(decision)
            fit(cli, trainer, decision)
    except (ConfigError, DataError, NetworkError, CheckpointError, resume.ResumeError) as error:
        return user_error(error, None if applied else decision)
    except TrainingInterrupted as stop:
        return say_how_to_go_on(stop)
    say_what_stands(trainer)
    return 0


def check(cli: "TrainCLI", arguments: resume.Arguments, decision: resume.Decision) -> dict[str, Any] | None:
    """See that data, network and checkpoint fit; return the `run` entry of the checkpoint that is resumed."""
    from callbacks import load_for_resume

    refuse_unknown_metric(cli)
    resuming = isinstance(decision, resume.Resume)
    cli.datamodule.check(every_gt=not resuming)
    cli.model.check(cli.datamodule.example_image())
    if not isinstance(decision, resume.Resume):
        return None
    resume.say(f"Loading checkpoint from {decision.path}...")
    parent = {**load_for_resume(decision.path, cli.model), "file": str(decision.path)}
    refuse_other_data(cli, arguments, parent)
    return parent


def refuse_unknown_metric(cli: "TrainCLI") -> None:
    """The best model is chosen by a metric that exists, or training would end at the first validation."""
    from configs import ConfigError

    monitor, known = cli.config.checkpoint.monitor, cli.model.METRICS
    if monitor not in known:
        raise ConfigError(f"checkpoint.monitor is {monitor!r}, expected one of: {', '.join(known)}")


def refuse_other_data(cli: "TrainCLI", arguments: resume.Arguments, parent: dict[str, Any]) -> None:
    """One run is trained on one set of data; only a typed path may change that.

    Raises:
        resume.ResumeError: The data are others than the run's, and nobody typed them.
    """
    before, now = parent["data"], data_of(cli)
    if before == now:
        return
    before_text, now_text = (
        ", ".join(filter(None, paths.values())) or resume.text("the built-in sample set") for paths in (before, now)
    )
    if "data.image_path" not in arguments.typed and "data.gt_path" not in arguments.typed:
        raise resume.ResumeError(
            resume.text(
                "{file} was trained on {before}, and this start would go on with {now}. Type --image_path and "
                "--gt_path to change the data of a run, or start a new run with --no_interactive."
            ).format(file=parent["file"], before=before_text, now=now_text)
        )
    resume.say(
        resume.text("The run was trained on {before}; from here on it is trained on {now}, as typed.").format(
            before=before_text, now=now_text
        )
    )


def data_of(cli: "TrainCLI") -> dict[str, str | None]:
    """Where the data come from, as configured; None stands for the built-in sample set."""
    return {"image_path": cli.config.data.image_path, "gt_path": cli.config.data.gt_path}


def is_finished(cli: "TrainCLI", parent: dict[str, Any]) -> bool:
    """Say so when the run has no epoch left to train."""
    done, wanted = parent["epoch"] if parent["epoch_done"] else parent["epoch"] - 1, cli.config.trainer.max_epochs
    if wanted is None or wanted == UNLIMITED or wanted > done:
        return False
    resume.say(
        resume.text(
            "This run is finished: {done} of {wanted} epochs are done. Nothing was changed. "
            "To train on, give a higher --max_epochs: {command}"
        ).format(done=done, wanted=wanted, command=command_to_train_on(Path(parent["file"]), done))
    )
    return True


def build(cli: "TrainCLI", decision: resume.Decision, parent: dict[str, Any] | None) -> "Trainer":
    """The trainer with the callbacks that write the run's files."""
    from callbacks import AtomicCheckpointIO, CheckpointFiles, EpochBar, Interrupt, RunState, TrainingHistory
    from configs import as_config_error, device_line, git_commit, versions

    folder, monitored = str(decision.checkpoint_dir), cli.config.checkpoint
    facts = {
        "data": data_of(cli),
        "class_mapping": cli.datamodule.class_mapping,
        "versions": versions(),
        "git_commit": git_commit(),
        "config": cli.config_text(),
    }
    origin = None if parent is None else {key: parent[key] for key in ("run_id", "file", "global_step")}
    run_id = uuid.uuid4().hex if parent is None else parent["run_id"]
    with as_config_error():
        callbacks = [
            EpochBar(monitored.monitor),
            RunState(run_id, origin, cli.seed, facts),
            TrainingHistory(folder, monitored.monitor, monitored.mode, resume.resolve_language(cli.config.lang)),
            CheckpointFiles(folder, **monitored),
            Interrupt(folder),
        ]
    trainer = cli.build_trainer(callbacks, AtomicCheckpointIO())
    resume.say(resume.text("Device: {device}").format(device=device_line(trainer.strategy.root_device)))
    data = (
        resume.text("Data: {data}")
        if cli.config.data.image_path
        else resume.text("Data: {data}. For your own: --image_path FOLDER --gt_path FOLDER")
    )
    resume.say(data.format(data=cli.datamodule.describe()))
    return trainer


def checkpoint_size(module: "LightningModule") -> int:
    """About how many bytes a checkpoint takes: weights and buffers, and for each weight two values of the optimizer."""
    weights = sum(weight.nbytes for weight in module.parameters())
    return 3 * weights + sum(buffer.nbytes for buffer in module.buffers()) + 2**20


def fit(cli: "TrainCLI", trainer: "Trainer", decision: resume.Decision) -> None:
    """Train, from the checkpoint where one was chosen."""
    from callbacks import staged

    decision.checkpoint_dir.mkdir(parents=True, exist_ok=True)
    with staged(decision.checkpoint_dir / "config.yaml") as file:
        file.write_text(cli.config_text(), encoding="utf-8")
    ckpt_path = decision.path if isinstance(decision, resume.Resume) else None
    trainer.fit(cli.model, datamodule=cli.datamodule, ckpt_path=ckpt_path, weights_only=True)


def say_how_to_go_on(stop: "TrainingInterrupted") -> int:
    """After a signal: what was saved and the command that goes on; returns the exit code."""
    if stop.saved is None:
        resume.say(resume.text("Interrupted before training began; nothing was saved."))
    else:
        resume.say(
            resume.text("Interrupted in epoch {epoch}/{wanted}: saved {file} (step {step}). Resume with:").format(
                epoch=stop.epoch, wanted=stop.max_epochs, file=stop.saved, step=stop.global_step
            )
        )
        resume.say(f"  {resume.command_to_resume(stop.saved)}")
    return 128 + stop.signum


def say_what_stands(trainer: "Trainer") -> None:
    """The last lines: best score, files, and the command to use next."""
    from callbacks import CheckpointFiles

    files = next(callback for callback in trainer.checkpoint_callbacks if isinstance(callback, CheckpointFiles))
    resume.say(resume.plural("Done: {count} epoch.", "Done: {count} epochs.", trainer.current_epoch))
    if files.best_score is not None:
        resume.say(
            resume.text("Best: epoch {epoch}, {metric} {score:.4f}").format(
                epoch=files.best_epoch, metric=files.monitor, score=files.best_score
            )
        )
    for name in ("best_model.pth", "latest_checkpoint.pth", "training_history.png"):
        if (files.folder / name).exists():
            resume.say(f"  {files.folder / name}")
    command = command_to_train_on(files.folder / "latest_checkpoint.pth", trainer.current_epoch)
    resume.say(resume.text("To train on: {command}").format(command=command))


def command_to_train_on(ckpt_path: Path, epochs_done: int) -> str:
    """The command line, ready to paste, that trains a finished run for as long again."""
    return f"{resume.command_to_resume(ckpt_path)} --max_epochs {2 * max(1, epochs_done)}"


def user_error(error: Exception, decision: resume.Decision | None = None) -> int:
    """One clear message; after N and y also that every file is still in place."""
    print(f"train.py: {error}", file=sys.stderr)
    if isinstance(decision, resume.StartOver):
        print(resume.text("No file was deleted."), file=sys.stderr)
    return EXIT_USER_ERROR


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
