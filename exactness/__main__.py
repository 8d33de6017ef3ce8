"""Whether a resumed run of your own configuration is the same run, bit for bit.

python -m exactness --image_path Data/images --gt_path Data/gt --config my.yaml

takes the flags of train.py. It trains a few batches three times, in a temporary folder: twice without a stop, and once
stopped within the first epoch and resumed. Then it prints "identical", or the first step and the first tensor that
differ, and the likely cause. Exit code 0: identical; 1: not identical; 2: wrong flags. It works with one process, and
so with one device.
"""

import contextlib
import io
import signal
import sys
import tempfile
from pathlib import Path

import train
from exactness.comparison import compare_runs
from exactness.trace import Step, Trace
from resume.run_files import INTERRUPTED

BATCHES = 6
STOP_AT = 2
SMALL = ["--max_epochs=2", f"--trainer.limit_train_batches={BATCHES}", "--trainer.limit_val_batches=2"]
SMALL += ["--trainer.callbacks+=exactness.trace.Trace", "--no_interactive"]

Steps = dict[tuple[int, int], Step]


class RunFailedError(Exception):
    """A run ended with an error; `code` is its exit code."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code


def main(argv: list[str]) -> int:
    """Run the comparison; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        whole, again, parts = (Path(folder, name) for name in ("whole", "again", "parts"))
        try:
            steps = _train(whole, argv)
            stop = min(STOP_AT, sum(epoch == 0 for epoch, _ in steps) - 1)
            repeated, resumed = _train(again, argv), _train(parts, argv, stop)
        except RunFailedError as error:
            print(error, file=sys.stderr)
            return error.code
        print(f"{len(steps)} batches in two epochs; stopped in batch {stop + 1} of the first, and resumed.")
        return _report(steps, resumed, compare_runs(whole, parts), first_difference(steps, repeated) is None)


def _train(folder: Path, argv: list[str], stop: int | None = None) -> Steps:
    """Train a run to its end, with a stop in batch `stop` of the first epoch; returns what each batch computed."""
    Trace.steps.clear()
    Trace.stop_at = None if stop is None else (0, stop)
    code = _start([*argv, *SMALL, "--checkpoint_dir", str(folder)])
    if stop is not None and code == 128 + signal.SIGINT:
        Trace.stop_at = None
        code = _start(["--no_interactive", "--ckpt_path", str(folder / INTERRUPTED)])
    if code != 0:
        raise RunFailedError(code, f"The run ended with exit code {code}.")
    return {moment: dict(step) for moment, step in Trace.steps.items()}


def _start(argv: list[str]) -> int:
    with contextlib.redirect_stdout(io.StringIO()):
        return train.main(argv)


def first_difference(one: Steps, other: Steps) -> tuple[tuple[int, int], str] | None:
    """The first (epoch, batch) that differs, and the name of what differs in it; None if nothing differs."""
    for moment in sorted({*one, *other}):
        if moment not in one or moment not in other:
            return moment, "a batch that only one run has trained"
        for name in one[moment]:
            if one[moment][name] != other[moment].get(name):
                return moment, name
    return None


def _report(steps: Steps, resumed: Steps, files: list[str], repeats: bool) -> int:
    """Print the outcome; returns the exit code."""
    difference = first_difference(steps, resumed)
    if difference is None:
        print("identical" if not files else "\n".join(["Every step is identical, but not the files:", *files]))
        return 1 if files else 0
    (epoch, batch), name = difference
    print(f"Not identical: first in epoch {epoch + 1}, batch {batch + 1}: {name}.")
    print(f"Likely cause: {likely_cause(name, repeats)}")
    return 1


def likely_cause(name: str, repeats: bool) -> str:
    """Why a resumed run differs.

    Args:
        name: What differs first: `batch`, `loss`, or a tensor of the module after the step.
        repeats: Whether two runs that were not stopped are the same.
    """
    if name == "batch":
        return (
            "the samples. An augmentation draws random numbers outside the global generators of torch, random and "
            "numpy (a generator of its own), or keeps something from one sample to the next."
        )
    if not repeats:
        return (
            "two runs that were not stopped differ too. An operation has no deterministic form (on a GPU: try "
            "--trainer.deterministic true), or random numbers come from outside the global generators."
        )
    if name == "loss":
        return (
            "the same batch gave another loss. The network draws random numbers from a generator of its own, or holds "
            "something that state_dict() does not save."
        )
    return (
        "the same batch and loss led to other weights. The optimizer or a callback holds something that is not saved."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
