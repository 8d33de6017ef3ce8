"""What anybody may put in the place of a small file of the program."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

_GIGABYTES = 8 * 2**30


def pipe(path: Path) -> None:
    """A pipe, whose reader waits for a writer."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no pipes with names")
    os.mkfifo(path)


def link_to_pipe(path: Path) -> None:
    pipe(path.with_name("a pipe"))
    path.symlink_to("a pipe")


def link_to_device(path: Path) -> None:
    """A link to a device that never ends."""
    if not Path("/dev/zero").exists():
        pytest.skip("this system has no such device")
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


def sparse(path: Path) -> None:
    """A file of gigabytes that takes no room."""
    with path.open("wb") as file:
        try:
            file.truncate(_GIGABYTES)
        except OSError:
            pytest.skip("this file system has no sparse files of this size")


def deep_json(path: Path) -> None:
    path.write_text("[" * 10_000 + "]" * 10_000, encoding="utf-8")


def deep_yaml(path: Path) -> None:
    path.write_text(DEEP_YAML, encoding="utf-8")


def alias_bomb(path: Path) -> None:
    path.write_text(ALIAS_BOMB, encoding="utf-8")


def not_utf8(path: Path) -> None:
    path.write_bytes("数据: 1\n".encode("gbk"))


def many_lists(path: Path) -> None:
    """As much as fits, in the form that takes most memory."""
    path.write_text("[" + "[],\n" * 600_000 + "0]", encoding="utf-8")


DEEP_YAML = "{a: " * 10_000 + "1" + "}" * 10_000
# 10^9 texts, in nine lists.
ALIAS_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 9)
)

FORMS: dict[str, Callable[[Path], None]] = {
    form.__name__: form
    for form in (pipe, link_to_pipe, link_to_device, sparse, deep_json, deep_yaml, alias_bomb, not_utf8, many_lists)
}
