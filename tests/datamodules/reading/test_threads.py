import threading

import pytest

from datamodules.reading import threads
from datamodules.reading.threads import in_threads


@pytest.mark.parametrize("count", [0, 1, 100, 200_000])
def test_results_come_in_the_order_of_the_items(count: int) -> None:
    assert list(in_threads(lambda item: -item, range(count))) == [-item for item in range(count)]


def test_no_more_threads_work_than_the_process_has_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "processors", lambda: 2)
    both = threading.Barrier(2)  # passed by two threads only
    workers = set(in_threads(lambda _: both.wait(60) is not None and threading.get_ident(), range(32)))
    assert len(workers) == 2
    assert threading.get_ident() not in workers


def test_an_error_of_the_work_reaches_the_caller() -> None:
    def fail(item: int) -> int:
        if item == 20:
            raise ValueError(item)
        return item

    found = in_threads(fail, range(40))
    assert [next(found) for _ in range(16)] == list(range(16))
    with pytest.raises(ValueError, match="20"):
        list(found)
