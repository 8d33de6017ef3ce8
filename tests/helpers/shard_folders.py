"""Folders of shards for tests, made without torch: whole as far as names and the description go."""

from pathlib import Path

from tests.helpers import checkpoint_folders


def save_shards(folder: Path, epoch: int, /, *, is_whole: bool = True) -> Path:
    """Write a folder of shards as a run saves it after `epoch`; one that is not whole lacks its table."""
    folder.mkdir(parents=True)
    parts = {"meta.pt": b"description", ".metadata": b"table"}
    for name, content in parts.items():
        if is_whole or name == "meta.pt":
            (folder / name).write_bytes(content)
    (folder / "__0_0.distcp").write_bytes(b"shard")
    (folder / "run.json").write_bytes(checkpoint_folders.run_json(checkpoint_folders.facts(epoch), parts))
    return folder
