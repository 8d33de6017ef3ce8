"""A configuration as plain values, which YAML can hold."""

from typing import Any

from jsonargparse import Namespace


def plain_values(dumped: Any, parsed: Any) -> Any:
    """The values of a configuration as plain values.

    Args:
        dumped: The values as jsonargparse writes them. It reads each text in a list or dict without a type as YAML once
            more, so that ['1'] becomes [1].
        parsed: The same values in the configuration.
    """
    if isinstance(parsed, Namespace):
        parsed = vars(parsed)
    if isinstance(dumped, dict) and isinstance(parsed, dict):
        return {key: plain_values(value, parsed.get(key, value)) for key, value in dumped.items()}
    if isinstance(dumped, list) and isinstance(parsed, list | tuple) and len(dumped) == len(parsed):
        return [plain_values(*pair) for pair in zip(dumped, parsed, strict=True)]
    return parsed if type(parsed) in (str, int, float, bool) else dumped
