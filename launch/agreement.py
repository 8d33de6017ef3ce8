"""Whether all processes of a launch, each by its own look at the folder, would do the same."""

from collections.abc import Mapping, Sequence
from typing import Any

from resume.decision import Archive, Decision, Quit, Resume, StartOver
from resume.system.errors import ResumeError
from resume.system.launch_info import Launch
from resume.system.output import text


def outline(decision: Decision) -> str:
    """What a process would do, in words that are equal for the same run in the same state."""
    folder = decision.checkpoint_dir
    match decision:
        case Resume():
            found = decision.checkpoint
            state = f"step {found.global_step}, saved {found.saved_at.isoformat()}, run {found.run_id[:8]}"
            return f"resume {decision.path} ({state}) in {folder}{_archive_outline(decision.archive)}"
        case StartOver():
            return f"start over in {folder}, deleting {len(decision.files)} files"
        case Quit():
            return "quit"
    return f"start a new run in {folder}{_archive_outline(decision.archive)}"


def _archive_outline(archive: Archive | None) -> str:
    return (
        "" if archive is None else f", moving {len(archive.files)} files ({sum(f.size for f in archive.files)} bytes)"
    )


def refuse_disagreement(outlines: Sequence[tuple[str, str | None]]) -> None:
    """Check that all processes would do the same.

    Args:
        outlines: The name of each process and what it would do; None for a process that took over a decision.

    Raises:
        ResumeError: Two processes would do different things.
    """
    own = [(process, planned) for process, planned in outlines if planned is not None]
    first, wanted = own[0]
    other = next(((process, planned) for process, planned in own if planned != wanted), None)
    if other is None:
        return
    raise ResumeError(
        text(
            "The processes of this launch do not see the same run: {first} would {wanted}; {other} would {planned}. "
            "--checkpoint_dir must be a folder that all machines share, and the flags must be the same everywhere. "
            "Nothing was changed."
        ).format(first=first, wanted=wanted, other=other[0], planned=other[1])
    )


def refuse_other_facts(facts: Sequence[tuple[str, Mapping[str, Any] | None]]) -> None:
    """Check that all processes have found the same in the data.

    Args:
        facts: The name of each process and what it has found; None for a process that took over what another has found.

    Raises:
        ResumeError: Two processes have found different things.
    """
    own = [(process, found) for process, found in facts if found is not None]
    first, wanted = own[0]
    for process, found in own:
        for name in sorted(wanted.keys() | found.keys()):
            if found.get(name) != wanted.get(name):
                message = text(
                    "The processes of this launch do not see the same data: for --data.{name}, {first} has found "
                    "{wanted}, {other} has found {found}. The folders must be the same on all machines. Nothing was "
                    "changed."
                )
                raise ResumeError(
                    message.format(
                        name=name, first=first, wanted=wanted.get(name), other=process, found=found.get(name)
                    )
                )


def refuse_other_pairs(pairs: Sequence[tuple[str, str | None]]) -> None:
    """Check that all processes divide the same pairs in the same way; else each would train on its own.

    Args:
        pairs: The name of each process and the fingerprint of its pairs; None for a process that another one started.

    Raises:
        ResumeError: Two processes see different pairs.
    """
    own = [(process, fingerprint) for process, fingerprint in pairs if fingerprint is not None]
    first, wanted = own[0]
    other = next((process for process, fingerprint in own if fingerprint != wanted), None)
    if other is not None:
        message = text(
            "The processes of this launch do not see the same files: {first} and {other} find different pairs in the "
            "folders of the data. The folders must be the same on all machines. Nothing was changed."
        )
        raise ResumeError(message.format(first=first, other=other))


def refuse_other_size(wanted: int, launch: Launch) -> None:
    """Check that a launcher started as many processes as train together; else each would train on its own.

    Args:
        wanted: The number of processes that the trainer expects.
        launch: What started this process.

    Raises:
        ResumeError: The numbers differ.
    """
    if launch.size is None or launch.size[0] == wanted:
        return
    count, variable = launch.size
    raise ResumeError(
        text(
            "{count} processes were started ({variable}), but the configuration is for {wanted}. Set --trainer.devices "
            "to the number of processes on each machine, and --trainer.num_nodes to the number of machines."
        ).format(count=count, variable=variable, wanted=wanted)
    )


def refuse_unknown_machines(machines: int, launch: Launch) -> None:
    """Check that the machines of a launch by Lightning can find each other; else each would wait for half an hour.

    Raises:
        ResumeError: They cannot, for instance because a run of several machines is resumed on one.
    """
    if machines > 1 and launch.main_address is None:
        raise ResumeError(
            text(
                "trainer.num_nodes is {machines}, but the address of the other machines is not known (MASTER_ADDR is "
                "not set). Start with torchrun or srun, or set --trainer.num_nodes 1."
            ).format(machines=machines)
        )
