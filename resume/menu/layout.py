"""What the menu shows, as plain lines: the same for the terminal and for a console that only passes lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from resume.checkpoints.catalog import EPOCH_FILES, KINDS, Catalog, epoch_of, role_of
from resume.checkpoints.description import Checkpoint, Kind
from resume.checkpoints.run_entry import NEVER
from resume.system.output import one_line, plural, text

NEW = "N"
QUIT = "Q"
RULE = "=" * 60
_GAP = "  "
_LISTED_NAMES = 20
_DISPLAYED_ROLES = ["latest", "interrupted", "best", "epoch", None, "history", "config", "leftover"]


@dataclass(frozen=True)
class Entry:
    """One numbered checkpoint of the menu.

    Attributes:
        key: What the user types: "1" to "4".
        name: The file's name as the menu shows it, and what kind of checkpoint it is.
        columns: Details by the names that `_LAYOUTS` uses; some are shorter forms of others.
        note: What makes it special: damaged, of another run, finished, behind latest.
    """

    key: str
    checkpoint: Checkpoint
    name: str
    columns: dict[str, str]
    note: str


# Details in the order in which they give way in a narrow terminal.
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
    """The lines above the entries: what was found, and on which data that run is trained."""
    return [
        RULE,
        text("Checkpoints of an earlier training run found"),
        RULE,
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
        now: The time from which ages are counted, with a time zone.
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
    """How long ago, in words of one unit; a date where it is more than a month, or in the future."""
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


def size_text(size: int) -> str:
    """A number of bytes in three digits or so, in decimal units: `282 MB`."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def entry_lines(shown: Sequence[Entry], width: int) -> list[str]:
    """One line for each entry, details aligned; what does not fit into `width` cells gives way.

    The two cells in front are for the pointer, and not part of the lines.
    """
    room = width - 3  # the pointer, and the last column, in which some terminals wrap
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
    """The line of an entry; where its note does not fit beside the details, the last ones give way."""
    if not note:
        return cut(_line(name, left, cells), room)
    while cells and cell_width(_line(name, left, [*cells, note])) > room:
        cells = cells[:-1]
    return cut(_line(name, left, [*cells, note]), room)


def option_lines() -> list[str]:
    """The two entries that are no checkpoint."""
    return [
        f"[{NEW}] " + text("Start over (delete all checkpoints)"),
        f"[{QUIT}] " + text("Quit"),
    ]


def question(count: int) -> str:
    """The line at which the answer stands; `count` entries have numbers."""
    numbers = "1" if count == 1 else f"1-{count}"
    return text("Your choice [{keys}]: ").format(keys=f"{numbers}/{NEW}/{QUIT}")


def deletion_lines(names: Sequence[str]) -> list[str]:
    """What starting over deletes: one name a line, and ranges for epoch files beyond the first lines.

    Args:
        names: All names.
    """
    ordered = sorted(names, key=_display_order)
    shown = ordered[:_LISTED_NAMES]
    rest = ordered[_LISTED_NAMES:]
    numbers = [epoch_of(name) for name in rest if epoch_of(name)]
    lines = [f"  - {name}" for name in shown]
    if numbers:
        lines.append("  - " + EPOCH_FILES.replace("*", f"{{{', '.join(ranges(numbers))}}}") + f" ({len(numbers)})")
    return lines + [f"  - {name}" for name in rest if not epoch_of(name)]


def _display_order(name: str) -> tuple[int, int, str]:
    return _DISPLAYED_ROLES.index(role_of(name)), epoch_of(name), name


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
    """How many cells of a terminal a line takes; Chinese characters take two."""
    from prompt_toolkit.utils import get_cwidth  # comes with questionary; not needed where nothing is asked

    return get_cwidth(line)


def pad(line: str, width: int) -> str:
    """The line, filled with blanks to so many cells."""
    return line + " " * (width - cell_width(line))


def cut(line: str, width: int) -> str:
    """The line, shortened with an ellipsis to so many cells where it is longer."""
    if cell_width(line) <= width:
        return line
    while line and cell_width(line) > width - 3:
        line = line[:-1]
    return f"{line}..."  # not the one character: it is two cells wide in some Chinese terminals
