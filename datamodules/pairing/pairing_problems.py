"""Messages about files that do not form pairs."""

from collections.abc import Sequence
from pathlib import Path

from datamodules.data_errors import bullet_list, most_listed, short_list
from datamodules.pairing.joining import Joined
from datamodules.pairing.name_patterns import Rule
from datamodules.pairing.packed_names import Indices, PackedNames
from resume.system.output import plural, text

_SHOWN = 10  # files of one kind


def double_problem(paths: tuple[str, str], names: tuple[PackedNames, PackedNames], joined: Joined) -> str:
    """Say which files of a side have the same key."""
    lines = []
    for path, files, doubles in zip(paths, names, (joined.double_images, joined.double_gts), strict=True):
        if not doubles:
            continue
        problem = plural(
            "{count} name occurs twice, so the file to use is unclear:",
            "{count} names occur twice, so the files to use are unclear:",
            len(doubles),
        )
        shown = [_both(files, indices) for indices in doubles[: most_listed(_SHOWN, len(doubles))]]
        shown += [""] * (len(doubles) - len(shown))  # counted
        lines.append(f"{path}: {problem}\n{bullet_list(shown, _SHOWN)}")
    return "\n".join([*lines, text("Keep one file of each name.")])


def _counted(names: PackedNames) -> list[str]:
    """The names that are shown, and an empty text for each further one."""
    shown = names.first(most_listed(_SHOWN, len(names)))
    return [*shown, *[""] * (len(names) - len(shown))]


def _both(files: PackedNames, indices: Indices) -> str:
    first, second = (files[int(index)] for index in indices[:2])
    return text("{first} and {second}").format(first=first, second=second)


def single_problem(paths: tuple[str, str], names: tuple[PackedNames, PackedNames], rule: Rule, complete: int) -> str:
    """Say which files have no partner.

    Args:
        paths: The folders of images and of ground truth.
        names: The files of each that have none.
        rule: What pairs the others.
        complete: How many pairs it gives.
    """
    images, gts = (_counted(some) for some in names)
    lines = []
    if images:
        problem = plural("{count} image without ground truth:", "{count} images without ground truth:", len(images))
        lines.append(f"{paths[0]}: {problem}\n{bullet_list(images)}")
    if gts:
        problem = plural(
            "{count} ground truth file without an image:", "{count} ground truth files without an image:", len(gts)
        )
        lines.append(f"{paths[1]}: {problem}\n{bullet_list(gts)}")
    lines.append(plural("{count} pair is complete.", "{count} pairs are complete.", complete))
    lines.append(
        text(
            "They were paired by the rule {image_pattern} with {gt_pattern}; upper and lower case differ. For another "
            'rule: --data.image_pattern and --data.gt_pattern, such as "{{stem}}.*" and "{{stem}}_mask.*"; for a table '
            "that names all pairs: --data.pairs FILE. To leave these files out: --data.allow_unpaired true"
        ).format(image_pattern=rule.image_pattern, gt_pattern=rule.gt_pattern)
    )
    return "\n".join(lines)


def two_rules_problem(folders: Sequence[str], examples: Sequence[tuple[Rule, tuple[str, str]]]) -> str:
    """Say which rules pair different images.

    Args:
        folders: Where.
        examples: Each rule with an image and its ground truth.
    """
    lines = [text("The names in {folders} follow two rules, each for other images:").format(folders=", ".join(folders))]
    line = text('{image} with {gt}: --data.image_pattern "{image_pattern}" --data.gt_pattern "{gt_pattern}"')
    lines += ["  - " + line.format(image=image, gt=gt, **rule._asdict()) for rule, (image, gt) in examples]
    lines.append(
        text("Use one of them, rename the files of the other, or name all pairs in a table: --data.pairs FILE")
    )
    return "\n".join(lines)


def kinds_problem(folder: str, image_path: str, kinds: Sequence[str]) -> str:
    """Say that folders hold several kinds of ground truth for the same images.

    Args:
        folder: Where.
        image_path: The folder of the images.
        kinds: The folders below `folder`.
    """
    return text(
        "{folder} holds several kinds of ground truth for the same images, each in a folder of its own: {kinds}. Name "
        "the one to use, such as --image_path {image_path} --gt_path {first}"
    ).format(
        folder=folder,
        kinds=short_list(kinds, limit=_SHOWN),
        image_path=quoted(image_path),
        first=quoted(str(Path(folder, kinds[0]))),
    )


def quoted(path: str) -> str:
    """A path as it is typed in a shell."""
    return f'"{path}"' if " " in path else path


def one_folder_problem(folder: str, files: PackedNames) -> str:
    """Say that nothing in the names of a folder says what is an image."""
    return text(
        "{folder} is the folder of both the images and the ground truth, and their names do not say which is which: "
        '{examples}. Say it with --data.image_pattern and --data.gt_pattern, such as "{{stem}}.*" and '
        '"{{stem}}_mask.*", or name all pairs in a table: --data.pairs FILE'
    ).format(folder=folder, examples=", ".join(files.first(4)))
