import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from resume.system import user_key as module
from resume.system.user_key import KEY_VARIABLE, key_file, user_key


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without anything in it."""
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    folder = tmp_path / "home"
    for variable in ("HOME", "USERPROFILE", "APPDATA"):
        monkeypatch.setenv(variable, str(folder))
    folder.mkdir()
    return folder


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_fresh_home_gets_a_key_that_stays(home: Path) -> None:
    key = user_key()
    assert key is not None
    assert len(key) == 32
    assert user_key() == key
    assert files(home) == [key_file()]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps others out of a user's folder by other means")
def test_nobody_else_can_read_the_key() -> None:
    user_key()
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file().parent.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="of Linux")
def test_the_configuration_folder_of_the_user_may_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    user_key()
    assert len(files(tmp_path / "settings")) == 1


def test_the_variable_names_the_file(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "shared" / "key"))
    key = user_key()
    assert key == (tmp_path / "shared" / "key").read_bytes()
    assert files(home) == []
    (tmp_path / "shared" / "key").write_bytes(b"k" * 40)
    assert user_key() == b"k" * 40


def test_many_processes_that_make_a_key_at_once_get_one_key(home: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        keys = set(threads.map(lambda _: user_key(), range(64)))
    assert len(keys) == 1
    assert None not in keys
    assert files(home) == [key_file()]


def test_a_key_is_made_on_a_file_system_without_hard_links(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    assert user_key() is not None
    assert files(home) == [key_file()]


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_file_that_is_too_short_for_a_key_is_none_and_stays(content: bytes) -> None:
    key_file().parent.mkdir(parents=True)
    key_file().write_bytes(content)
    assert user_key() is None
    assert key_file().read_bytes() == content


def test_a_home_that_takes_no_file_is_no_error(home: Path) -> None:
    home.rmdir()
    home.write_text("a file", encoding="utf-8")
    assert user_key() is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_home_is_no_error(home: Path) -> None:
    home.chmod(0o500)
    assert user_key() is None
    home.chmod(0o700)


def test_without_a_home_there_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(module, "_configuration_folder", unknown)
    assert user_key() is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_no_key_and_does_not_hang() -> None:
    key_file().parent.mkdir(parents=True)
    os.mkfifo(key_file())
    assert user_key() is None
