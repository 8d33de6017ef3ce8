from dataclasses import replace
from pathlib import Path

import pytest

from resume.checkpoints.run_config import settings_of
from resume.checkpoints.run_entry import RunEntry
from resume.checkpoints.signature import is_signed, signed
from resume.system.small_yaml import MAX_CHARACTERS
from resume.system.user_key import KEY_VARIABLE
from tests.helpers import checkpoint_folders

CONFIG = "lang: en\nmodel: {a: [1, 2.5, null, true, x], 3: y}\n"


@pytest.fixture(autouse=True)
def _own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "key"))


def entry(config: str = CONFIG, trusted: tuple[str, ...] = ("a.B", "c.D")) -> RunEntry:
    return signed(replace(checkpoint_folders.entry(1), config=config, trusted=trusted))


def holds(run: RunEntry) -> bool:
    return is_signed(run.run_id, settings_of(run.config), run.trusted, run.signature)


def test_what_was_signed_is_signed() -> None:
    assert holds(entry())


def test_neither_the_order_of_the_settings_nor_that_of_the_names_matters() -> None:
    other = "model: {3: y, a: [1, 2.5, null, true, x]}\nlang: en\n"
    assert holds(replace(entry(), config=other, trusted=("c.D", "a.B")))


@pytest.mark.parametrize(
    "changes",
    [
        {"run_id": "e" * 32},
        {"trusted": ("a.B",)},
        {"trusted": ("a.B", "c.D", "e.F")},
        {"config": CONFIG.replace("en", "zh")},
        {"config": CONFIG.replace("1,", "1.0,")},
        {"config": CONFIG.replace("1,", "true,")},
        {"config": CONFIG.replace("1, 2.5", "2.5, 1")},
        {"config": CONFIG.replace("null", "'null'")},
        {"config": CONFIG.replace("3: y", "'3': y")},
        {"config": CONFIG + "more: 1\n"},
        {"signature": ""},
        {"signature": "0" * 64},
        {"signature": "签名"},
    ],
    ids=str,
)
def test_what_was_changed_is_not_signed(changes: dict[str, object]) -> None:
    assert not holds(replace(entry(), **changes))  # type: ignore[arg-type]


def test_another_key_signs_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = entry()
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "other"))
    assert not holds(run)
    assert entry().signature != run.signature


def test_without_a_key_nothing_is_signed_and_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = entry()
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path))  # a folder
    assert not holds(run)
    assert entry().signature == ""
    assert not holds(entry())


def test_a_configuration_that_no_resume_reads_is_not_signed() -> None:
    assert entry("#" * (MAX_CHARACTERS + 1)).signature == ""
