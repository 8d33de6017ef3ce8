"""Whether a network does what the task needs."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from resume.system.output import ExplainedError, text


class NetworkError(ExplainedError):
    """The network does not fit the task, or the settings of the module are wrong; the message says what is expected."""


def check_logits(network: nn.Module, logits: object, image: Tensor, num_classes: int) -> None:
    """Check the output of a network.

    Args:
        network: The network, for the message.
        logits: What it returned.
        image: What it got, ``(B, 3, H, W)``.
        num_classes: Number of classes, including the background.

    Raises:
        NetworkError: The output is not floating-point logits ``(B, num_classes, H, W)``, or ``(B, 1, H, W)`` for two
            classes.
    """
    size = tuple(image.shape[-2:])
    channels = [1, 2] if num_classes == 2 else [num_classes]
    shapes = [(len(image), count, *size) for count in channels]
    if isinstance(logits, Tensor):
        if tuple(logits.shape) in shapes and logits.is_floating_point():
            return
        output = f"{tuple(logits.shape)}, {logits.dtype}"
    else:
        keys = f" ({', '.join(map(str, logits))})" if isinstance(logits, dict) else ""
        output = f"{type(logits).__name__}{keys}"
    message = text(
        "{network} returns {output}; expected floating-point logits of shape {shapes} (num_classes {num_classes})."
    )
    shown, name = " / ".join(map(str, shapes)), type(network).__name__
    raise NetworkError(message.format(network=name, output=output, shapes=shown, num_classes=num_classes))


def check_weights(network: nn.Module) -> None:
    """Check that training can begin from the weights of a network, as it cannot from memory that nobody has written.

    Raises:
        NetworkError: A weight that is to be trained is NaN or infinite.
    """
    for name, weight in network.named_parameters():
        if weight.requires_grad and not is_lazy(weight) and not weight.isfinite().all():
            message = text("{network}: the weight {name} is not finite before training. Initialise it, or freeze it.")
            raise NetworkError(message.format(network=type(network).__name__, name=name))


@contextmanager
def preserved(network: nn.Module) -> Iterator[None]:
    """Restore modes and buffers after the block."""
    modes = {module: module.training for module in network.modules()}
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers() if not is_lazy(buffer)}
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
        for name, buffer in network.named_buffers():
            if name in buffers:
                buffer.copy_(buffers[name])
