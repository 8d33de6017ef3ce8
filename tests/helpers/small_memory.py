"""Programs with a small /dev/shm, as in a container; the system must permit a mount of one's own."""

import subprocess
from collections.abc import Sequence

import pytest


def with_shared_memory(size: str, command: Sequence[str]) -> list[str]:
    """The command that runs `command` with a /dev/shm of this size; skips the test where that is not permitted.

    Args:
        size: As mount takes it: `64k`.
        command: Program and arguments.
    """
    inside = f'mount -t tmpfs -o size={size} tmpfs /dev/shm && exec "$@"'
    start = ["unshare", "--mount", "sh", "-c", inside, "sh"]
    try:
        is_permitted = subprocess.run([*start, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        is_permitted = False
    if not is_permitted:
        pytest.skip("a mount of one's own is not permitted here")
    return [*start, *command]
