from datamodules.data_errors import DataError
from datamodules.seeding import mix


def split(stems: list[str], val_fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Splits into training and validation, each stem by itself: adding a file never moves another one.

    A stem is for validation when its hash with the seed, spread over [0, 1), is below `val_fraction`. A side
    that would stay empty takes the one stem that is nearest to it.

    Args:
        stems: The pairs' names; at least two.
        val_fraction: About this share goes to validation; between 0 and 1.
        seed: Another seed gives another split.

    Returns:
        The positions in `stems` for training and for validation, each in rising order, neither empty.

    Raises:
        DataError: There are fewer than two stems.
    """
    if len(stems) < 2:
        raise DataError(
            f"{len(stems)} pair cannot be split into training and validation: at least 2 are needed. Add "
            "pairs, or name a validation set of its own with --data.val_image_path and --data.val_gt_path."
        )
    places = [mix(seed, "split", stem) / 2**63 for stem in stems]
    order = sorted(range(len(stems)), key=places.__getitem__)
    count = sum(place < val_fraction for place in places)
    count = min(max(count, 1), len(stems) - 1)
    return sorted(order[count:]), sorted(order[:count])
