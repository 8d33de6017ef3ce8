"""Whether a resume could read the pickle that torch.save has just written here."""

import re

from resume.checkpoints.allowed_globals import ALLOWED_GLOBALS
from resume.checkpoints.pickle_check import MAX_PICKLE_BYTES, require_harmless

# What looks like the operation GLOBAL, at whatever byte: within a name, there may be further ones.
_REFERENCES = re.compile(rb"(?=c([\w.<>]+)\n([\w.<>]+)\n)")


def require_readable(data: bytes) -> None:
    """See that a pickle is not too large and refers only to what a resume reads (15 ms for 1000 weights).

    `require_harmless`, which a resume uses, takes 0.5 s for them. Here, it decides only where something looks wrong.

    Raises:
        UnreadableError: No resume would read it.
    """
    names = {f"{module.decode()}.{name.decode()}" for module, name in _REFERENCES.findall(data)}
    allowed = all(any(known.endswith(name) for known in ALLOWED_GLOBALS) for name in names)
    if not allowed or len(data) > MAX_PICKLE_BYTES:
        require_harmless(data)
