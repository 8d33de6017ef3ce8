"""Symbolic links that lead to the same file from two folders."""

import os
from pathlib import Path


def links_to_mend(folder: Path, names: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Symbolic links whose paths hold only in the folder in which they are, each with its path and a better one.

    A path from the root, or the name of a file that moves too, holds in both folders. Such a link is mended before it
    moves. A kill in between therefore leaves no broken link.
    """
    here = folder.resolve()
    links: dict[str, tuple[str, str]] = {}
    for name in names:
        if not (folder / name).is_symlink():
            continue
        before = os.readlink(folder / name)  # noqa: PTH115 - Path.readlink() normalises the path
        goal = here / before
        # Resolve only the folders: the goal may itself be a link, to be followed when the file is opened.
        goal = Path(os.path.realpath(goal.parent)) / goal.name
        if goal.is_symlink() and not (goal.parent == here and goal.name in names):
            goal = Path(os.path.realpath(goal))  # a link that is not moved may lead to a file that is moved
        anywhere = goal.name if goal.parent == here and goal.name in names else str(goal)
        if anywhere != before:
            links[name] = (before, anywhere)
    return links
