"""Whether the settings make sense by themselves, before any file is looked at."""

from collections.abc import Sequence

from datamodules.data_errors import DataError
from datamodules.labels import LARGEST_VALUE


def check_classes(num_classes: int, class_values: Sequence[int] | None, ignore_index: int | None) -> None:
    """Checks the settings that say what the ground truth means.

    Raises:
        DataError: With all problems.
    """
    problems = []
    if not 2 <= num_classes <= LARGEST_VALUE + 1:
        problems.append(f"--data.num_classes is {num_classes}; it counts the background too, so 2 is the least.")
    if class_values is not None:
        problems += _class_value_problems(num_classes, class_values, ignore_index)
    if ignore_index is not None and not 0 <= ignore_index <= LARGEST_VALUE:
        problems.append(
            f"--data.ignore_index is {ignore_index}; it is a value in the ground truth, 0 to {LARGEST_VALUE}."
        )
    if ignore_index is not None and 0 <= ignore_index < num_classes:
        problems.append(
            f"--data.ignore_index {ignore_index} is also a class id (classes count from 0 to "
            f"{num_classes - 1}); give that value another number in the ground truth, such as 255."
        )
    if problems:
        raise DataError("\n".join(problems))


def _class_value_problems(num_classes: int, class_values: Sequence[int], ignore_index: int | None) -> list[str]:
    shown = f"--data.class_values {list(class_values)}"
    problems = []
    if len(class_values) != num_classes:
        problems.append(
            f"{shown} has {len(class_values)} values for --data.num_classes {num_classes}; give one a class."
        )
    if len(set(class_values)) != len(class_values):
        problems.append(f"{shown} holds a value twice.")
    if any(not 0 <= value <= LARGEST_VALUE for value in class_values):
        problems.append(f"{shown} holds a value that is not between 0 and {LARGEST_VALUE}.")
    if ignore_index in class_values:
        problems.append(f"{shown} holds --data.ignore_index {ignore_index}; a value either counts or it does not.")
    return problems


def check_folders_named(
    image_path: str | None, gt_path: str | None, val_image_path: str | None, val_gt_path: str | None
) -> None:
    """Checks that folders are named in pairs, and validation only beside training.

    Raises:
        DataError: With all problems.
    """
    problems = []
    if (image_path is None) != (gt_path is None):
        problems.append(
            f"--image_path is {image_path} and --gt_path is {gt_path}: name both folders, or neither "
            "(null) to train on the built-in sample set."
        )
    if (val_image_path is None) != (val_gt_path is None):
        problems.append(
            f"--data.val_image_path is {val_image_path} and --data.val_gt_path is {val_gt_path}: name both or neither."
        )
    if image_path is None and val_image_path is not None:
        problems.append("--data.val_image_path is named without --image_path: the sample set has its own validation.")
    if problems:
        raise DataError("\n".join(problems))


def check_loading(
    batch_size: int,
    num_workers: int,
    image_size: int | Sequence[int] | None,
    val_fraction: float,
    sample_pairs: int,
) -> None:
    """Checks the settings that say how pairs are loaded.

    Raises:
        DataError: With all problems.
    """
    problems = []
    if batch_size < 1:
        problems.append(f"--batch_size is {batch_size}; 1 is the least.")
    if num_workers < 0:
        problems.append(f"--data.num_workers is {num_workers}; 0 loads inside the training process, more beside it.")
    sides = [image_size] if isinstance(image_size, int) else image_size
    if sides is not None and (len(sides) not in (1, 2) or min(sides) < 1):
        problems.append(
            f"--data.image_size is {image_size}; expected one number, [height, width], or null to keep each size."
        )
    if not 0 < val_fraction < 1:
        problems.append(f"--data.val_fraction is {val_fraction}; expected a share between 0 and 1, such as 0.2.")
    if sample_pairs < 2:
        problems.append(f"--data.sample_pairs is {sample_pairs}; 2 is the least, one for training, one for validation.")
    if problems:
        raise DataError("\n".join(problems))
