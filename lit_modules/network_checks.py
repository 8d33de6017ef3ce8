"""Whether a network does what the task needs."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.parameter import is_lazy

from resume.system.output import ExplainedError, text


class NetworkError(ExplainedError):
    """The network does not fit the task, or the settings of the module are wrong; the message says what is expected."""


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
