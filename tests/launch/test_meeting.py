"""What processes do that wait for the first one of their launch: what it says, its end, its loss, its absence."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch.distributed import PrefixStore  # type: ignore[attr-defined]

import launch.meeting
import launch.meeting_place
from datamodules.data_errors import DataError
from launch.first_look import FirstLook
from launch.meeting import Meeting, MissingProcessError
from launch.meeting_place import LostFirstError, MeetingError, Place
from resume.system.launch_info import SHELL, Launch

OTHER = Launch(is_first=False)
TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_USE_AGENT_STORE": "True", "WORLD_SIZE": "2", "RANK": "1"}
TORCHRUN |= {"MASTER_ADDR": "node1", "MASTER_PORT": "29500"}
# The store of a first process, without its imports.
HOST = """
import sys
from torch.distributed import PrefixStore, TCPStore
store = TCPStore("127.0.0.1", int(sys.argv[1]), is_master=True, wait_for_workers=False)
PrefixStore("a test", store).set("0", '{"value": 1}')
sys.stdin.read()
"""


@pytest.fixture
def place() -> Place:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return Place("127.0.0.1", free.getsockname()[1], True, "a test", 2)


@pytest.fixture
def first(place: Place) -> Iterator["subprocess.Popen[bytes]"]:
    """A first process that has said one thing."""
    with subprocess.Popen([sys.executable, "-c", HOST, str(place.port)], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def hear_in_thread(place: Place, heard: list[object]) -> threading.Thread:
    def hear() -> None:
        try:
            with Meeting(place, OTHER) as meeting:
                assert meeting.gather("resume") == []
                while True:
                    heard.append(FirstLook(meeting=meeting).take("settings", lambda: pytest.fail("it has looked")))
        except SystemExit as end:
            heard.append(end.code)

    thread = threading.Thread(target=hear)
    thread.start()
    return thread


def test_the_others_take_what_the_first_finds_and_end_as_it_ends(place: Place) -> None:
    heard: list[object] = []
    waiting = hear_in_thread(place, heard)

    def look() -> None:
        with Meeting(place, SHELL) as meeting:
            assert meeting.gather("new run") == ["new run", "resume"]
            look = FirstLook(meeting=meeting)
            assert look.take("settings", lambda: {"names": ("a", "b")}) == {"names": ["a", "b"]}
            look.take("skipped", lambda: [2**62])
            raise DataError("a file is cut short")

    with pytest.raises(DataError):
        look()
    waiting.join()
    assert heard == [{"names": ["a", "b"]}, [2**62], 2]


def test_a_first_process_that_is_killed_is_missed(first: "subprocess.Popen[bytes]", place: Place) -> None:
    with Meeting(place, OTHER) as meeting:
        assert meeting.hear() == 1
        first.kill()
        with pytest.raises(LostFirstError, match="cannot be reached any more"):
            meeting.hear()


def test_a_first_process_that_falls_silent_is_given_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.meeting, "_SECONDS_BETWEEN_BEATS", 0.1)
    monkeypatch.setattr(launch.meeting, "_SECONDS_OF_SILENCE", 0.3)
    PrefixStore(place.start, launch.meeting_place.open_store(place, True)).add("beats", 1)
    with Meeting(place, OTHER) as meeting, pytest.raises(LostFirstError, match="cannot be reached any more"):
        meeting.hear()


@pytest.mark.parametrize("has_store", [False, True])
def test_a_first_process_that_does_not_come_is_not_waited_for_without_end(
    place: Place, monkeypatch: pytest.MonkeyPatch, has_store: bool
) -> None:
    monkeypatch.setattr(launch.meeting, "_SECONDS_BETWEEN_BEATS", 0.1)
    for module in (launch.meeting, launch.meeting_place):
        monkeypatch.setattr(module, "SECONDS_TO_COME", 0.4)
    if has_store:
        launch.meeting_place.open_store(place, True)  # as torchrun's, which is there before its workers
    with (
        pytest.raises(LostFirstError, match=rf"has not come to 127\.0\.0\.1:{place.port}"),
        Meeting(place, OTHER) as meeting,
    ):
        meeting.hear()


def test_the_first_process_does_not_wait_without_end_for_one_that_does_not_come(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch.meeting, "SECONDS_TO_COME", 0.3)
    monkeypatch.setattr(launch.meeting, "_SECONDS_TO_LEAVE", 0.1)
    with pytest.raises(MissingProcessError, match="Only 1 of the 2 processes"), Meeting(place, SHELL) as meeting:
        meeting.gather("resume")


@pytest.mark.parametrize(("who", "reason"), [(SHELL, "EADDRINUSE|in use"), (OTHER, "no answer")])
def test_a_port_that_another_program_uses_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch, who: Launch, reason: str
) -> None:
    monkeypatch.setattr(launch.meeting_place, "_SECONDS_TO_ANSWER", 1.0)
    with (
        socket.create_server((place.host, place.port)),
        pytest.raises(MeetingError, match=f"cannot meet at {place} .*({reason}).*MASTER_PORT"),
        Meeting(place, who),
    ):
        pass


def test_a_place_has_a_name_for_each_restart_of_one_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    assert TorchElasticEnvironment.detect()
    places = [
        Place.of(None, Launch.from_environment({**TORCHRUN, **more}))
        for more in ({}, {"TORCHELASTIC_RESTART_COUNT": "1"}, {"TORCHELASTIC_USE_AGENT_STORE": "False"})
    ]
    start, restart, own_store = places
    assert start is not None
    assert restart is not None
    assert own_store is not None
    assert (str(start), start.size, start.is_hosted, own_store.is_hosted) == ("node1:29500", 2, False, True)
    assert start.start != restart.start


@pytest.mark.parametrize("environ", [{}, {"WORLD_SIZE": "1"}])
def test_a_process_without_others_or_with_plugins_of_its_own_looks_for_itself(environ: dict[str, str]) -> None:
    assert Place.of(None, Launch.from_environment(environ)) is None
    assert Place.of(["own.Environment"], Launch.from_environment(TORCHRUN)) is None
