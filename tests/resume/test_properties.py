"""Wiping and archiving over random folder contents: nothing foreign is touched, and nothing is ever nowhere."""

import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resume import Fresh, ResumeError, StartOver, apply, finish
from resume.checkpoints.catalog import read_catalog, stamps
from resume.journal import read_journal
from resume.menu.dialogue import _owned_and_kept
from resume.plan import plan_fresh
from resume.run_files import JOURNAL, role_of
from resume.set_aside import settle
from tests.helpers.carrying_out import carry_out
from tests.helpers.folders import Content, contents, is_of_the_program, laid_out, tree

pytestmark = [
    pytest.mark.usefixtures("no_launch"),
    pytest.mark.skipif(os.name == "nt", reason="Windows has neither such names nor links for everybody"),
]
OTHER_FILE_SYSTEM = Path("/dev/shm")
checked = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def is_stale(name: str) -> bool:
    return role_of(name) == "leftover"


def archive_of(folder: Path) -> Fresh:
    return plan_fresh(folder, read_catalog(folder))


def in_both_places(folder: Path, names: list[str]) -> dict[str, tuple[str, object]]:
    """Each of the names as it lies in the folder or in the one archive; in both or in neither is a failure."""
    archives = list((folder / "archive").iterdir()) if (folder / "archive").is_dir() else []
    assert len(archives) <= 1
    found = {}
    for name in names:
        places = [place for place in (folder, *archives) if os.path.lexists(place / name)]
        assert len(places) == 1, f"{name!r} is in {places}"
        found[name] = tree(places[0])[name]
    return found


@checked
@given(contents())
def test_starting_over_deletes_exactly_what_was_confirmed(content: Content) -> None:
    with laid_out(content) as folder:
        before, outside = tree(folder), tree(folder.resolve().parent / "store")
        owned, kept = _owned_and_kept(read_catalog(folder))
        assert not set(owned) & set(kept)
        unmarked = [name for name in owned if not name.endswith(".pth") or content.forms[name] in ("junk", "empty")]
        assert all(is_of_the_program(name) or is_stale(name) for name in unmarked)
        carry_out(StartOver(folder, stamps(folder, owned)))
        left = tree(folder)
        assert left.keys() == {name for name in before if name not in owned}
        assert tree(folder.resolve().parent / "store") == outside
        # What a link that stays leads to may be gone; the link itself is as it was.
        assert all(left[name] == before[name] for name in left if before[name][0] != "link")


@checked
@given(contents())
def test_an_archive_takes_every_file_of_the_run_and_nothing_else(content: Content) -> None:
    with laid_out(content) as folder:
        before, outside = tree(folder), tree(folder.resolve().parent / "store")
        decision = archive_of(folder)
        names = [file.name for file in decision.archive.files] if decision.archive else []
        assert all(map(is_of_the_program, names))
        carry_out(decision)
        archived_to = next((folder / "archive").iterdir(), None) if decision.archive else None
        left = {name: entry for name, entry in tree(folder).items() if name.partition(os.sep)[0] != "archive"}
        assert left.keys() == before.keys() - set(names) - {name for name in before if is_stale(name)}
        assert tree(folder.resolve().parent / "store") == outside
        if archived_to is not None:
            assert {name: entry[0] for name, entry in tree(archived_to).items()} == {
                name: before[name][0] for name in names
            }
            # A link leads to the same file as before, be it one that has moved along or one that has not.
            assert all(tree(archived_to)[name] == before[name] for name in names)


def at_the_nth(number: int, happens: Callable[[], None], call: Callable[..., None]) -> Callable[..., None]:
    """The system call, but for the one of this number, before which something happens."""
    calls = iter(range(number + 1))

    def counted(*args: object, **kwargs: object) -> None:
        if next(calls, None) == number:
            happens()
        call(*args, **kwargs)

    return counted


def refuse() -> None:
    raise OSError(28, "No space left on device", "there")


def interrupt() -> None:
    raise KeyboardInterrupt


@checked
@given(contents(), st.integers(0, 7), st.sampled_from([refuse, interrupt]), st.sampled_from(["rename", "replace"]))
def test_an_archive_that_fails_half_way_leaves_all_in_place(
    content: Content, number: int, happens: Callable[[], None], call: str
) -> None:
    with laid_out(content) as folder:
        before = tree(folder)
        decision = archive_of(folder)
        names = [file.name for file in decision.archive.files] if decision.archive else []
        try:
            with mock.patch.object(Path, call, at_the_nth(number, happens, getattr(Path, call))):
                apply(decision)
        except (ResumeError, KeyboardInterrupt):
            after = tree(folder)
            assert after == before
        else:
            finish(decision)
            assert in_both_places(folder, names) == {name: before[name] for name in names}
        assert not (folder / JOURNAL).exists()


@settings(checked, max_examples=40)
@given(contents(), st.integers(0, 7), st.sampled_from(["rename", "replace", "unlink", "symlink_to"]))
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_files_of_a_start_that_is_killed_while_they_make_way_are_back_after_the_next(
    content: Content, number: int, call: str
) -> None:
    with laid_out(content) as folder:
        before = tree(folder)
        decision = archive_of(folder)

        def kill() -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            try:
                setattr(Path, call, at_the_nth(number, kill, getattr(Path, call)))
                apply(decision)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        settle(folder)
        assert read_journal(folder) is None
        now = tree(folder)
        stale = {name for name in {*before, *now} if is_stale(name)}
        assert {name: now.get(name) for name in {*before, *now} - stale} == {
            name: before.get(name) for name in {*before, *now} - stale
        }


@pytest.mark.skipif(not OTHER_FILE_SYSTEM.is_dir(), reason="no other file system is known to be there")
@settings(checked, max_examples=20)
@given(contents())
def test_an_archive_on_another_file_system_leaves_all_in_place(content: Content) -> None:
    with laid_out(content) as folder, tempfile.TemporaryDirectory(dir=OTHER_FILE_SYSTEM) as other:
        if folder.stat().st_dev == Path(other).stat().st_dev:
            pytest.skip("the same file system")
        (folder / "archive").symlink_to(other)
        before = tree(folder)
        decision = archive_of(folder)
        if decision.archive is None:
            return
        with pytest.raises(ResumeError, match=r"cannot be moved .*Nothing was moved\."):
            apply(decision)
        assert tree(folder) == before
        assert list(Path(other).iterdir()) == []


@pytest.mark.skipif(not OTHER_FILE_SYSTEM.is_dir(), reason="no other file system is known to be there")
@settings(checked, max_examples=20)
@given(contents())
def test_a_folder_on_another_file_system_is_archived_as_any(content: Content) -> None:
    with laid_out(content, OTHER_FILE_SYSTEM) as folder:
        before = tree(folder)
        decision = archive_of(folder)
        names = [file.name for file in decision.archive.files] if decision.archive else []
        carry_out(decision)
        assert in_both_places(folder, names) == {name: before[name] for name in names}
