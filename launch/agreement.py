"""Whether all processes of a launch would do the same, each by its own look at the folder."""

import os
from collections.abc import Mapping, Sequence

from resume.decision import Archive, Decision, Quit, Resume, StartOver
from resume.system.errors import ResumeError
from resume.system.output import text
from resume.system.ranks import launched_processes


def outline(decision: Decision) -> str:
    """What a process would do, in words that are the same for the same run in the same state."""
    folder = decision.checkpoint_dir
    match decision:
        case Resume():
            found = decision.checkpoint
            state = f"step {found.global_step}, saved {found.saved_at.isoformat()}, run {found.run_id[:8]}"
            return f"resume {decision.path} ({state}) in {folder}{_making_way(decision.archive)}"
        case StartOver():
            return f"start over in {folder}, deleting {len(decision.files)} files"
        case Quit():
            return "quit"
    return f"start a new run in {folder}{_making_way(decision.archive)}"


def _making_way(archive: Archive | None) -> str:
    return (
        "" if archive is None else f", moving {len(archive.files)} files ({sum(f.size for f in archive.files)} bytes)"
    )


def refuse_disagreement(outlines: Sequence[tuple[str, str | None]]) -> None:
    """See that all would do the same.

    Args:
        outlines: The name of each process and what it would do; None where that was handed on to it.

    Raises:
        ResumeError: They would not.
    """
    own = [(process, planned) for process, planned in outlines if planned is not None]
    first, wanted = own[0]
    other = next(((process, planned) for process, planned in own if planned != wanted), None)
    if other is None:
        return
    raise ResumeError(
        text(
            "The processes of this launch do not see the same run: {first} would {wanted}; {other} would {planned}. "
            "--checkpoint_dir has to be a folder that all machines share, and the flags the same everywhere. "
            "Nothing was changed."
        ).format(first=first, wanted=wanted, other=other[0], planned=other[1])
    )


def refuse_other_size(wanted: int) -> None:
    """See that a launcher has started as many processes as train together, else each would train for itself.

    Args:
        wanted: Processes that the trainer counts on.

    Raises:
        ResumeError: It has not.
    """
    launched = launched_processes()
    if launched is None or launched[0] == wanted:
        return
    count, variable = launched
    raise ResumeError(
        text(
            "{count} processes were started ({variable}), but the configuration is for {wanted}. Set --trainer.devices "
            "to the processes on each machine, and --trainer.num_nodes to the machines."
        ).format(count=count, variable=variable, wanted=wanted)
    )


def refuse_lonely_machine(machines: int, environ: Mapping[str, str] = os.environ) -> None:
    """See that the machines of a launch by Lightning can find each other, else each would wait for half an hour.

    Raises:
        ResumeError: They cannot, as where a run of several machines is resumed on one.
    """
    if machines > 1 and "MASTER_ADDR" not in environ:
        raise ResumeError(
            text(
                "trainer.num_nodes is {machines}, but nothing says where the other machines are (MASTER_ADDR is not "
                "set). Start with torchrun or srun, or set --trainer.num_nodes 1."
            ).format(machines=machines)
        )
