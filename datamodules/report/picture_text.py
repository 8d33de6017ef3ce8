"""Text in pictures: in a font that has its characters, else escaped."""

from functools import cache

from PIL import ImageFont

# After the built-in font, which has little more than ASCII: fonts of Windows, macOS and Linux, those with Chinese,
# Japanese and Korean characters last.
_FONTS = (
    "DejaVuSans.ttf", "segoeui.ttf", "arial.ttf", "Helvetica.ttc", "msyh.ttc", "simhei.ttf", "PingFang.ttc",
    "Hiragino Sans GB.ttc", "STHeiti Medium.ttc", "NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf",
    "wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "malgun.ttf",
)  # fmt: skip
_MISSING = "\uffff"  # no font has a picture of it

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def drawable(said: str, size: int) -> tuple[str, Font]:
    """A text that can be drawn, and the font for it; what no font has is escaped."""
    fonts = _fonts(size)
    for place, font in enumerate(fonts):
        if all(_has(place, char, size) for char in said):
            return said, font
    return said.encode("ascii", "backslashreplace").decode("ascii"), fonts[0]


def can_draw(said: str) -> bool:
    """Whether a font of this system has all characters of a text."""
    return drawable(said, 12)[0] == said


@cache
def _fonts(size: int) -> list[Font]:
    fonts: list[Font] = [ImageFont.load_default(size)]
    for name in _FONTS:
        try:
            fonts.append(ImageFont.truetype(name, size))
        except OSError:  # this system has none of that name
            continue
    return fonts


@cache
def _has(place: int, char: str, size: int) -> bool:
    font = _fonts(size)[place]
    if char == " ":
        return True
    return bytes(font.getmask(char)) != bytes(font.getmask(_MISSING))


def shortened(said: str, size: int, width: int) -> tuple[str, Font]:
    """As `drawable`, with the middle left out of a text that is wider than `width` pixels."""
    shown, font = drawable(said, size)
    if font.getlength(shown) <= width:
        return shown, font
    for kept in range(len(said) - 1, 1, -1):
        shown, font = drawable(f"{said[: kept // 2]}...{said[-(kept - kept // 2) :]}", size)
        if font.getlength(shown) <= width:
            break
    return shown, font


def wrapped(said: str, size: int, width: int) -> list[str]:
    """The text in lines of at most `width` pixels, as far as its spaces allow."""
    lines: list[str] = []
    for word in said.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        shown, font = drawable(longer, size)
        if lines and font.getlength(shown) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
