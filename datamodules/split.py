"""The split into training and validation."""

from datamodules.data_errors import DataError
from datamodules.seeding import mix
from resume.system.output import text


def split(stems: list[str], val_fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Split pairs into training and validation; a new file never moves another file to the other side.

    Each stem is assigned independently: it is for validation if its hash with the seed, scaled to [0, 1), is below
    `val_fraction`. If one side would be empty, it gets the one stem that is nearest to it.

    Args:
        stems: The names of the pairs; at least two.
        val_fraction: The approximate share of validation; between 0 and 1.
        seed: The seed of the split.

    Returns:
        The positions in `stems` for training and for validation, each in ascending order, neither of them empty.

    Raises:
        DataError: There are fewer than two stems.
    """
    if len(stems) < 2:
        raise DataError(
            text(
                "Too few pairs to split into training and validation: found {count}, expected at least 2. Add pairs, "
                "or set a separate validation set with --data.val_image_path and --data.val_gt_path."
            ).format(count=len(stems))
        )
    places = [mix(seed, "split", stem) / 2**63 for stem in stems]
    order = sorted(range(len(stems)), key=places.__getitem__)
    count = sum(place < val_fraction for place in places)
    count = min(max(count, 1), len(stems) - 1)
    return sorted(order[count:]), sorted(order[:count])
