"""What has just been saved is looked through quickly, and refused where a resume would refuse it."""

import io
import zipfile
from collections import OrderedDict, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import torch

from resume.checkpoints import written_pickle
from resume.checkpoints.written_pickle import require_readable
from resume.system.errors import UnreadableError


def pickled(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    with zipfile.ZipFile(file) as archive:
        return archive.read("archive/data.pkl")


def test_tensors_and_plain_values_are_readable_without_a_slow_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(written_pickle, "require_harmless")
    require_readable(pickled({"weights": OrderedDict(a=torch.ones(2)), "history": [{"epoch": 1, "loss": 0.5}]}))


def test_a_text_that_looks_like_a_reference_is_a_text() -> None:
    require_readable(pickled({"said": "cnowhere\nThing\n"}))


@pytest.mark.parametrize("value", [Path("a"), Decimal(1), defaultdict(int), print], ids=repr)
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(UnreadableError, match="would run code"):
        require_readable(pickled({"callbacks": {"Own": {"value": value}}}))
