import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from callbacks import AtomicCheckpointIO
from callbacks.checkpoint_io import ChangedError
from callbacks.loaded_storages import LoadedStorages
from resume.checkpoints.verification import saved_storages
from resume.system.errors import UnreadableError
from tests.helpers.checkpoint_folders import entry

BASE = torch.arange(12.0)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "a.pth"
    AtomicCheckpointIO().save_checkpoint({"first": BASE, "second": torch.ones(500), "run": entry(1)}, path)
    return path


def compared(path: Path, storages: list[tuple[int, int]]) -> dict[str, Any]:
    comparison = LoadedStorages(storages, lambda storage, _: storage)
    loaded: dict[str, Any] = torch.load(path, map_location=comparison, weights_only=True)
    comparison.require_all()
    return loaded


def test_memory_that_torch_takes_for_a_weight_is_found(saved: Path) -> None:
    """torch reads nothing for an entry with the mark of a folder, and returns whatever was in that memory before."""
    storages = saved_storages(saved)
    content = bytearray(saved.read_bytes())
    content[content.rindex(b"archive/data/1") - 46 + 38] |= 0x10
    saved.write_bytes(content)
    others = [torch.full((500,), 7.0) for _ in range(1000)]
    del others  # so that such memory holds 7, and not by chance the weights that are missing
    with pytest.raises(UnreadableError, match=r"damaged content \(data/1\)"):
        compared(saved, storages)


def test_a_weight_that_has_changed_is_not_loaded(saved: Path) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content.replace(BASE.numpy().tobytes(), (BASE + 1).numpy().tobytes()))
    with pytest.raises(ChangedError, match=r"a\.pth was loaded as something else .* \(damaged content \(data/0\)\)"):
        AtomicCheckpointIO().load_checkpoint(saved, weights_only=True)


def test_a_storage_too_many_or_too_few_is_found(saved: Path) -> None:
    storages = saved_storages(saved)
    for wrong in (storages[:1], [*storages, (4, 0)]):
        with pytest.raises(UnreadableError, match="damaged content"):
            compared(saved, wrong)


KINDS: dict[str, Any] = {
    "views of one storage": [BASE[2:5], BASE.reshape(3, 4).T, BASE],
    "empty": torch.empty(0, 3),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "complex": torch.ones(3, dtype=torch.complex64),
    "bool": torch.tensor([True, False]),
    "float8": torch.ones(3).to(torch.float8_e4m3fn),
    "sparse": torch.eye(3).to_sparse(),
    "parameter": torch.nn.Parameter(BASE),
    "channels last": torch.ones(1, 2, 3, 3).to(memory_format=torch.channels_last),
    "eleven storages": [torch.full((number,), 1.0) for number in range(1, 12)],
    "none": [],
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_tensor_is_loaded_as_it_was_saved(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.pth"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls some of these kinds a prototype
        AtomicCheckpointIO().save_checkpoint({"what": KINDS[kind], "run": entry(1)}, path)
        loaded = AtomicCheckpointIO().load_checkpoint(path, weights_only=True)["what"]
    with zipfile.ZipFile(path) as archive:
        assert len(saved_storages(path)) == sum("/data/" in name for name in archive.namelist())
    torch.testing.assert_close(loaded, KINDS[kind], rtol=0, atol=0)
