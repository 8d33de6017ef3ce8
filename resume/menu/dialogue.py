"""The dialogue of the menu: every branch, and the way back to the menu. Nothing on disk is changed here."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from resume.checkpoints.catalog import Catalog, list_names, read_catalog, stamps
from resume.checkpoints.description import Checkpoint, describe, has_changed
from resume.decision import Decision, Quit, StartOver
from resume.disk_space import both_do_not_fit
from resume.menu.layout import NEW, QUIT, banner, deletion_header, deletion_lines, entries
from resume.plan import plan_fresh, plan_resume
from resume.run_files import LOCK, may_be_of_a_run
from resume.system.lock import who_uses
from resume.system.output import say, text

_SHOWN_KEPT_NAMES = 20


def hold_dialogue(
    folder: Path, who: Literal["menu", "lines"], on_waiting: Callable[[], None] | None = None
) -> Decision:
    """Ask until there is a decision.

    Args:
        folder: The folder of the run's files, which holds checkpoints.
        who: `menu` for a terminal, `lines` for a console that only passes lines.
        on_waiting: Called once, when the menu is shown and waits for a key.
    """
    if who == "menu":
        from resume.menu.prompt import ask, type_line
    else:
        from resume.menu.console import ask, type_line
    begin = _once(on_waiting)
    while True:
        catalog = read_catalog(folder)
        shown = entries(catalog, datetime.now(UTC))
        if not shown:  # all were deleted while a question was open
            return plan_fresh(folder, catalog)
        use = who_uses(folder / LOCK)
        if use is not None:
            say(text("{folder} is in use by {holder}.").format(folder=folder, holder=use))
        for line in banner(catalog):
            say(line)
        answer = ask(shown, _recommended(catalog), begin)
        if answer == QUIT:
            return Quit(folder)
        decision: Decision | None
        if answer == NEW:
            decision = _confirm_start_over(folder, type_line)
        else:
            decision = _confirm_resume(shown[int(answer) - 1].checkpoint, folder)
        if decision is not None:
            return decision


def _once(call: Callable[[], None] | None) -> Callable[[], None]:
    pending = [] if call is None else [call]

    def call_pending() -> None:
        if pending:
            pending.pop()()

    return call_pending


def _recommended(catalog: Catalog) -> str:
    """Key of the entry that is highlighted first: latest or the interrupted one, whichever is further."""
    usable = [(number, found) for number, found in enumerate(catalog.shown, start=1) if not found.damage]
    newest = [(number, found) for number, found in usable if found.run_id == catalog.run_id]
    usual = [(number, found) for number, found in newest if found.kind in ("latest", "interrupted")]
    number, _ = max(usual or newest, key=lambda pair: pair[1].age_key, default=(0, None))
    return str(number) if number else QUIT


def _confirm_resume(checkpoint: Checkpoint, folder: Path) -> Decision | None:
    """Confirm the choice. None leads back to the menu, which shows the file as it is now."""
    name = checkpoint.path.name
    say()
    if has_changed(checkpoint):
        said = text("{path} has changed since it was shown. Another training may be running there.")
        say(said.format(path=checkpoint.path))
        say()
        return None
    say(text("You chose: {name}").format(name=name))
    say(text("Checkpoint to be used: {name}").format(name=name))
    say()
    return plan_resume(checkpoint, folder)


def _confirm_start_over(folder: Path, type_line: Callable[[str], str | None]) -> Decision | None:
    """List what would be deleted and what stays, and ask. None leads back to the menu."""
    catalog = read_catalog(folder)
    owned, kept = _owned_and_kept(catalog)
    say()
    say(text("You chose to start over."))
    say()
    say(deletion_header(len(owned), catalog.count))
    for line in deletion_lines(owned):
        say(line)
    if kept:
        names = ", ".join(kept[:_SHOWN_KEPT_NAMES]) + (", ..." if len(kept) > _SHOWN_KEPT_NAMES else "")
        say(text("Kept (not of this program): {names}").format(names=names))
    say()
    files = stamps(folder, owned)
    free = shutil.disk_usage(folder).free
    at_once = free < max((found.size for found in catalog.shown), default=0)
    if at_once:
        say(both_do_not_fit(free))
    typed = type_line(text("Delete all checkpoint files? (y/n): "))
    if typed is None:
        return Quit(folder)
    if typed.strip().lower() not in ("y", "yes"):
        say()
        return None
    say(text("They will be deleted once all checks have passed."))
    say()
    return StartOver(folder, files, at_once)


def _owned_and_kept(catalog: Catalog) -> tuple[list[str], list[str]]:
    """The names that starting over deletes, and the names of other checkpoints.

    A checkpoint under a name of the user's belongs to the program if it carries a run_id.
    """
    others = sorted(filter(may_be_of_a_run, list_names(catalog.folder)))
    marked = {name for name in others if describe(catalog.folder / name).run_id}
    return [*sorted(marked), *catalog.owned], [name for name in others if name not in marked]
