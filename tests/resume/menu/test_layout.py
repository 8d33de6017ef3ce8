from datetime import timedelta
from pathlib import Path

import pytest

from resume.checkpoints.catalog import read_catalog
from resume.checkpoints.run_entry import NEVER
from resume.menu.layout import (
    age_text,
    banner,
    cell_width,
    cut,
    deletion_header,
    deletion_lines,
    entries,
    entry_lines,
    question,
    ranges,
)
from resume.system.output import Language, set_language, size_text
from tests.helpers import checkpoint_folders

NOW = checkpoint_folders.START + timedelta(hours=3)


@pytest.fixture(autouse=True)
def _in_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_language("en")
    monkeypatch.chdir(tmp_path)


def lines(width: int, folder: Path = Path("checkpoints")) -> list[str]:
    return entry_lines(entries(read_catalog(folder), NOW), width)


def test_a_wide_terminal_shows_epoch_metric_age_and_size() -> None:
    checkpoint_folders.fill(Path("checkpoints"), 15)
    size = size_text(Path("checkpoints/latest_checkpoint.pth").stat().st_size)
    first = lines(120)[0]
    assert first.split("  ")[0] == "[1] latest_checkpoint.pth (latest)"
    assert [part.strip() for part in first.split("  ") if part.strip()][1:] == [
        "epoch 15/100",
        "val/iou 0.5150",
        "30 min ago",
        size,
    ]


def test_numbers_run_over_the_kinds_that_exist() -> None:
    checkpoint_folders.save(Path("checkpoints/best_model.pth"), 2)
    checkpoint_folders.save(Path("checkpoints/checkpoint_epoch_2.pth"), 2)
    starts = [line.split(" (")[0] for line in lines(120)]
    assert starts == ["[1] best_model.pth", "[2] checkpoint_epoch_*.pth"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [40, 60, 72, 80, 100, 120, 200])
def test_every_entry_stays_on_its_line(language: Language, width: int) -> None:
    set_language(language)
    folder = checkpoint_folders.fill(Path("checkpoints"), 120, max_epochs=1000, monitor="val/iou_per_image")
    checkpoint_folders.damage(folder / "best_model.pth")
    assert all(cell_width(line) <= width - 3 for line in lines(width))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_details_are_aligned_by_the_width_of_characters(language: Language) -> None:
    set_language(language)
    checkpoint_folders.fill(Path("checkpoints"), 9)
    starts = {cell_width(line[: line.index("val/iou")]) for line in lines(120)}
    assert len(starts) == 1


@pytest.mark.parametrize(
    ("width", "there", "gone"),
    [
        (120, "val/iou 0.5150", "nothing"),
        (90, "10 min ago", "val/iou"),
        (80, "15/100    iou 0.5150  10 min ago", "epoch "),
        (61, "15/100    0.5150", "iou"),
        (60, "epoch 15/100", "iou"),
    ],
)
def test_a_narrower_terminal_shows_less(width: int, there: str, gone: str) -> None:
    checkpoint_folders.fill(Path("checkpoints"), 15)
    shown = entry_lines(
        entries(read_catalog(Path("checkpoints")), checkpoint_folders.START + timedelta(minutes=160)), width
    )
    assert there in shown[0]
    assert gone not in shown[0].replace("checkpoint_epoch", "")


def test_a_checkpoint_within_an_epoch_never_counts_it_as_done() -> None:
    checkpoint_folders.save(Path("checkpoints/latest_checkpoint.pth"), 15, batch=999, batches_per_epoch=1000)
    assert "epoch 14.9/100" in lines(120)[0]


def test_a_run_without_an_end_shows_only_what_is_done() -> None:
    checkpoint_folders.save(Path("checkpoints/latest_checkpoint.pth"), 15, max_epochs=-1)
    assert "epoch 15 " in lines(120)[0]


def test_a_damaged_checkpoint_says_why_instead_of_details() -> None:
    checkpoint_folders.fill(Path("checkpoints"))
    checkpoint_folders.damage(Path("checkpoints/interrupted_checkpoint.pth"))
    assert lines(120)[1].endswith("(stopped)  damaged: incomplete file")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_file_of_another_program_says_so_and_the_line_fits_a_narrow_terminal(language: Language) -> None:
    folder = checkpoint_folders.fill(Path("checkpoints"))
    checkpoint_folders.write_zip(folder / "latest_checkpoint.pth", {"state_dict": {}})
    set_language(language)
    wanted = {"en": "not of this program (no run.json)", "zh": "非本程序文件 (无 run.json)"}[language]
    assert lines(80)[0].endswith(wanted)


def test_a_finished_run_is_marked() -> None:
    checkpoint_folders.save(Path("checkpoints/latest_checkpoint.pth"), 100, finished=True)
    assert lines(120)[0].endswith("finished")


def test_an_interruption_that_has_been_passed_is_marked() -> None:
    folder = checkpoint_folders.fill(Path("checkpoints"))
    assert lines(120)[1].endswith("behind latest")
    checkpoint_folders.save(folder / "interrupted_checkpoint.pth", 4, batch=2)
    assert "behind" not in lines(120)[1]


def test_a_file_of_another_run_is_marked_and_never_behind_the_latest_of_this_one() -> None:
    folder = checkpoint_folders.fill(Path("checkpoints"))
    for name in ("interrupted_checkpoint.pth", "best_model.pth"):
        (folder / name).unlink()
        checkpoint_folders.save(folder / name, 1, run_id=checkpoint_folders.OTHER_RUN, finished=True)
    assert [line.endswith("of another run") for line in lines(120)] == [False, True, True, False]
    set_language("zh")
    assert lines(120)[1].endswith("来自另一次训练")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("monitor", ["val/iou", "val/iou_per_image"])
def test_eighty_columns_show_epoch_metric_and_age(language: Language, monitor: str) -> None:
    set_language(language)
    checkpoint_folders.fill(Path("checkpoints"), 15, score=0.886, monitor=monitor)
    shown = entry_lines(
        entries(read_catalog(Path("checkpoints")), checkpoint_folders.START + timedelta(minutes=160)), 80
    )
    for part in (
        "15/100",
        "0.8860",
        age_text(checkpoint_folders.START, checkpoint_folders.START + timedelta(minutes=10)),
    ):
        assert part in shown[0]


def test_a_run_without_a_score_shows_a_dash() -> None:
    checkpoint_folders.save(Path("checkpoints/latest_checkpoint.pth"), 1, score=None)
    assert "val/iou -" in lines(120)[0]


def test_the_header_counts_files_and_names_the_data() -> None:
    here = {"image_path": str(Path.cwd() / "数据"), "gt_path": "/mnt/gt"}
    shown = banner(read_catalog(checkpoint_folders.fill(Path("checkpoints"), 10, data=here)))
    assert "Found 13 checkpoint files:" in shown
    assert "Data of this run: 数据, /mnt/gt" in shown


def test_the_header_of_a_run_on_the_sample_set_says_so() -> None:
    checkpoint_folders.save(Path("checkpoints/latest_checkpoint.pth"), 1, data={"image_path": None, "gt_path": None})
    assert "Data of this run: the built-in sample set" in banner(read_catalog(Path("checkpoints")))


def test_the_header_is_the_contracts_in_chinese() -> None:
    set_language("zh")
    shown = banner(read_catalog(checkpoint_folders.fill(Path("checkpoints"), 10)))
    rule = "=" * 60
    assert shown == [
        rule,
        "检测到已存在的训练 checkpoint 文件",
        rule,
        "",
        "训练数据: Data/images, Data/gt",
        "找到 13 个 checkpoint 文件:",
        "",
        "可用的 checkpoint:",
    ]


def test_the_question_names_the_keys() -> None:
    assert question(4) == "Your choice [1-4/N/Q]: "
    assert question(1) == "Your choice [1/N/Q]: "


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=29), "29 days ago"),
        (timedelta(days=50), (NOW - timedelta(days=50)).astimezone().strftime("%Y-%m-%d")),
        (-timedelta(hours=1), (NOW + timedelta(hours=1)).astimezone().strftime("%Y-%m-%d")),
    ],
)
def test_ages_are_told_in_one_unit(age: timedelta, words: str) -> None:
    assert age_text(NOW - age, NOW) == words


def test_an_unknown_age_is_left_out() -> None:
    assert age_text(NEVER, NOW) == ""


def test_cutting_counts_cells_and_not_characters() -> None:
    assert cut("检测到已存在", 12) == "检测到已存在"
    assert cut("检测到已存在", 9) == "检测到..."


@pytest.mark.parametrize(
    ("counts", "lang", "line"),
    [
        ((15, 12), "zh", "找到 15 个文件 (其中 12 个 checkpoint 文件):"),
        ((15, 12), "en", "Found 15 files (12 checkpoint files):"),
        ((4, 1), "en", "Found 4 files (1 checkpoint file):"),
        ((1, 1), "en", "Found 1 file (1 checkpoint file):"),
    ],
)
def test_the_list_of_what_is_deleted_begins_with_the_count_of_files_and_of_checkpoints(
    counts: tuple[int, int], lang: Language, line: str
) -> None:
    set_language(lang)
    assert deletion_header(*counts) == line


def test_up_to_twenty_names_are_listed_one_by_one_in_the_menus_order() -> None:
    names = ["config.yaml", "mine.pth", "checkpoint_epoch_10.pth", "checkpoint_epoch_9.pth", "best_model.pth"]
    names += ["training_history.png", ".config.yaml.7.tmp", "latest_checkpoint.pth"]
    assert deletion_lines(names) == [
        "  - latest_checkpoint.pth",
        "  - best_model.pth",
        "  - checkpoint_epoch_9.pth",
        "  - checkpoint_epoch_10.pth",
        "  - mine.pth",
        "  - training_history.png",
        "  - config.yaml",
        "  - .config.yaml.7.tmp",
    ]


def test_ten_thousand_epoch_files_are_listed_as_ranges() -> None:
    names = [f"checkpoint_epoch_{epoch}.pth" for epoch in range(1, 10_001) if epoch != 500]
    shown = deletion_lines([*names, "latest_checkpoint.pth", "config.yaml"])
    assert len(shown) == 22
    assert shown[20:] == ["  - checkpoint_epoch_{20-499, 501-10000}.pth (9980)", "  - config.yaml"]


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([], []),
        ([7], ["7"]),
        ([7, 8], ["7", "8"]),
        ([1, 2, 3, 10, 15, 20, 25, 99], ["1-3", "10-25 (every 5)", "99"]),
    ],
)
def test_numbers_become_ranges_of_equal_steps(numbers: list[int], words: list[str]) -> None:
    assert ranges(numbers) == words


def test_a_metric_that_a_file_names_can_neither_break_the_menus_lines_nor_move_the_cursor() -> None:
    checkpoint_folders.save(Path("checkpoints/latest_checkpoint.pth"), 1, monitor="val/a\n\x1b[2Jb")
    assert lines(200)[0].isprintable()
    assert "val/a\\n\\x1b[2Jb 0.5010" in lines(200)[0]
