"""The question whether a configuration from elsewhere may be used, asked after the menu."""

from collections.abc import Sequence
from typing import Literal

from resume.system.output import say, text


def agrees(lines: Sequence[str], who: Literal["menu", "lines"]) -> bool:
    """Show what would be used, and ask; only a typed y or yes agrees.

    Args:
        lines: What is asked about.
        who: `menu` for a terminal, `lines` for a console that only passes lines.
    """
    if who == "menu":
        from resume.menu.prompt import type_line
    else:
        from resume.menu.console import type_line
    for line in lines:
        say(line)
    typed = type_line(text("Do you trust whoever has written this file? (y/n): "))
    return typed is not None and typed.strip().lower() in ("y", "yes")
