"""A real SLURM cluster of two nodes on this machine, in a folder of its own: daemons, ports, munge key and all."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

JOB_FILE = Path(__file__).resolve().parents[2] / "scripts" / "train.sbatch"
NODES = ("n1", "n2")
COMMANDS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol")
# On one machine all nodes have one name and one address. linuxproc finds a job's processes by their parents, for which
# no cgroups are needed; with cred_expire a job that is queued again may start after seconds instead of two minutes.
CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
JobRequeue=1
SlurmdTimeout=10
SchedulerParameters=sched_interval=2,batch_sched_delay=0
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE
"""
SECONDS_TO_START = 60


def why_not() -> str | None:
    """Why no cluster can be started here; None where one can."""
    if os.name == "nt" or os.geteuid() != 0:
        return "the daemons of SLURM need root"
    missing = [command for command in COMMANDS if _path_of(command) is None]
    return f"not installed: {', '.join(missing)} (Debian: slurm-wlm, munge)" if missing else None


def _path_of(command: str) -> str | None:
    return shutil.which(command, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


class CommandFailed(Exception):  # noqa: N818 - a refusal, which waiting can cure
    """A command of SLURM that ended with an error: what it said."""


class Cluster:
    """Two nodes of one core each; `stop` ends everything that `start` and the jobs began."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        # Nodes that no name server knows: Lightning would take the first one's name for the address of rank 0.
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SLURM_")},
            "SLURM_CONF": str(folder / "slurm.conf"),
            "MASTER_ADDR": "127.0.0.1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
        }

    def start(self) -> None:
        (self.folder / "state").mkdir(parents=True)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        (self.folder / "slurm.conf").write_text(
            CONFIG.format(
                host=socket.gethostname().partition(".")[0],
                ports=_free_ports(3),
                folder=self.folder,
            ),
            encoding="utf-8",
        )
        files = {"socket": "munge.socket", "pid-file": "munged.pid", "seed-file": "munge.seed", "log-file": "munge.log"}
        options = [f"--{option}={self.folder / name}" for option, name in files.items()]
        self._begin("munged", "--foreground", "--force", f"--key-file={key}", *options)
        self.wait_until("munge answers", (self.folder / "munge.socket").exists)
        self._begin("slurmctld", "-D", "-i")
        for node in NODES:
            self.start_node(node)
        self.wait_until("both nodes are idle", self._is_idle)

    def _begin(self, command: str, *arguments: str, name: str | None = None) -> None:
        path = _path_of(command)
        assert path is not None
        log = (self.folder / f"{name or command}.log").open("ab")
        with log:
            self._daemons[name or command] = subprocess.Popen(
                [path, *arguments], stdout=log, stderr=log, env=self.environment, start_new_session=True
            )

    def _is_idle(self) -> bool:
        return sorted(self.ask("sinfo", "-h", "-N", "-t", "idle", "-o", "%N").split()) == list(NODES)

    def start_node(self, node: str) -> None:
        self._begin("slurmd", "-D", "-N", node, name=node)

    def kill_node(self, node: str) -> None:
        """End a node's daemon and all that runs on it at once, as if it had lost its power."""
        daemon = self._daemons.pop(node)
        daemon.kill()
        daemon.wait()
        _kill(self._processes(node))

    def stop(self) -> None:
        """End all jobs, then all daemons; what does not end is killed."""
        with suppress(CommandFailed):  # of a cluster that has not come up
            self.ask("scancel", "--quiet", "--signal=KILL", "--full", f"--user={os.geteuid()}")
        for daemon in reversed(self._daemons.values()):
            daemon.terminate()
        for daemon in reversed(self._daemons.values()):
            try:
                daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._daemons.clear()
        _kill(self._processes())

    def _processes(self, node: str = "") -> set[int]:
        """What runs in this cluster's jobs, on one node or on all, with SLURM's own process above it."""
        marks = {
            f"SLURM_CONF={self.folder}/slurm.conf".encode(),
            *([f"SLURMD_NODENAME={node}".encode()] if node else []),
        }
        found = set()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if marks <= set((folder / "environ").read_bytes().split(b"\0")):
                    found |= {int(folder.name), *_step_above(folder)}
        return found - {os.getpid()}

    def submit(
        self, folder: Path, *words: str, job_file: Path = JOB_FILE, environment: dict[str, str] | None = None
    ) -> "Job":
        """Send a job from a folder: the words before `--` are for sbatch, those behind it for train.py."""
        place = words.index("--")
        command = ["sbatch", "--parsable", "--cpus-per-task=1", f"--output={folder}/%A.log", *words[:place]]
        command += [str(job_file), *words[place + 1 :]]
        return Job(self, folder, self.ask(*command, folder=folder, **(environment or {})).strip())

    def ask(self, *command: str, folder: Path | None = None, **environment: str) -> str:
        """What a command of SLURM prints.

        Raises:
            CommandFailed: It ended with an error.
        """
        done = subprocess.run(
            command,
            cwd=folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise CommandFailed(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def wait_until(self, what: str, is_so: Callable[[], bool], seconds: float = SECONDS_TO_START) -> None:
        """Wait; a controller that does not answer yet, or is busy, is asked again."""
        end = time.monotonic() + seconds
        said = ""
        while time.monotonic() < end:
            try:
                if is_so():
                    return
            except CommandFailed as failure:
                said = str(failure)
            time.sleep(0.2)
        raise TimeoutError(f"{what}: not within {seconds} s; see the logs in {self.folder}. {said}")


class Job:
    """A job that was sent from a folder; `task` is one of an array of jobs."""

    def __init__(self, cluster: Cluster, folder: Path, number: str) -> None:
        self._cluster = cluster
        self.folder = folder
        self.number = number

    def task(self, number: int) -> "Job":
        return Job(self._cluster, self.folder, f"{self.number}_{number}")

    @property
    def log(self) -> str:
        path = self.folder / f"{self.number.partition('_')[0]}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def fact(self, name: str) -> str:
        """What SLURM says of the job: JobState, ExitCode, Restarts, ..."""
        shown = self._cluster.ask("scontrol", "show", "job", "--oneliner", self.number)
        return dict(word.partition("=")[::2] for word in shown.split())[name]

    def signal(self, name: str) -> None:
        self._cluster.ask("scancel", f"--signal={name}", self.number)

    def requeue(self) -> None:
        self._cluster.ask("scontrol", "requeue", self.number)

    def wait_until(self, what: str, is_so: Callable[[], bool], seconds: float = 120) -> None:
        try:
            self._cluster.wait_until(what, is_so, seconds)
        except TimeoutError as error:
            state = self._cluster.ask("scontrol", "show", "job", self.number)
            raise AssertionError(f"{error}\n{state}{self.log}") from None

    def wait_until_held(self, processes: int = 2) -> None:
        """Wait until each of its processes holds, as `HoldUntilSignal` makes it."""
        self.wait_until("held in training", lambda: len(list(self.folder.glob("held_*"))) == processes)

    def wait_for_end(self, seconds: float = 120) -> str:
        """Wait until the job is over, and not to be queued again; returns its state."""
        over = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL")
        self.wait_until("the end of the job", lambda: self.fact("JobState") in over, seconds)
        return self.fact("JobState")


def _step_above(folder: Path) -> set[int]:
    """The slurmstepd that started a process; its own environment is overwritten by its title."""
    parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    title = Path(f"/proc/{parent}/cmdline").read_bytes()
    return {parent} if title.startswith(b"slurmstepd") else set()


def _kill(processes: set[int]) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
