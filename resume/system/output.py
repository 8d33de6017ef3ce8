"""The program's texts in English and Chinese (gettext). The English text is the key."""

import gettext
import locale
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Literal

from resume.system.ranks import is_first_process

Language = Literal["en", "zh"]

LOCALE_DIR = Path(__file__).parent / "locale"
DOMAIN = "resume"

_ENGLISH = gettext.NullTranslations()
_language: Language = "en"
_catalog: gettext.NullTranslations = _ENGLISH
_english_only: ContextVar[bool] = ContextVar("english_only", default=False)


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


def plural(singular: str, many: str, count: int) -> str:
    """Return the text for `count` things, with `{count}` filled in."""
    return _translations().ngettext(singular, many, count).format(count=count)


def _translations() -> gettext.NullTranslations:
    return _ENGLISH if _english_only.get() else _catalog


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
