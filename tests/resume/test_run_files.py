from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from resume.run_files import (
    ARCHIVE,
    KINDS,
    LEFTOVER,
    LOCK,
    LOCK_RECORD,
    TABLE,
    Fate,
    archive_name,
    display_order,
    epoch_file,
    epoch_of,
    is_archive_name,
    is_of_run,
    may_be_of_a_run,
    old_epoch_files,
    removal_order,
    replaced_name,
    role_of,
)
from resume.system.durable_files import staged


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("latest_checkpoint.pth", "latest"),
        ("interrupted_checkpoint.pth", "interrupted"),
        ("best_model.pth", "best"),
        ("checkpoint_epoch_12.pth", "epoch"),
        ("training_history.png", "history"),
        ("training_history.csv", "history"),
        ("config.yaml", "config"),
        ("data_report.png", "data"),
        ("data_scan.json", "data"),
        (".data_report.png.4711.tmp", "leftover"),
        ("data_report.jpg", None),
        (".checkpoint_epoch_3.pth.4711.tmp", "leftover"),
        (".config.yaml.4711.tmp", "leftover"),
        ("checkpoint_epoch_012.pth", None),
        ("checkpoint_epoch_x.pth", None),
        ("checkpoint_epoch_١.pth", None),
        ("best_model.pth.bak", None),
        ("my_best_model.pth", None),
        ("best_modelxpth", None),
        ("training_history.pdf", None),
        (".notes.txt.4711.tmp", None),
        (".latest_checkpoint.pth.4711.old", "leftover"),
        ("..training_run.json.4711.tmp", "leftover"),
        ("..archive_journal.json.4711.tmp", "leftover"),
        (".archive.4711.tmp", None),
        (".latest_checkpoint.pth.x.tmp", None),
        (".latest_checkpoint.pth.4711.new", None),
        ("checkpoint_epoch_0.pth", None),
        ("checkpoint_epoch_.pth", None),
        ("checkpoint_epoch_*.pth", None),
        (".training_run.lock", None),
        (".training_run.json", None),
        (".archive_journal.json", None),
        ("archive", None),
        ("model.pth", None),
    ],
)
def test_only_the_exact_names_are_the_programs(name: str, role: str | None) -> None:
    assert role_of(name) == role


def test_every_row_is_of_a_run_or_left_in_place_as_its_fate_says() -> None:
    for row in TABLE:
        name = row.name.replace("*", "3")
        assert (role_of(name) == row.role) == (row.fate is Fate.RUN)
        assert is_of_run(name) == (row.fate is Fate.RUN)
        assert not is_of_run(f".{name}.7.tmp")


def test_every_row_names_a_module_that_exists_and_each_name_once() -> None:
    root = Path(__file__).parents[2]
    assert [row.writer for row in TABLE if not (root / f"{row.writer.replace('.', '/')}.py").is_file()] == []
    assert len({row.name for row in TABLE}) == len(TABLE)


def test_a_file_that_is_being_written_has_a_name_that_the_next_start_removes(tmp_path: Path) -> None:
    for row in TABLE:
        if row.form != "folder":
            with staged(tmp_path / row.name.replace("*", "3")) as temporary:
                temporary.write_bytes(b"")
                assert role_of(temporary.name) == LEFTOVER


@pytest.mark.parametrize(
    ("name", "replaced"),
    [
        (".latest_checkpoint.pth.7.old", "latest_checkpoint.pth"),
        (".checkpoint_epoch_12.pth.7.old", "checkpoint_epoch_12.pth"),
        (".latest_checkpoint.pth.7.tmp", None),
        (".config.yaml.7.old", None),
        (".notes.7.old", None),
        ("latest_checkpoint.pth", None),
    ],
)
def test_only_a_checkpoint_is_replaced_in_two_steps(name: str, replaced: str | None) -> None:
    assert replaced_name(name) == replaced


@pytest.mark.parametrize("name", ["mine.pth", "line\nbreak.pth", "hpc_ckpt_3.ckpt", "checkpoint_epoch_012.pth"])
def test_a_checkpoint_under_a_name_of_the_users_may_be_of_a_run(name: str) -> None:
    assert may_be_of_a_run(name)


@pytest.mark.parametrize("name", ["latest_checkpoint.pth", "notes.txt", "model.ckpt", "archive", "mine.pth.bak"])
def test_no_other_name_may(name: str) -> None:
    assert not may_be_of_a_run(name)


def test_an_epoch_file_has_its_epoch_in_its_name() -> None:
    assert [epoch_of(epoch_file(epoch)) for epoch in (1, 9, 10_000)] == [1, 9, 10_000]
    assert epoch_of("latest_checkpoint.pth") == 0


@pytest.mark.parametrize(
    ("epoch", "keep_last", "dropped"),
    [(10, 2, [1, 2]), (10, 0, []), (9, 1, [1, 2]), (2, 1, [1]), (10, 9, []), (10, 1, [1, 2, 9])],
)
def test_a_save_drops_epoch_files_up_to_its_own_epoch(epoch: int, keep_last: int, dropped: list[int]) -> None:
    names = [*map(epoch_file, (10, 9, 1, 2)), "latest_checkpoint.pth", "checkpoint_epoch_01.pth"]
    assert old_epoch_files(names, epoch, keep_last) == list(map(epoch_file, dropped))


@pytest.mark.parametrize("order", [display_order, removal_order])
def test_epoch_files_come_in_the_order_of_their_numbers(order: Callable[[str], tuple[float, int, str]]) -> None:
    names = [epoch_file(epoch) for epoch in (10, 9, 1)]
    assert sorted(names, key=order) == [epoch_file(epoch) for epoch in (1, 9, 10)]


def test_what_a_resume_needs_most_is_deleted_last() -> None:
    names = [row.name.replace("*", "3") for row in TABLE if row.fate is Fate.RUN]
    ordered = sorted([*names, ".config.yaml.7.tmp"], key=removal_order)
    assert ordered[0] == ".config.yaml.7.tmp"
    assert ordered[-2:] == ["config.yaml", "latest_checkpoint.pth"]


def test_the_menus_kinds_are_the_checkpoints_of_the_table_in_its_order() -> None:
    assert list(KINDS.items()) == [
        ("latest", "latest_checkpoint.pth"),
        ("interrupted", "interrupted_checkpoint.pth"),
        ("best", "best_model.pth"),
        ("epoch", "checkpoint_epoch_*.pth"),
    ]


def test_the_record_of_the_lock_is_the_file_beside_it_with_the_same_stem() -> None:
    assert Path(LOCK).with_suffix(".json").name == LOCK_RECORD


def test_a_folder_of_the_archive_is_known_by_its_time() -> None:
    now = datetime(2026, 3, 1, 12, 5, 9, tzinfo=UTC)
    assert [archive_name(now, number) for number in (1, 2)] == ["20260301T120509Z", "20260301T120509Z-2"]
    assert all(is_archive_name(archive_name(now, number)) for number in (1, 2, 13))
    assert not is_archive_name(ARCHIVE)
    assert not is_archive_name("20260301T120509Z-x")
