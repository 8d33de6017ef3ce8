"""Whose code a start imports and builds: what was typed, the table, the user's own runs, and what a person trusts.

The configuration of a resume comes from a file that anybody may have written. Here it is decided what of it reaches the
parser, which imports every class that it sees.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from launch.origins import origin, search_working_folder_last
from launch.sifting import Finding, Known, Sifter, flag_for
from launch.yaml_text import yaml_text
from resume.arguments import Arguments
from resume.checkpoints.catalog import read_catalog
from resume.checkpoints.description import Checkpoint
from resume.checkpoints.run_config import settings_of
from resume.checkpoints.signature import is_signed
from resume.commands import command_to_resume
from resume.configuration import RunSettings, default_configs, read_settings, run_settings
from resume.decision import Decision, Quit, Resume
from resume.menu.audience import audience
from resume.menu.consent import agrees
from resume.system.errors import UnreadableError
from resume.system.output import ExplainedError, one_line, say, text
from resume.system.small_files import read_text
from resume.system.small_yaml import MAX_BYTES, parse_yaml

_LONGEST_SHOWN = 200
_MOST_SHOWN = 20
_SPLIT = ("split", "group", "fold", "val_fraction", "split_seed")


class TrustError(ExplainedError):
    """The configuration of a checkpoint names something that nobody has vouched for; the message says what."""


@dataclass(frozen=True)
class Settled:
    """What a start does, and the configurations that everything else overrides.

    Attributes:
        decision: What it does; `Quit` where the person does not trust the configuration.
        configs: Each a path or YAML text, for `Arguments.for_lightning`.
    """

    decision: Decision
    configs: tuple[str, ...] = ()


def settle(arguments: Arguments, decision: Decision) -> Settled:
    """Decide what of a run's configuration may be used; nothing that it names is imported here.

    Raises:
        ResumeError: A configuration cannot be read.
        TrustError: It names what nobody has vouched for, and nobody is there to ask.
    """
    folders = {decision.checkpoint_dir}
    if not isinstance(decision, Resume):
        search_working_folder_last(folders)
        return Settled(decision, tuple(default_configs(arguments.given)))
    search_working_folder_last({*folders, decision.path.parent})
    settings = run_settings(decision)
    if arguments.trust or decision.is_trusted:
        return Settled(decision, (yaml_text(settings.own),))
    sifter = Sifter(_known(arguments, decision, settings))
    kept = sifter.settings(settings.own)
    _sift_split(sifter, settings)
    if sifter.findings:
        return _ask(arguments, decision, settings, sifter)
    for key, value in sifter.unused:
        said = text("{key} {value} of {file} is not used: this program decides where this start writes.")
        say(said.format(key=key, value=_shown(value), file=settings.file))
    return Settled(decision, (yaml_text(kept),))


def _known(arguments: Arguments, decision: Resume, settings: RunSettings) -> Known:
    names = typed_names(arguments)
    for found, saved in _vouching(decision, settings):
        if is_signed(found.run_id, saved, found.trusted, found.signature):
            return Known(names | frozenset(found.trusted), arguments.given, saved)
    return Known(names, arguments.given)


def _vouching(decision: Resume, settings: RunSettings) -> Iterator[tuple[Checkpoint, dict[str, Any]]]:
    """The checkpoints that may vouch for the configuration, each with the one that it carries.

    A config.yaml beside an earlier checkpoint is that of a later one of the same run.
    """
    if settings.own != settings.saved:
        for found in read_catalog(decision.path.parent).shown:
            if found.run_id == decision.checkpoint.run_id and found.signature:
                with contextlib.suppress(UnreadableError):
                    saved = settings_of(found.config)
                    if saved == settings.own:
                        yield found, saved
    yield decision.checkpoint, settings.saved


def _sift_split(sifter: Sifter, settings: RunSettings) -> None:
    """The split of a run is taken from the checkpoint, also where a config.yaml lies beside it."""
    data = settings.saved.get("data")
    arguments = data.get("init_args") if isinstance(data, dict) else None
    if settings.own is not settings.saved and isinstance(arguments, dict):
        split = {name: arguments[name] for name in _SPLIT if name in arguments}
        sifter.settings({"data": {"init_args": split}})


def _ask(arguments: Arguments, decision: Resume, settings: RunSettings, sifter: Sifter) -> Settled:
    """Ask the person who has chosen the checkpoint in the menu; where there is none, refuse."""
    head = text("{file} names what this program uses only if you vouch for it:").format(file=settings.file)
    # With trust in the whole file, it also decides where to write.
    lines = [f"  {_finding_line(one)}" for one in (*sifter.findings, *(Finding(*one) for one in sifter.unused))]
    was_asked = arguments.ckpt_path is None and arguments.launch.restart_variable is None
    who, _ = audience(arguments.launch)
    if not was_asked or who == "nobody":
        shown = [*lines[:_MOST_SHOWN], *(["  …"] if len(lines) > _MOST_SHOWN else [])]
        raise TrustError("\n".join(map(one_line, [head, *shown, *_advice(decision, settings, sifter.findings)])))
    if agrees([head, *lines], who):
        return settle(arguments, replace(decision, is_trusted=True))
    return Settled(Quit(decision.checkpoint_dir))


def _finding_line(finding: Finding) -> str:
    if finding.name is None:
        return f"{finding.key}: {_shown(finding.value)}"
    return f"{finding.key}: {_shown(finding.name)} ({origin(finding.name)})"


def _shown(value: Any) -> str:
    said = value if isinstance(value, str) else repr(value)
    return said if len(said) <= _LONGEST_SHOWN else f"{said[:_LONGEST_SHOWN]}…"


def _advice(decision: Resume, settings: RunSettings, findings: list[Finding]) -> list[str]:
    """How to go on: with the names typed, or with trust in the whole configuration."""
    lines = [text("None of it was imported, and nothing was changed.")]
    flags = [flag_for(finding, settings.own) for finding in findings]
    typed = dict(flag for flag in flags if flag is not None)
    if len(findings) <= _MOST_SHOWN and None not in flags:
        words = [f"{flag}={value}" for flag, value in typed.items()]
        lines.append(text("To use these: {command}").format(command=command_to_resume(decision.path, *words)))
    trusting = command_to_resume(decision.path, "--trust")
    lines.append(text("If you trust whoever has written the whole file: {command}").format(command=trusting))
    return lines


def typed_names(arguments: Arguments) -> frozenset[str]:
    """The texts in the flags of this start, and in the files that its flags name; class paths are among them."""
    found: set[str] = set()
    for word in arguments.rest:
        value = word.partition("=")[2] if word.startswith("-") else word
        _collect_texts(_read(value), found)
    for config in arguments.configs:
        _collect_texts(read_settings(config), found)
    return frozenset(found)


def _read(value: str) -> Any:
    """What was typed behind a flag: YAML, or the name of a file in YAML."""
    try:
        read = parse_yaml(value)
    except UnreadableError:
        return value
    if isinstance(read, str):
        with contextlib.suppress(OSError, ValueError, UnreadableError):  # no such file, or none that can be read
            return parse_yaml(read_text(Path(read), MAX_BYTES))
    return read


def _collect_texts(value: Any, found: set[str]) -> None:
    if isinstance(value, str):
        found.add(value)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _collect_texts(item, found)
