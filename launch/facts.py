"""The settings that follow from the data: found once for a run, and kept in its configuration."""

from typing import Any

from launch.cli import TrainCLI
from launch.first_look import FirstLook
from launch.report import CheckProgress
from resume.system.output import say

# What networks call the number of channels of their input, and of their output.
_INPUTS = ("in_channels", "in_chans", "input_channels", "n_channels")
_OUTPUTS = ("out_channels", "classes", "num_classes", "n_classes")
_NETWORK = "model.network"
_RGB = 3


def find_facts(cli: TrainCLI, look: FirstLook) -> None:
    """Give each open setting of the data its value, and say each decision in one line.

    From here on the configuration holds the value, so that a resume decides nothing anew. The network's channels follow
    the data, unless they are set.

    Args:
        cli: The configuration, whose datamodule is asked.
        look: The first process of a launch looks, and the others take its values.

    Raises:
        DataError: The data do not say enough; the message says which flag decides.
    """
    found: dict[str, Any] = look.take("settings", lambda: _found(cli))
    cli.datamodule.take_facts(found)
    settings = cli.config.data.init_args
    for name in found.keys() & vars(settings).keys():  # a class of the user's own may have none of them
        settings[name] = found[name]
    _follow(cli)


def _found(cli: TrainCLI) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for fact in cli.datamodule.find_facts(_input_channels(cli), CheckProgress()):
        found |= fact.settings
        if fact.line:
            say(fact.line)
    return found


def _input_channels(cli: TrainCLI) -> int | None:
    """How many channels the network takes, if that is settled: because it is set, or it has no argument for it."""
    arguments = _arguments(cli)
    name = next((name for name in _INPUTS if name in arguments), None)
    if name is None:
        return _RGB
    value = arguments[name]
    return value if f"{_NETWORK}.{name}" in cli.given and isinstance(value, int) else None


def _follow(cli: TrainCLI) -> None:
    """Set the arguments of the network for its channels, where nobody has set them."""
    arguments, data = _arguments(cli), cli.datamodule
    for names, channels in ((_INPUTS, data.channels), (_OUTPUTS, data.num_classes)):
        for name in names:
            if name in arguments and f"{_NETWORK}.{name}" not in cli.given and channels is not None:
                # Of two classes, a network may return the logits of the foreground alone.
                arguments[name] = 1 if names is _OUTPUTS and channels == 2 and arguments[name] == 1 else channels


def _arguments(cli: TrainCLI) -> dict[str, Any]:
    network = cli.config.model.init_args.get("network")
    arguments = None if network is None else network.get("init_args")
    return {} if arguments is None else vars(arguments)
