import time

import pytest

from callbacks.save_record import SaveRecord


def test_a_run_is_late_once_saves_have_failed_for_longer_than_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    saves = SaveRecord(600)
    saves.begin()
    now = 900
    assert saves.late_by() is None  # an epoch may take longer than the interval
    saves.add_failure("epoch 1, step 2", "latest_checkpoint.pth: full", nothing_saved=True)
    assert saves.late_by() == 900
    saves.add_success()
    now = 1200
    saves.add_failure("epoch 2, step 4", "latest_checkpoint.pth: full", nothing_saved=True)
    assert saves.late_by() is None
    now = 1500
    assert (saves.late_by(), saves.reason, len(saves.failed)) == (600, "full", 2)


def test_a_save_that_has_one_name_of_several_is_no_reason_to_be_late(monkeypatch: pytest.MonkeyPatch) -> None:
    saves = SaveRecord(0)
    saves.add_success()
    saves.add_failure("epoch 1, step 2", "best_model.pth: open in another program", nothing_saved=False)
    assert saves.late_by() is None
    assert saves.failed == ["epoch 1, step 2: best_model.pth: open in another program"]
