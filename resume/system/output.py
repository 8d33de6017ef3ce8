"""The program's texts in English and Chinese (gettext). The English text is the key."""

import gettext
import locale
import os
import sys
from pathlib import Path
from typing import Literal

from resume.system.ranks import is_first_process

Language = Literal["en", "zh"]

LOCALE_DIR = Path(__file__).parent / "locale"
DOMAIN = "resume"

_catalog: gettext.NullTranslations = gettext.NullTranslations()


def set_language(language: Language) -> None:
    """Translate everything that is said from here on."""
    global _catalog
    languages = [] if language == "en" else [language]
    _catalog = gettext.translation(DOMAIN, LOCALE_DIR, languages, fallback=True)


def text(message: str) -> str:
    """The text in the language of the program; unknown texts stay English."""
    return _catalog.gettext(message)


def plural(singular: str, many: str, count: int) -> str:
    """The text for `count` things, with `{count}` filled in."""
    return _catalog.ngettext(singular, many, count).format(count=count)


def say(line: str = "") -> None:
    """Print a line, in the first process of a launch alone.

    Characters that would do something else, or that the stream cannot show, are escaped.
    """
    if is_first_process():
        print(showable(one_line(line)), flush=True)


def one_line(said: str) -> str:
    """The text with line breaks, escape sequences and other invisible signs written out, as a file's name may hold.

    Blanks of all alphabets stay.
    """
    if said.isprintable():
        return said
    return "".join(
        sign
        if sign.isprintable() or (sign.isspace() and sign >= "\xa0" and sign not in "\u2028\u2029")
        else _escaped(sign)
        for sign in said
    )


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


def showable(line: str) -> str:
    """The line, with characters that standard output cannot show escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)


def resolve_language(requested: str) -> Language:
    """The language that `--lang` means: `auto` follows the system's locale.

    `auto` is English where the output cannot show Chinese characters.
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
