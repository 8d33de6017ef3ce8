"""What the program prints: its texts in English and Chinese (gettext; the English text is the key), and its errors."""

import gettext
import locale
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import ClassVar, Literal

Language = Literal["en", "zh"]

LOCALE_DIR = Path(__file__).parent / "locale"
DOMAIN = "resume"

_ENGLISH = gettext.NullTranslations()
_language: Language = "en"
_catalog: gettext.NullTranslations = _ENGLISH
_english_only: ContextVar[bool] = ContextVar("english_only", default=False)
_is_silent = False


class ExplainedError(Exception):
    """An error that the program explains in one message, without a traceback, and ends with `exit_code`.

    Each kind has a class of its own, beside the code that finds it. The exit code 2 stands for what a user typed,
    configured or keeps in a folder.
    """

    exit_code: ClassVar[int] = 2


def set_language(language: Language) -> None:
    """Set the language of all texts of this process."""
    global _language, _catalog
    languages = [] if language == "en" else [language]
    _language, _catalog = language, gettext.translation(DOMAIN, LOCALE_DIR, languages, fallback=True)


def current_language() -> Language:
    """Return the language of this process's texts, which a process that it starts has to set again."""
    return _language


@contextmanager
def in_english() -> Iterator[None]:
    """Use English texts within the block, in this thread only: for an output that cannot show Chinese."""
    token = _english_only.set(True)
    try:
        yield
    finally:
        _english_only.reset(token)


def text(message: str) -> str:
    """Return the text in the language of the program; unknown texts stay English."""
    return _translations().gettext(message)


def catalogued(message: str) -> str:
    """Mark a text of a table as one of the catalog; `translated` is its text in the language of the program."""
    return message


def translated(message: str) -> str:
    """The text of a `catalogued` message in the language of the program."""
    return _translations().gettext(message)


def plural(singular: str, many: str, count: int) -> str:
    """Return the text for `count` things, with `{count}` filled in."""
    return _translations().ngettext(singular, many, count).format(count=count)


def _translations() -> gettext.NullTranslations:
    return _ENGLISH if _english_only.get() else _catalog


def set_silent(silent: bool) -> None:
    """Print nothing from now on, as all processes of a launch but the first."""
    global _is_silent
    _is_silent = silent


def is_silent() -> bool:
    """Whether another process of this launch prints."""
    return _is_silent


def say(line: str = "") -> None:
    """Print a line, unless this process is silent.

    Characters that would control the terminal, or that the stream cannot encode, are escaped.
    """
    if not _is_silent:
        print(showable(one_line(line)), flush=True)


def complain(message: str) -> None:
    """Print a message on standard error, in all processes; it may have several lines, which are escaped as in `say`."""
    for line in message.split("\n"):  # not splitlines(), which also splits at characters that are to be escaped
        print(one_line(line), file=sys.stderr, flush=True)


def one_line(said: str) -> str:
    """The text with line breaks, escape sequences and other invisible characters escaped; file names may contain them.

    Spaces of all alphabets are kept.
    """
    if said.isprintable():
        return said
    return "".join(
        char
        if char.isprintable() or (char.isspace() and char >= "\xa0" and char not in "\u2028\u2029")
        else _escaped(char)
        for char in said
    )


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def showable(line: str) -> str:
    """The line, with characters that standard output cannot encode escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)


def resolve_language(requested: str) -> Language:
    """The language that `--lang` means: `auto` follows the system's locale.

    `auto` means English if the output cannot encode Chinese characters.
    """
    is_wanted = requested == "zh" or (requested == "auto" and is_chinese(_system_locale()) and _can_show_chinese())
    return "zh" if is_wanted else "en"


def is_chinese(name: str) -> bool:
    """Whether a locale name is Chinese: `zh_CN.UTF-8`, on Windows also `Chinese (Simplified)_China`."""
    return name.lower().startswith(("zh", "chinese"))


def _system_locale() -> str:
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(variable):
            return os.environ[variable]
    if sys.platform == "win32":
        import ctypes

        return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")
    return ""


def _can_show_chinese() -> bool:
    try:
        "检测".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def brief(error: BaseException) -> str:
    """The class of an error that nobody expected, and its first line: `RuntimeError: CUDA error: out of memory`."""
    line = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def size_text(size: int) -> str:
    """A number of bytes with about three digits, in decimal units: `282 MB`."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def open_missing_streams() -> None:
    """Connect closed standard streams (`<&-`) to the null device.

    Otherwise the next file that is opened takes the number of the closed stream, and text for standard error could end
    up in a checkpoint.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
