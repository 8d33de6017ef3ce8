"""Whether this user's program has written the configuration of a checkpoint: signed with the user's key (HMAC)."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from resume.checkpoints.run_config import settings_of
from resume.checkpoints.run_entry import RunEntry
from resume.system.errors import UnreadableError
from resume.system.user_key import user_key

_PURPOSE = "the configuration of a run, 1"


def signed(entry: RunEntry) -> RunEntry:
    """The entry with a signature over run, configuration and trusted names; with an empty one where there is no key."""
    try:
        settings = settings_of(entry.config)
    except UnreadableError:  # larger than a resume reads
        return replace(entry, signature="")
    return replace(entry, signature=_signature(entry.run_id, settings, entry.trusted))


def is_signed(run_id: str, settings: Mapping[str, Any], trusted: Iterable[str], signature: str) -> bool:
    """Whether a signature was made with the key of this user.

    Args:
        run_id: The run of the checkpoint.
        settings: Its configuration, read.
        trusted: The names that it calls trusted.
        signature: Its signature.
    """
    expected = _signature(run_id, settings, trusted) if signature else ""
    return bool(expected) and hmac.compare_digest(expected.encode(), signature.encode())


def _signature(run_id: str, settings: Mapping[str, Any], trusted: Iterable[str]) -> str:
    key = user_key()
    if key is None:
        return ""
    content = json.dumps([_PURPOSE, run_id, _canonical(settings), sorted(trusted)])
    return hmac.new(key, content.encode("ascii"), hashlib.sha256).hexdigest()


def _canonical(value: Any) -> Any:
    """The value with each dict as its sorted pairs, whose keys need not be texts; their order does not matter."""
    if isinstance(value, Mapping):
        return {"pairs": sorted([repr(key), _canonical(item)] for key, item in value.items())}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return value if value is None or isinstance(value, str | bool | int | float) else repr(value)
