"""The menu in a terminal: the only user of questionary.

Questionary provides the selection; lines and keys are this program's. In questionary itself the question is above the
entries, a shortcut knows only one case, and Esc and Ctrl+D do nothing.
"""

import os
import string
from collections.abc import Callable, Sequence

import questionary
from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import Layout, Window
from questionary.prompts.common import InquirerControl

from resume.menu.layout import NEW, QUIT, Entry, entry_lines, option_lines, question
from resume.system.output import say

# A terminal sends all bytes of an arrow key at once. An Esc that stays alone this long (s) is the Esc key.
_ESCAPE_WAIT = 0.05
_STYLE = questionary.Style([("highlighted", "bold"), ("damaged", "fg:ansired noreverse")])


def ask(shown: Sequence[Entry], pointed: str, on_waiting: Callable[[], None]) -> str:
    """Show the entries, let the user choose, and leave the menu on the screen with the answer.

    Args:
        shown: The numbered entries. A damaged one is shown but cannot be chosen.
        pointed: Key of the entry that is highlighted first.
        on_waiting: Called whenever the menu has been drawn.

    Returns:
        The key of the chosen entry; `Q` also for Ctrl+C, Ctrl+D and Esc.
    """
    application = _application(shown, pointed)
    application.after_render += lambda _: on_waiting()
    try:
        answer: str = application.run()
    except (KeyboardInterrupt, EOFError):
        answer = QUIT
    for line in _lines(shown, application.output.get_size().columns):
        say(f"  {line}".rstrip())
    say(question(len(shown)) + answer)
    return answer


def type_line(prompt: str) -> str | None:
    """The line that the user types; None for Ctrl+C, Ctrl+D and Esc."""
    bindings = KeyBindings()

    @bindings.add(Keys.Escape, eager=True)
    def _leave(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError)

    # Not input(): prompt_toolkit has already read what was typed ahead.
    session: PromptSession[str] = PromptSession(prompt, key_bindings=bindings)
    session.app.ttimeoutlen = _ESCAPE_WAIT
    try:
        return session.prompt()
    except (KeyboardInterrupt, EOFError):
        return None


def _application(shown: Sequence[Entry], pointed: str) -> Application[str]:
    # Without this, leaving waits up to a second for terminals that do not report the cursor's position.
    os.environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")
    keys = [*(entry.key for entry in shown if not entry.checkpoint.damage), NEW, QUIT]
    application: Application[str] = questionary.select(
        "",
        [questionary.Choice(key, value=key) for key in keys],
        default=pointed,
        use_jk_keys=False,
        use_emacs_keys=False,
        style=_STYLE,
    ).application
    control = next(
        window.content
        for window in application.layout.find_all_windows()
        if isinstance(window.content, InquirerControl)
    )
    refused: list[str] = []
    control.text = lambda: _tokens(
        shown, "" if refused else keys[control.pointed_at], application.output.get_size().columns
    )
    application.layout = Layout(Window(control))
    application.erase_when_done = True
    application.ttimeoutlen = _ESCAPE_WAIT
    assert application.key_bindings is not None
    application.key_bindings = merge_key_bindings([application.key_bindings, _bindings(keys, control, refused)])
    return application


def _bindings(keys: Sequence[str], control: InquirerControl, refused: list[str]) -> KeyBindings:
    """A key highlights its entry, in upper and lower case. Enter takes the entry. Esc, Ctrl+C and Ctrl+D leave.

    The digit of a damaged or absent entry is kept in `refused`, and Enter then takes nothing. Otherwise a user who
    types without looking would get another checkpoint than the intended one.
    """
    bindings = KeyBindings()

    def point_at(index: int) -> Callable[[KeyPressEvent], None]:
        def point(_event: KeyPressEvent) -> None:
            control.pointed_at = index
            refused.clear()

        return point

    for index, key in enumerate(keys):
        for typed in {key.lower(), key.upper()}:
            bindings.add(typed, eager=True)(point_at(index))

    for digit in set(string.digits) - set(keys):
        bindings.add(digit, eager=True)(lambda event: refused.append(event.data))

    @bindings.add(Keys.Up, eager=True)
    @bindings.add(Keys.Down, eager=True)
    def _move(event: KeyPressEvent) -> None:
        refused.clear()
        step = control.select_previous if event.key_sequence[0].key == Keys.Up else control.select_next
        step()

    @bindings.add(Keys.ControlM, eager=True)
    @bindings.add(Keys.ControlJ, eager=True)  # Enter that was typed before the terminal was in raw mode
    def _take(event: KeyPressEvent) -> None:
        if not refused:
            event.app.exit(result=control.get_pointed_at().value)

    @bindings.add(Keys.Escape, eager=True)
    @bindings.add(Keys.ControlD, eager=True)
    @bindings.add(Keys.SIGINT, eager=True)
    def _leave(event: KeyPressEvent) -> None:
        event.app.exit(result=QUIT)

    return bindings


def _lines(shown: Sequence[Entry], width: int) -> list[str]:
    return [*entry_lines(shown, width), "", *option_lines(), ""]


def _tokens(shown: Sequence[Entry], pointed: str, width: int) -> StyleAndTextTuples:
    """The menu's lines with the pointer, and the question with the highlighted key at the bottom."""
    damaged = {entry.key for entry in shown if entry.checkpoint.damage}
    tokens: StyleAndTextTuples = []
    for line in _lines(shown, width):
        key = line[1:2]
        is_pointed = bool(key) and key == pointed
        style = "class:highlighted" if is_pointed else "class:damaged" if key in damaged else ""
        tokens.append((style, f"{'>' if is_pointed else ' '} {line}\n"))
    return [*tokens, ("", question(len(shown)) + pointed), ("[SetCursorPosition]", "")]
