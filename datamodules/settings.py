"""Checks of the data settings that need no file."""

import os
from collections.abc import Sequence

from datamodules.data_errors import DataError
from datamodules.gt.labels import LARGEST_VALUE, ClassValue, code_of, codes_of
from resume.system.output import text

# A number that is far too large, mistyped or from the configuration of a checkpoint from elsewhere, must not take all
# processes or all memory of a machine.
_MOST_WORKERS, _WORKERS_PER_PROCESSOR = 64, 8
_LONGEST_SIDE = 2**15
_MOST_SAMPLE_PAIRS = 100_000
MOST_CLASSES = 2**16


def check_classes(
    num_classes: int,
    class_values: Sequence[ClassValue] | None,
    ignore_index: int | None,
    ignored_values: Sequence[int | str] = (),
) -> None:
    """Check the settings for the meaning of the ground truth.

    Raises:
        DataError: There are problems; the message contains all of them.
    """
    problems = []
    if not 2 <= num_classes <= MOST_CLASSES:
        problems.append(
            text(
                "--data.num_classes is {count}; it must be from 2 to {largest}, because the background is a class too."
            ).format(count=num_classes, largest=MOST_CLASSES)
        )
    if class_values is not None:
        problems += _class_value_problems(num_classes, class_values, ignore_index, ignored_values)
    if ignore_index is not None and not 0 <= ignore_index < MOST_CLASSES:
        problems.append(
            text("--data.ignore_index is {value}; it must be a value in the ground truth, from 0 to {largest}.").format(
                value=ignore_index, largest=MOST_CLASSES - 1
            )
        )
    if ignored_values and ignore_index is None:
        problems.append(
            text(
                "--data.ignored_values {values} needs --data.ignore_index, the number of such pixels in the target, "
                "such as 255."
            ).format(values=list(ignored_values))
        )
    if ignore_index is not None and 0 <= ignore_index < num_classes:
        problems.append(
            text(
                "--data.ignore_index {value} is also a class id (0 to {last}). "
                "Use another number for that value in the ground truth, such as 255."
            ).format(value=ignore_index, last=num_classes - 1)
        )
    if problems:
        raise DataError("\n".join(problems))


def _class_value_problems(
    num_classes: int,
    class_values: Sequence[ClassValue],
    ignore_index: int | None,
    ignored_values: Sequence[int | str],
) -> list[str]:
    problems = []
    if len(class_values) != num_classes:
        problems.append(
            text("--data.class_values {values}: expected one value per class (--data.num_classes {count}).")
        )
    codes = [code for value in class_values for code in codes_of(value)]
    if len(set(codes)) != len(codes):
        problems.append(text("--data.class_values {values}: a value occurs twice."))
    if any(not 0 <= code <= LARGEST_VALUE for code in codes):
        problems.append(text("--data.class_values {values}: each value must be from 0 to {largest}."))
    has_colours = any(isinstance(value, str) for value in class_values)
    ignored = {code_of(value) for value in ignored_values} | ({ignore_index} - {None} if not has_colours else set())
    if ignored & set(codes):
        problems.append(
            text("--data.class_values {values}: a class cannot have the value of --data.ignore_index ({ignored}).")
        )
    shown = ", ".join(map(str, sorted(code for code in ignored if code is not None)))
    fields = {"values": list(class_values), "count": num_classes, "largest": LARGEST_VALUE, "ignored": shown}
    return [problem.format(**fields) for problem in problems]


def check_folders_named(
    image_path: str | None, gt_path: str | None, val_image_path: str | None, val_gt_path: str | None
) -> None:
    """Check that folders are set in pairs, and folders for validation only together with folders for training.

    Raises:
        DataError: There are problems; the message contains all of them.
    """
    problems = []
    if (image_path is None) != (gt_path is None):
        problems.append(
            text(
                "--image_path is {images} and --gt_path is {gt}. Set both folders, or neither (null) to train on "
                "the built-in sample set."
            ).format(images=image_path, gt=gt_path)
        )
    if (val_image_path is None) != (val_gt_path is None):
        problems.append(
            text("--data.val_image_path is {images} and --data.val_gt_path is {gt}. Set both or neither.").format(
                images=val_image_path, gt=val_gt_path
            )
        )
    if image_path is None and val_image_path is not None:
        problems.append(
            text(
                "--data.val_image_path is set without --image_path, but the built-in sample set has its own validation."
            )
        )
    if problems:
        raise DataError("\n".join(problems))


def check_loading(
    batch_size: int,
    num_workers: int,
    image_size: int | Sequence[int] | None,
    val_fraction: float,
    sample_pairs: int,
) -> None:
    """Check the settings for loading pairs.

    Raises:
        DataError: There are problems; the message contains all of them.
    """
    problems = []
    if batch_size < 1:
        problems.append(text("--batch_size is {value}; it must be at least 1.").format(value=batch_size))
    if num_workers < 0:
        problems.append(
            text(
                "--data.num_workers is {value}; it must be at least 0. With 0, the training process loads the data."
            ).format(value=num_workers)
        )
    most = max(_MOST_WORKERS, _WORKERS_PER_PROCESSOR * (os.cpu_count() or 1))
    if num_workers > most:
        problems.append(
            text("--data.num_workers is {value}, more processes than this machine can use; at most {most}.").format(
                value=num_workers, most=most
            )
        )
    sides = [image_size] if isinstance(image_size, int) else image_size
    if sides is not None and len(sides) in (1, 2) and max(sides) > _LONGEST_SIDE:
        problems.append(
            text("--data.image_size is {value}; a side can have {most} pixels at most.").format(
                value=image_size, most=_LONGEST_SIDE
            )
        )
    if sides is not None and (len(sides) not in (1, 2) or min(sides) < 1):
        problems.append(
            text(
                "--data.image_size is {value}; expected one number, [height, width], or null to keep the sizes "
                "of the files."
            ).format(value=image_size)
        )
    if not 0 < val_fraction < 1:
        problems.append(
            text("--data.val_fraction is {value}; it must be between 0 and 1, such as 0.2.").format(value=val_fraction)
        )
    if sample_pairs > _MOST_SAMPLE_PAIRS:
        problems.append(
            text("--data.sample_pairs is {value}; at most {most}.").format(value=sample_pairs, most=_MOST_SAMPLE_PAIRS)
        )
    if sample_pairs < 2:
        problems.append(
            text(
                "--data.sample_pairs is {value}; it must be at least 2: one pair for training, one for validation."
            ).format(value=sample_pairs)
        )
    if problems:
        raise DataError("\n".join(problems))


def height_and_width(image_size: int | Sequence[int] | None) -> tuple[int, int] | None:
    """The size for training; None: the images keep their sizes."""
    if image_size is None:
        return None
    sides = [image_size] if isinstance(image_size, int) else image_size
    return sides[0], sides[-1]
