import io
from pathlib import Path

import pytest

from resume.menu.audience import audience
from resume.system.launch_info import Launch
from resume.system.output import set_language


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _in_english() -> None:
    set_language("en")


def audience_in(monkeypatch: pytest.MonkeyPatch, **environ: str) -> tuple[str, str]:
    for variable in ("TERM", "PYCHARM_HOSTED"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    return audience(Launch.from_environment(environ))


def at(monkeypatch: pytest.MonkeyPatch, stdin: object, stdout: object) -> None:
    monkeypatch.setattr("sys.stdin", stdin)
    monkeypatch.setattr("sys.stdout", stdout)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"TERM": "xterm"},
        {
            "SLURM_JOB_ID": "7",
            "SLURM_NTASKS": "1",
            "SLURM_PROCID": "0",
            "SLURM_PTY_PORT": "4000",
        },  # --pty
        {"SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "1"},  # srun --pty in a larger allocation
        {"WORLD_SIZE": "1"},
        {"PYCHARM_HOSTED": "1"},  # its terminal, or its console emulating one
    ],
)
def test_a_person_at_a_terminal_gets_the_menu(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    at(monkeypatch, Terminal(), Terminal())
    assert audience_in(monkeypatch, **environ) == ("menu", "")


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"LOCAL_RANK": "0"}, "LOCAL_RANK"),
        ({"RANK": "1"}, "RANK"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE"),
        ({"TORCHELASTIC_RUN_ID": "none"}, "TORCHELASTIC_RUN_ID"),
        ({"GROUP_RANK": "0"}, "GROUP_RANK"),
        ({"OMPI_COMM_WORLD_SIZE": "4"}, "OMPI_COMM_WORLD_SIZE"),
        ({"SLURM_NTASKS": "2"}, "a SLURM job of 2 tasks"),
        ({"SLURM_NTASKS": "1", "SLURM_STEP_NUM_TASKS": "3"}, "a SLURM job of 3 tasks"),
    ],
)
def test_one_of_several_processes_is_never_asked(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], reason: str
) -> None:
    at(monkeypatch, Terminal(), Terminal())
    who, why = audience_in(monkeypatch, **environ, PYCHARM_HOSTED="1")
    assert who == "nobody"
    assert reason in why


def test_pycharms_run_console_is_asked_by_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, io.StringIO(), io.StringIO())
    assert audience_in(monkeypatch, PYCHARM_HOSTED="1") == ("lines", "")


def test_idle_is_asked_by_lines_although_it_claims_to_be_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, Terminal(), Terminal())
    monkeypatch.setitem(__import__("sys").modules, "idlelib.run", object())
    assert audience_in(monkeypatch) == ("lines", "")


def test_a_terminal_without_cursor_keys_is_asked_by_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, Terminal(), Terminal())
    assert audience_in(monkeypatch, TERM="dumb") == ("lines", "")


def closed_stream() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stdin", [io.StringIO(), closed_stream(), None, object()])
def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, stdin: object) -> None:
    at(monkeypatch, stdin, Terminal())
    assert audience_in(monkeypatch) == ("nobody", "input or output is not a terminal")


def test_with_output_into_a_file_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        at(monkeypatch, Terminal(), log)
        assert audience_in(monkeypatch)[0] == "nobody"
