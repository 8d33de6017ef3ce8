"""Turn off what Lightning prints for everybody; what it prints because of a setting, the user asked for."""

import logging
import re
import warnings

from typing_extensions import override

from resume.system.output import complain, say, text

# (message, module) of warnings that a user can do nothing about, each with its reason.
EXPECTED = [
    # Lightning 2.6.6 tests tree leaves in a way that torch 2.14 deprecates.
    (r"`isinstance\(treespec, LeafSpec\)` is deprecated", r"lightning\.pytorch\.utilities\._pytree"),
    # A login node has srun too, and a run without srun is intended there.
    (r"The `srun` command is available on your system but is not used", r"lightning\..*"),
    # A callback of the run that is not there any more was taken away by a flag.
    (r"Be aware that when using `ckpt_path`, callbacks used to create the checkpoint", r"lightning\.pytorch\..*"),
    # Two workers can be the right number; num_workers is a setting for those who want more.
    (r"The '\w+_dataloader' does not have many workers", r"lightning\.pytorch\..*"),
]
# How the notes begin that Lightning writes in every run: of what the program says itself, or of other products.
_NOTES = re.compile(
    r"Seed set to |(GPU|TPU|HPU|IPU) available: |LOCAL_RANK: |.{0,3}Tip: |Loading `train_dataloader` to estimate "
    r"|Initializing distributed: |-{20,}\ndistributed_backend=|Your model can run with static graph "
    r"|Restor(ing states|ed all states) from the checkpoint|`Trainer\.fit` stopped: |`weights_only` was not set"
)
# A hint that names a function of torch; a variable does the same.
_PRECISION_HINT = "torch.set_float32_matmul_precision("
_PRECISION_COMMAND = "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE=1 python train.py ..."


class _Notes(logging.Handler):
    """Prints what Lightning logs, but for the notes of every run, where the program prints: above the progress bar."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        return not _NOTES.match(record.getMessage())

    @override
    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if record.levelno >= logging.WARNING:  # in every process
            complain(said)
            return
        for line in said.expandtabs().splitlines():
            say(line)
        if _PRECISION_HINT in said:
            say(text("From the shell: {command}").format(command=_PRECISION_COMMAND))


def quiet() -> None:
    """Turn off Lightning's notes of every run, and the warnings in `EXPECTED`."""
    # Lightning gives each of them a handler of its own, which writes through the progress bar.
    for name in ("lightning.pytorch", "lightning.fabric"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    logger = logging.getLogger("lightning")
    logger.handlers, logger.propagate = [_Notes()], False
    for message, module in EXPECTED:
        warnings.filterwarnings("ignore", message=message, module=module)
