"""Each pair is looked at once; what was seen of its ground truth is known to the next start."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datamodules import scanning
from datamodules.finding import fact_of_images
from datamodules.gt import scan as gt_scan
from datamodules.gt.scan import read_cache
from datamodules.loading.sources import FolderPairs
from datamodules.pairing.pairs import PairSettings, pair_folders
from datamodules.scanning import Scan

WritePairs = Callable[..., tuple[str, str]]


def source_of(paths: tuple[str, str]) -> FolderPairs:
    return FolderPairs(*paths, pair_folders(*paths, PairSettings()).pairs)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the ground truth files that are decoded from here on."""
    names: list[str] = []
    whole = FolderPairs.gt_picture

    def picture(source: FolderPairs, index: int) -> object:
        names.append(Path(source.gt_file(index)).stem)
        return whole(source, index)

    monkeypatch.setattr(FolderPairs, "gt_picture", picture)
    return names


def test_pairs_are_seen_in_their_order_with_progress(write_pairs: WritePairs, decoded: list[str]) -> None:
    source, scan, steps = source_of(write_pairs(5)), Scan(), []
    seen = scan.look([source], lambda done, total: steps.append((done, total)))
    assert [one.image.size for one in seen if one.image] == [(8, 8)] * 5
    assert all(one.stats is not None and not one.problems for one in seen)
    assert steps == [(done, 5) for done in range(1, 6)]
    assert sorted(decoded) == [f"pair_{number}" for number in range(5)]
    assert scan.of(source, 3) is seen[3]


def test_what_an_earlier_start_has_seen_is_not_decoded_again_unless_it_has_changed(
    write_pairs: WritePairs, tmp_path: Path, decoded: list[str]
) -> None:
    paths = write_pairs(5)
    first = Scan()
    before = first.look([source_of(paths)])
    (tmp_path / "scan.json").write_text(first.text(), encoding="utf-8")
    Image.fromarray(np.full((8, 8), 7, np.uint8)).save(Path(paths[1], "pair_2.png"))
    decoded.clear()
    scan = Scan()
    scan.known = read_cache(tmp_path / "scan.json")
    after = scan.look([source_of(paths)])
    assert decoded == ["pair_2"]
    assert [one.stats for one in after[:2]] == [one.stats for one in before[:2]]
    assert after[2].stats is not None
    assert after[2].stats.counts == ((7, 64),)


def test_a_file_that_cannot_be_read_hides_no_other_and_its_pieces_are_not_looked_for(write_pairs: WritePairs) -> None:
    paths = write_pairs(4)
    Path(paths[1], "pair_1.png").write_bytes(b"no image")
    Path(paths[0], "pair_2.png").write_bytes(b"no image")
    scan = Scan()
    seen = scan.look([source_of(paths)])
    assert [len(one.problems) for one in seen] == [0, 1, 1, 0]
    assert [one.stats is None for one in seen] == [False, True, False, False]
    assert len(scan.structures("values", frozenset())) == 3


def test_an_image_that_lacks_its_end_is_found_together_with_the_other_problems(write_pairs: WritePairs) -> None:
    paths = write_pairs(4)
    Path(paths[1], "pair_1.png").write_bytes(b"no image")
    file = Path(paths[0], "pair_2.png")
    file.write_bytes(file.read_bytes()[:-40])
    seen = Scan().look([source_of(paths)])
    assert [len(one.problems) for one in seen] == [0, 1, 1, 0]


def test_processes_see_what_threads_see_in_the_same_order(
    write_pairs: WritePairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "WORTH_WORKERS", 70)
    paths = write_pairs(70)
    Path(paths[1], "pair_33.png").write_bytes(b"no image")
    source = source_of(paths)
    found = []
    for workers in (0, 2):
        scan = Scan()
        scan.look_at_everything([source], workers=workers)
        found.append([scan.of(source, index) for index in range(70)])
    assert found[0] == found[1]
    assert [place for place, one in enumerate(found[1]) if one is not None and one.problems] == [
        list(source.names()).index("pair_33.png")
    ]


def test_processes_are_started_for_many_pairs_only(write_pairs: WritePairs, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(scanning, "in_workers", refused)
    source = source_of(write_pairs(3))
    Scan().look_at_everything([source], workers=2)
    monkeypatch.setattr(scanning, "WORTH_WORKERS", 3)
    with pytest.raises(AssertionError):
        Scan().look_at_everything([source], workers=2)


def test_of_too_many_pairs_a_sample_is_looked_at(write_pairs: WritePairs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "sampled", lambda names, count, most: gt_scan.sampled(names, count, min(most, 4)))
    sources = [source_of(write_pairs(6)), source_of(write_pairs(3, name="more"))]
    scan = Scan()
    assert len(scan.look(sources)) == 4
    assert sum(scan.of(source, index) is not None for source in sources for index in range(len(source))) == 4


def test_the_form_of_the_images_is_found_from_five_hundred_of_them(write_pairs: WritePairs) -> None:
    sources = [source_of(write_pairs(1)), source_of(write_pairs(501, name="more"))]
    lines = [fact.line for fact in fact_of_images(sources, None, None, None, Scan(), None)]
    assert lines == ["Images: colour, from 500 files (--data.channels)"]
