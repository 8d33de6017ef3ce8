"""`--check_data`: read everything, say what is found and what is wrong, and draw some pairs; nothing is trained."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from datamodules import PairedImages
from datamodules.data_errors import DataError, listing_all
from datamodules.gt.labels import ClassMapping
from datamodules.report.contact_sheet import Sheet, draw_sheet
from datamodules.report.data_report import report_lines
from datamodules.report.picture_text import can_draw
from datamodules.report.sheet_pairs import sheet_of
from datamodules.report.survey import check_images, survey
from launch.cli import TrainCLI
from launch.data_scan import keep_scan, take_scan
from launch.facts import find_facts
from launch.first_look import FirstLook
from launch.lost_workers import lost_worker
from launch.report import CheckProgress
from resume.run_files import DATA_REPORT
from resume.system.durable_files import staged
from resume.system.launch_info import Launch
from resume.system.output import complain, in_english, plural, say, text

_EXIT_WRONG = 2


def check_data(cli: TrainCLI, launch: Launch, folder: Path) -> int:
    """Report on the data, and draw the contact sheet.

    Args:
        cli: The configuration; its datamodule is used, and nothing else is built.
        launch: What started this process.
        folder: Where the sheet and what was seen of the files are kept; nothing else in it is touched.

    Returns:
        The exit code: 2 if something is wrong.

    Raises:
        DataError: The settings are wrong, so that nothing can be read.
    """
    if not launch.is_first:
        return 0
    with listing_all():
        try:
            return _check(cli, folder)
        finally:
            gc.unfreeze()


def _check(cli: TrainCLI, folder: Path) -> int:
    data, problems = cli.datamodule, _Problems()
    pairs = data.run_pairs
    pairs.check_settings()
    pairs.on_problem = problems.add
    take_scan(cli, folder)
    try:
        _look(data)
        gc.freeze()  # what was seen of the files stays; each collection would look through all of it
        number = sum(map(len, pairs.sources))
    except DataError as error:  # there are no pairs
        problems.add(error)
        return problems.report()
    _find_facts(cli, number)
    mapping = _mapping(data, problems)
    check_images(pairs.sources, pairs.scan, has_form=data.channels is not None and data.image_range is not None)
    with problems.noted():
        pairs.check(every_gt=True)
    found = survey(pairs, mapping, problems.add)
    say()
    for line in report_lines(found, data.class_names):
        say(line)
    exit_code = problems.report()
    rule = (
        None
        if data.image_path is None or pairs.pairing.rule is None
        else text("{image_pattern} with {gt_pattern}").format(**pairs.pairing.rule._asdict())
    )
    with nullcontext() if can_draw(text("background")) else in_english():
        sheet = sheet_of(found, pairs.mapping, data.ignore_index, data.class_names, rule)
    _draw(sheet, folder)
    keep_scan(cli, folder)
    return exit_code


def _look(data: PairedImages) -> None:
    try:
        data.run_pairs.look_at_everything(CheckProgress())
    except RuntimeError as error:
        if (lost := lost_worker(error, num_workers=None)) is not None:
            raise lost from error
        raise


def _find_facts(cli: TrainCLI, number: int) -> None:
    """Find them from the pairs that can be read, whatever number of them cannot."""
    cli.datamodule.skip_unreadable = number
    find_facts(cli, FirstLook())
    cli.datamodule.skip_unreadable = 0


def _mapping(data: PairedImages, problems: "_Problems") -> ClassMapping | None:
    """The class of each value; None where the meaning of the values is not known: then 0 is told from the rest."""
    if data.gt_reading is not None and data.num_classes is not None:
        with problems.noted():
            return data.run_pairs.mapping
    data.take_facts(
        {"gt_reading": "nonzero", "num_classes": 2, "class_values": None, "ignore_index": None, "ignored_values": None}
    )
    return None


class _Problems:
    """What is wrong, in the order in which it was found."""

    def __init__(self) -> None:
        self._messages: list[str] = []

    def add(self, error: DataError) -> None:
        """Note an error, unless it was noted already."""
        if str(error) not in self._messages:
            self._messages.append(str(error))

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note the error with which the block ends."""
        try:
            yield
        except DataError as error:
            self.add(error)

    def report(self) -> int:
        """Say all of them; returns the exit code."""
        say()
        if not self._messages:
            say(text("Problems: none"))
            return 0
        say(text("Problems:"))
        for message in self._messages:
            if any(message in other for other in self._messages if other != message):
                continue  # it is in a list of all files
            for line in message.split("\n"):
                say(line)
        return _EXIT_WRONG


def _draw(sheet: Sheet, folder: Path) -> None:
    """Draw the sheet, in English where no font has Chinese characters. A full disk does not hide the report."""
    path = folder / DATA_REPORT
    if not sheet.pairs:
        say(text("No pair can be drawn."))
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with staged(path) as temporary:
            draw_sheet(sheet).save(temporary, format="PNG", compress_level=1)
    except OSError as error:
        complain(text("{path}: cannot be written ({reason}).").format(path=path, reason=error.strerror or error))
    else:
        shown = plural("{count} pair, drawn:", "{count} pairs, drawn:", len(sheet.pairs))
        say(f"{shown} {path}")
