"""What networks return: logits, or a dict of them as those of torchvision."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lit_modules.network_checks import NetworkError
from resume.system.output import text


class Logits(NamedTuple):
    """The logits of a network, float (B, num_classes, H, W).

    Attributes:
        main: Those that are the result.
        auxiliary: Those of a second head, which is only trained; None if the network has none.
    """

    main: Tensor
    auxiliary: Tensor | None = None


def read_output(network: nn.Module, output: object, image: Tensor, num_classes: int) -> Logits:
    """Find the logits in what a network has returned.

    Args:
        network: The network, for the message.
        output: Logits ``(B, C, H, W)``, or a dict with such logits as ``out`` and, if it has a second head, as ``aux``.
            C is num_classes; if that is 2, C may be 1, and the logits are those of the foreground.
        image: What it got, ``(B, channels, H, W)``.
        num_classes: Number of classes, including the background.

    Raises:
        NetworkError: The output is anything else.
    """
    parts: dict[str, Any] = output if isinstance(output, dict) else {"out": output}
    channels = [1, 2] if num_classes == 2 else [num_classes]
    shapes = [(len(image), count, *image.shape[-2:]) for count in channels]
    if "out" not in parts or parts.keys() - {"out", "aux"} or not all(_fits(part, shapes) for part in parts.values()):
        message = text(
            "{network} returns {output}; expected floating-point logits of shape {shapes} (num_classes {num_classes}), "
            "or a dict that has them as out, and as aux if there is a second head."
        )
        shown, name = " / ".join(map(str, shapes)), type(network).__name__
        raise NetworkError(message.format(network=name, output=_shown(output), shapes=shown, num_classes=num_classes))
    return Logits(*(_of_all_classes(parts[name], num_classes) for name in ("out", "aux") if name in parts))


def _fits(part: object, shapes: list[tuple[int, ...]]) -> bool:
    return isinstance(part, Tensor) and tuple(part.shape) in shapes and part.is_floating_point()


def _of_all_classes(logits: Tensor, num_classes: int) -> Tensor:
    """Also if the network returns those of the foreground only: the rest of the module needs one form."""
    # Probabilities, loss and gradients are those of a sigmoid.
    return logits if logits.shape[1] == num_classes else torch.cat([torch.zeros_like(logits), logits], dim=1)


def _shown(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)}, {value.dtype}"
    if isinstance(value, dict):
        return f"{type(value).__name__} ({', '.join(f'{name}: {_shown(part)}' for name, part in value.items())})"
    return type(value).__name__
