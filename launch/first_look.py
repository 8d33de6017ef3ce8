"""What the first process of a launch finds in the data, and all others take: no two read a folder differently."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from launch.agreement import outline, refuse_disagreement
from launch.meeting import Meeting
from launch.meeting_place import Place
from resume.decision import Decision
from resume.handoff import found_handed_on
from resume.system.launch_info import Launch


class FirstLook:
    """One look at the data for all processes of a launch.

    Args:
        handed_on: What the process that started this one has found, by name.
        meeting: Where the processes of torchrun or SLURM meet; None: this process looks for itself.

    Attributes:
        found: What was found so far, by name, as JSON holds it.
    """

    def __init__(self, handed_on: Mapping[str, Any] | None = None, meeting: Meeting | None = None) -> None:
        self._handed_on = handed_on or {}
        self._meeting = meeting
        self.found: dict[str, Any] = {}

    def take(self, name: str, look: Callable[[], Any]) -> Any:
        """What the first process finds; it alone looks.

        Args:
            name: Of what is looked for; all processes take the same things, in one order.
            look: Finds it; the result must be one that JSON can hold.

        Raises:
            DataError: In the process that looks, what `look` raises.
            LostFirstError: The first process is lost.
            SystemExit: The first process has ended with this exit code, and has reported why.
        """
        if name in self._handed_on:
            value = self._handed_on[name]
        elif self._meeting is None or self._meeting.is_first:
            value = json.loads(json.dumps(look()))
            if self._meeting is not None:
                self._meeting.say(value)
        else:
            value = self._meeting.hear()
        self.found[name] = value
        return value


@contextmanager
def first_look(plugins: object, decision: Decision, launch: Launch) -> Iterator[FirstLook]:
    """Within the block, one process of a launch looks at the data for all.

    Processes of other launchers than torchrun and SLURM look for themselves; `ProcessGroup` compares what they found.

    Args:
        plugins: Those of the configuration, which may bring an environment of another launcher.
        decision: What this process would do. What is found for one configuration does not fit another one.
        launch: What started this process.

    Raises:
        ResumeError: In the first process, the processes would not do the same.
    """
    handed_on = found_handed_on(launch)
    place = None if handed_on is not None else Place.of(plugins, launch)
    if place is None:
        yield FirstLook(handed_on)
        return
    with Meeting(place, launch) as meeting:
        planned = meeting.gather((launch.process_name, outline(decision)))
        if planned:
            refuse_disagreement(planned)
        yield FirstLook(meeting=meeting)
