"""Where a checkpoint is: under its own name, or under the one that a killed save gave it."""

import os
from pathlib import Path

from resume.checkpoints.catalog import list_names, read_catalog, same_files, stamp
from resume.checkpoints.description import describe, has_changed
from resume.checkpoints.paths import place_of, size_on_disk
from tests.helpers import checkpoint_folders
from tests.helpers.shard_folders import save_shards

LATEST = "latest_checkpoint.pth"
OLD = ".latest_checkpoint.pth.7.old"


def test_a_checkpoint_is_where_its_name_says(tmp_path: Path) -> None:
    save_shards(tmp_path / OLD, 1)
    latest = save_shards(tmp_path / LATEST, 2)
    assert place_of(latest) == latest
    assert list_names(tmp_path) == {LATEST, OLD}
    assert describe(latest).epoch == 2


def test_a_checkpoint_that_a_killed_save_renamed_is_read_under_its_own_name(tmp_path: Path) -> None:
    old = save_shards(tmp_path / OLD, 3)
    latest = tmp_path / LATEST
    assert place_of(latest) == old
    assert list_names(tmp_path) == {LATEST}
    catalog = read_catalog(tmp_path)
    assert [(found.path, found.kind, found.epoch, found.damage) for found in catalog.shown] == [
        (latest, "latest", 3, None)
    ]
    assert (catalog.owned, catalog.count) == ((LATEST,), 1)
    assert size_on_disk([latest]) == catalog.shown[0].size
    assert same_files(old, tmp_path, [LATEST]) == {LATEST}
    before = stamp(tmp_path, LATEST)
    old.rename(latest)
    assert not has_changed(catalog.shown[0])
    assert stamp(tmp_path, LATEST) == before


def test_a_file_that_was_to_be_replaced_by_a_folder_is_found_too(tmp_path: Path) -> None:
    checkpoint_folders.save(tmp_path / OLD, 3)
    assert describe(tmp_path / LATEST).epoch == 3


def test_the_newest_of_several_is_the_checkpoint_and_the_others_are_leftovers(tmp_path: Path) -> None:
    for number, epoch in ((9, 1), (8, 2), (7, 1)):
        folder = save_shards(tmp_path / f".{LATEST}.{number}.old", epoch)
        for part in folder.iterdir():
            os.utime(part, (epoch, epoch))
    assert describe(tmp_path / LATEST).epoch == 2
    assert list_names(tmp_path) == {LATEST, f".{LATEST}.9.old", f".{LATEST}.7.old"}


def test_a_folder_that_is_not_whole_is_no_checkpoint(tmp_path: Path) -> None:
    save_shards(tmp_path / OLD, 3, is_whole=False)
    assert place_of(tmp_path / LATEST) == tmp_path / LATEST
    assert read_catalog(tmp_path).shown == ()
    assert list_names(tmp_path) == {OLD}


def test_what_is_not_of_the_program_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / ".notes.7.old").write_text("mine", encoding="utf-8")
    (tmp_path / OLD).mkdir()
    (tmp_path / OLD / "mine.txt").write_text("mine", encoding="utf-8")
    assert place_of(tmp_path / LATEST) == tmp_path / LATEST
    assert place_of(tmp_path / "notes") == tmp_path / "notes"
    assert list_names(tmp_path) == {".notes.7.old"}


def test_a_folder_of_the_users_under_the_name_is_left_out_and_hides_nothing_else(tmp_path: Path) -> None:
    save_shards(tmp_path / OLD, 3)
    (tmp_path / LATEST).mkdir()
    assert place_of(tmp_path / LATEST) == tmp_path / LATEST
    assert list_names(tmp_path) == {OLD}
    assert read_catalog(tmp_path).shown == ()


def test_a_link_that_leads_nowhere_is_where_its_name_says(tmp_path: Path) -> None:
    save_shards(tmp_path / OLD, 3)
    link = checkpoint_folders.symlink(tmp_path / LATEST, "gone.pth")
    assert place_of(link) == link
    assert describe(link).damage
