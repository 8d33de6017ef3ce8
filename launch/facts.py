"""The settings that follow from the data: found once for a run, and kept in its configuration."""

from launch.cli import TrainCLI
from resume.system.output import say


def find_facts(cli: TrainCLI) -> None:
    """Give each open setting of the data its value, and say each decision in one line.

    From here on the configuration holds the value, so that a resume decides nothing anew.

    Raises:
        DataError: The data do not say enough; the message says which flag decides.
    """
    settings = cli.config.data.init_args
    for fact in cli.datamodule.find_facts():
        for name in fact.settings.keys() & vars(settings).keys():  # a class of the user's own may have none of them
            settings[name] = fact.settings[name]
        if fact.line:
            say(fact.line)
