"""What is decided about the real sets."""

import json

import pytest

from datamodules.data_errors import DataError
from datamodules.gt.codes import codes
from datamodules.gt.decision import GtDecision, GtSettings
from datamodules.gt.rules import decide
from datamodules.gt.stats import GtStats, statistics
from datamodules.gt.structure import GtStructure, structure
from datamodules.reading.rasters import read_raster
from tests.helpers.real_data import REAL

pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")


def decided(folder: str) -> GtDecision:
    paths = sorted((REAL / folder / "gt").iterdir())
    rasters = [read_raster(str(path)) for path in paths]

    def structures(reading: str, ignored: frozenset[int]) -> list[GtStructure]:
        return [structure(codes(raster, reading, None), ignored) for raster in rasters]

    stats = [statistics(raster) for raster in rasters]
    kept = json.loads(json.dumps([one.to_json() for one in stats]))
    return decide([GtStats.from_json(one) for one in kept], structures, GtSettings())


@pytest.mark.parametrize(
    ("folder", "reading", "class_values", "ignore_index"),
    [
        ("dsb2018_mini", "values", [0, 255], None),
        ("bbbc039_mini16", "nonzero", [0, 1], None),  # 1 to 3 only keep nuclei apart that touch
        ("stardist16_2", "nonzero", [0, 1], None),
        ("mmseg_pseudo5", "indices", [0, 1, 2, 3], None),  # a palette of random colours in each file
        ("labelme_voc3", "indices", [0, 5, 6, 7, 9, 15, 18], 255),
        ("bbbc007_crops4", "values", [0, 1, 2], None),
        ("vnc_tissue4", "values", [0, 32, 64, 96, 128, 159, 191, 223, 255], None),
    ],
)
def test_real_ground_truth_is_understood(
    folder: str, reading: str, class_values: list[int], ignore_index: int | None
) -> None:
    found = decided(folder)
    assert (found.reading, found.class_values, found.ignore_index) == (reading, class_values, ignore_index)
    assert found.num_classes == len(class_values)


def test_photographs_are_no_ground_truth_of_classes() -> None:
    with pytest.raises(DataError, match="looks like images"):
        decided("cc_real_noise3")
