"""The menu at a console that only passes lines, such as PyCharm's Run window: answered by a typed line."""

import shutil
from collections.abc import Callable, Sequence

from resume.menu.layout import NEW, QUIT, Entry, entry_lines, option_lines, question
from resume.system.output import say, showable, text

# Such a console scrolls sideways and does not tell its width.
_WIDTH = (120, 24)


def ask(shown: Sequence[Entry], pointed: str, on_waiting: Callable[[], None]) -> str:  # noqa: ARG001 - the signature of prompt.ask
    """Print the entries and read the key of one. The end of input and Ctrl+C mean Q."""
    for line in [*entry_lines(shown, shutil.get_terminal_size(_WIDTH).columns), "", *option_lines(), ""]:
        say(f"  {line}".rstrip())
    on_waiting()
    reasons = {entry.key: entry.checkpoint.damage for entry in shown}
    while True:
        typed = type_line(question(len(shown)))
        key = QUIT if typed is None else typed.strip().upper()
        if key in (NEW, QUIT) or (key in reasons and not reasons[key]):
            return key
        if key in reasons:
            say(text("[{key}] cannot be used: {reason}.").format(key=key, reason=reasons[key]))
        else:
            say(text("{typed!r} is not an entry of the menu.").format(typed=typed))


def type_line(prompt: str) -> str | None:
    """The line that the user types; None at the end of input and for Ctrl+C."""
    try:
        return input(showable(prompt))
    except (KeyboardInterrupt, EOFError):
        say()
        return None
