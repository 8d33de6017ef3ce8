"""The menu as plain lines: the same for the terminal and for a console that only passes lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from resume.checkpoints.catalog import Catalog
from resume.checkpoints.description import Checkpoint
from resume.checkpoints.run_entry import NEVER
from resume.limits import limit_text
from resume.run_files import EPOCH_FILES, KINDS, LOGS, Kind, display_order, epoch_of
from resume.system.output import one_line, plural, size_text, text

NEW = "N"
QUIT = "Q"
_RULE = "=" * 60
_GAP = "  "
_LISTED_NAMES = 20


@dataclass(frozen=True)
class Entry:
    """One numbered checkpoint of the menu.

    Attributes:
        key: What the user types: "1" to "4".
        name: The name of the file and the kind of checkpoint, as the menu shows them.
        columns: Details by the names that `_LAYOUTS` uses. Some are shorter forms of others.
        note: A remark: damaged, of another run, finished, behind latest.
    """

    key: str
    checkpoint: Checkpoint
    name: str
    columns: dict[str, str]
    note: str


# From wide to narrow terminals: the first layout that fits is shown.
_LAYOUTS = (
    ("epoch", "metric", "age", "size"),
    ("epoch", "short metric", "age", "size"),
    ("epoch", "short metric", "age"),
    ("fraction", "short metric", "age"),
    ("fraction", "score", "age"),
    ("fraction", "short metric"),
    ("fraction", "score"),
    ("epoch",),
    ("fraction",),
    (),
)


def banner(catalog: Catalog) -> list[str]:
    """The lines above the entries: what was found, and the data of that run."""
    return [
        _RULE,
        text("Checkpoints of an earlier training run found"),
        _RULE,
        "",
        *_data_line(catalog),
        plural("Found {count} checkpoint file:", "Found {count} checkpoint files:", catalog.count),
        "",
        text("Available checkpoints:"),
    ]


def _data_line(catalog: Catalog) -> list[str]:
    newest = catalog.newest
    if newest is None:
        return []
    paths = [_short_path(path) for path in (newest.image_path, newest.gt_path) if path]
    return [text("Data of this run: {data}").format(data=", ".join(paths) or text("the built-in sample set"))]


def _short_path(path: str) -> str:
    folder, here = Path(path), Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else path


def entries(catalog: Catalog, now: datetime) -> tuple[Entry, ...]:
    """The numbered entries, in the menu's order.

    Args:
        catalog: What the folder holds.
        now: The current time, with a time zone. Ages are counted back from it.
    """
    latest = catalog.find("latest")
    return tuple(
        Entry(
            str(number),
            found,
            _name(found.kind, catalog.epoch_count),
            _columns(found, now),
            _note(found, latest, catalog.run_id),
        )
        for number, found in enumerate(catalog.shown, start=1)
    )


def _name(kind: Kind, epoch_count: int) -> str:
    labels = {
        "latest": text("latest"),
        "interrupted": text("stopped"),
        "best": text("best model"),
        "epoch": plural("{count} file", "{count} files", epoch_count),
    }
    return f"{KINDS[kind]} ({labels[kind]})"


def _note(found: Checkpoint, latest: Checkpoint | None, run_id: str | None) -> str:
    if found.damage and found.is_foreign:
        return found.damage
    if found.damage:
        return text("damaged: {reason}").format(reason=found.damage)
    if found.run_id != run_id:
        return text("of another run")
    if found.finished and found.ended_by not in ("", "max_epochs"):
        return text("finished: {limit}").format(limit=limit_text(found.ended_by))
    if found.finished:
        return text("finished")
    is_behind = latest is not None and not latest.damage and found.age_key < latest.age_key
    return text("behind latest") if found.kind == "interrupted" and is_behind else ""


def _columns(found: Checkpoint, now: datetime) -> dict[str, str]:
    if found.damage:
        return {}
    score = "-" if found.score is None else f"{found.score:.4f}"
    fraction = _epoch_fraction(found)
    monitor = one_line(found.monitor)
    return {
        "epoch": text("epoch {done}").format(done=fraction),
        "fraction": fraction,
        "metric": f"{monitor} {score}",
        "short metric": f"{monitor.rpartition('/')[2]} {score}",
        "score": score,
        "age": age_text(found.saved_at, now),
        "size": size_text(found.size),
    }


def _epoch_fraction(found: Checkpoint) -> str:
    # Rounded down, so that an epoch counts as done only when it is.
    done = str(found.epoch) if found.epoch_done else f"{int(found.epochs_done * 10) / 10:.1f}"
    planned = f"/{found.max_epochs}" if found.max_epochs > 0 else ""
    return f"{done}{planned}"


def age_text(saved_at: datetime, now: datetime) -> str:
    """How long ago, in one unit. A date if it is more than a month ago or in the future."""
    minutes = int((now - saved_at).total_seconds() // 60)
    if minutes < 0 or minutes >= 30 * 24 * 60:
        return saved_at.astimezone().strftime("%Y-%m-%d") if saved_at > NEVER else ""
    if minutes == 0:
        return text("just now")
    if minutes < 60:
        return text("{count} min ago").format(count=minutes)
    if minutes < 24 * 60:
        return text("{count} h ago").format(count=minutes // 60)
    return plural("{count} day ago", "{count} days ago", minutes // (24 * 60))


def entry_lines(shown: Sequence[Entry], width: int) -> list[str]:
    """One line for each entry, with aligned details. Details that do not fit into `width` cells are left out.

    The two cells in front of a line are for the pointer and not part of the line.
    """
    room = width - 3  # two for the pointer, and the last column, at which some terminals wrap
    names = [f"[{entry.key}] {entry.name}" for entry in shown]
    left = max(map(cell_width, names))
    for layout in _LAYOUTS:
        rows = _aligned([entry.columns for entry in shown], layout)
        if all(cell_width(_line(name, left, row)) <= room for name, row in zip(names, rows, strict=True)):
            break
    return [_with_note(name, left, row, entry.note, room) for name, row, entry in zip(names, rows, shown, strict=True)]


def _aligned(rows: list[dict[str, str]], layout: tuple[str, ...]) -> list[list[str]]:
    """The columns of a layout for each row, each as wide as its widest cell."""
    widths = {column: max(cell_width(row.get(column, "")) for row in rows) for column in layout}
    return [[pad(row[column], widths[column]) for column in layout] if row else [] for row in rows]


def _line(name: str, left: int, cells: list[str]) -> str:
    return _GAP.join([pad(name, left), *cells]).rstrip()


def _with_note(name: str, left: int, cells: list[str], note: str, room: int) -> str:
    """The line of an entry. If its note does not fit beside the details, the last details are left out."""
    if not note:
        return cut(_line(name, left, cells), room)
    while cells and cell_width(_line(name, left, [*cells, note])) > room:
        cells = cells[:-1]
    return cut(_line(name, left, [*cells, note]), room)


def option_lines() -> list[str]:
    """The two entries without a checkpoint."""
    return [
        f"[{NEW}] " + text("Start over (delete all checkpoints)"),
        f"[{QUIT}] " + text("Quit"),
    ]


def question(count: int) -> str:
    """The line that ends with the answer; `count` entries have numbers."""
    numbers = "1" if count == 1 else f"1-{count}"
    return text("Your choice [{keys}]: ").format(keys=f"{numbers}/{NEW}/{QUIT}")


def deletion_header(count: int, checkpoint_count: int) -> str:
    """The line above what starting over deletes: all files, and how many of them the menu's header counts."""
    files = plural("Found {count} file", "Found {count} files", count)
    return f"{files} " + plural("({count} checkpoint file):", "({count} checkpoint files):", checkpoint_count)


def deletion_lines(names: Sequence[str]) -> list[str]:
    """What starting over deletes: one name a line, and ranges of epoch files after the first lines."""
    ordered = sorted(names, key=display_order)
    shown = ordered[:_LISTED_NAMES]
    rest = ordered[_LISTED_NAMES:]
    numbers = [epoch_of(name) for name in rest if epoch_of(name)]
    lines = [f"  - {_as_listed(name)}" for name in shown]
    if numbers:
        lines.append("  - " + EPOCH_FILES.replace("*", f"{{{', '.join(ranges(numbers))}}}") + f" ({len(numbers)})")
    return lines + [f"  - {_as_listed(name)}" for name in rest if not epoch_of(name)]


def _as_listed(name: str) -> str:
    return f"{name}/" if name == LOGS else name


def ranges(numbers: Sequence[int]) -> list[str]:
    """Ascending numbers as ranges of equal steps: `1-4`, `10-50 (every 5)`, `77`."""
    found: list[list[int]] = []
    for number in numbers:
        group = found[-1] if found else []
        if group and (len(group) == 1 or number - group[-1] == group[1] - group[0]):
            group.append(number)
        else:
            found.append([number])
    return [words for group in found for words in _range_texts(group)]


def _range_texts(group: Sequence[int]) -> list[str]:
    if len(group) < 3:
        return [str(number) for number in group]
    step = group[1] - group[0]
    return [f"{group[0]}-{group[-1]}" + (f" (every {step})" if step > 1 else "")]


def cell_width(line: str) -> int:
    """How many cells of a terminal a line takes. A Chinese character takes two."""
    from prompt_toolkit.utils import get_cwidth  # comes with questionary; not needed without a menu

    return get_cwidth(line)


def pad(line: str, width: int) -> str:
    """The line, filled with blanks to `width` cells."""
    return line + " " * (width - cell_width(line))


def cut(line: str, width: int) -> str:
    """The line, shortened to `width` cells with an ellipsis if it is longer."""
    if cell_width(line) <= width:
        return line
    room = width - 3
    fits = 0
    for sign in line:  # from the front: a file may have given the line any length
        room -= cell_width(sign)
        if room < 0:
            break
        fits += 1
    return f"{line[:fits]}..."  # not the single character, which is two cells wide in some Chinese terminals
