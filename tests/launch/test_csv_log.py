from pathlib import Path

import pytest

from launch.csv_log import ContinuedWriter, cut

WHOLE = "loss,step\r\n0.5,0\r\n0.4,1\r\n0.3,2\r\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "metrics.csv"
    path.write_bytes(WHOLE.encode())
    return path


def content(path: Path) -> str:
    return path.read_bytes().decode()


def test_rows_from_the_resumed_step_on_move_to_a_file_beside_it(file: Path) -> None:
    assert cut(file, 1) == ["loss", "step"]
    assert content(file) == "loss,step\r\n0.5,0\r\n"
    assert content(file.with_name("metrics_from_step_1.csv")) == "loss,step\r\n0.4,1\r\n0.3,2\r\n"


def test_what_was_moved_before_is_never_replaced(file: Path) -> None:
    for _ in range(2):
        file.write_bytes(WHOLE.encode())
        cut(file, 2)
    assert content(file.with_name("metrics_from_step_2.csv")) == content(file.with_name("metrics_from_step_2-2.csv"))


def test_a_file_without_later_rows_is_not_written(file: Path) -> None:
    before = file.stat()
    cut(file, 3)
    after = file.stat()  # without the time of the last access: looking is allowed
    assert (after.st_ino, after.st_mtime_ns, after.st_size) == (before.st_ino, before.st_mtime_ns, before.st_size)
    assert [path.name for path in file.parent.iterdir()] == ["metrics.csv"]


@pytest.mark.parametrize("rest", ["0.2", "0.2,1", "0.2,1\r"])
def test_a_row_that_a_kill_cut_short_is_dropped_even_if_it_looks_like_an_earlier_one(file: Path, rest: str) -> None:
    file.write_bytes((WHOLE + rest).encode())
    cut(file, 3)
    assert content(file) == WHOLE


def test_a_missing_and_an_empty_file_have_no_columns(file: Path) -> None:
    file.write_bytes(b"")
    assert cut(file, 3) == []
    assert cut(file.with_name("other.csv"), 3) == []


def test_a_new_column_keeps_the_rows_of_the_starts_before(file: Path) -> None:
    writer = ContinuedWriter(str(file.parent), 3)
    writer.log_metrics({"loss": 0.2, "lr": 0.1}, 3)
    writer.save()
    assert content(file) == "loss,lr,step\r\n0.5,,0\r\n0.4,,1\r\n0.3,,2\r\n0.2,0.1,3\r\n"
