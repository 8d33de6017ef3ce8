import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from resume.system import pids
from resume.system.pids import start_of

STARTS = [start_of]
if os.name == "posix":
    STARTS.append(pids._start_by_ps)


@pytest.mark.parametrize("start", STARTS)
def test_a_process_keeps_its_mark_and_loses_it_with_its_end(start: Callable[[int], str | None]) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        first = start(process.pid)
        assert first is not None
        assert start(process.pid) == first
        process.communicate()
    assert start(process.pid) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no zombies")
@pytest.mark.parametrize("start", STARTS)
def test_a_process_that_has_ended_and_waits_for_its_parent_does_not_run(start: Callable[[int], str | None]) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert start(child) is None
    os.waitpid(child, 0)
