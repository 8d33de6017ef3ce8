"""Turn off what Lightning prints for everybody; the program itself prints what a user can act on."""

import logging
import warnings

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


def quiet() -> None:
    """Turn off Lightning's tips and notes, and the warnings in `EXPECTED`."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for message, module in EXPECTED:
        warnings.filterwarnings("ignore", message=message, module=module)
