"""Folders of shards for tests, made without torch: whole as far as names and the description go."""

from pathlib import Path

from tests.helpers import run_files


def save_shards(folder: Path, epoch: int, /, *, is_whole: bool = True) -> Path:
    """Write a folder of shards as a run saves it after `epoch`; one that is not whole lacks its table."""
    folder.mkdir(parents=True)
    run_files.save(folder / "meta.pt", epoch)
    (folder / "__0_0.distcp").write_bytes(b"shard")
    if is_whole:
        (folder / ".metadata").write_bytes(b"table")
    return folder
