"""A whole Slurm on this machine: munge, MariaDB, slurmdbd, slurmctld and some nodes, all in one folder; no systemd."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES = "slurmctld slurmd slurmdbd slurm-client munge mariadb-server"
PROGRAMS = ("munged", "mariadbd", "mariadb-install-db", "slurmdbd", "slurmctld", "slurmd", "sbatch")
MARK = "LAYERCURV_TEST_DAEMON"  # tells a node's daemon, and what it starts, from those of other nodes
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

SLURM_CONF = """
ClusterName=layercurv
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/spool-%n
SlurmdPidFile={folder}/%n.pid
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_min_interval=100000,bf_interval=1
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={database_port}
AccountingStoragePass={folder}/munge/socket
JobAcctGatherType=jobacct_gather/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
# What a cluster counts in minutes is seconds here.
SlurmdTimeout=8
KillWait=3
InactiveLimit=0
MinJobAge=300
ReturnToService=2
"""
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1\n"
PARTITIONS = """
PartitionName=low Nodes=ALL Default=YES MaxTime=60 PriorityTier=1
PartitionName=high Nodes=ALL MaxTime=60 PriorityTier=2 PreemptMode=OFF
"""
SLURMDBD_CONF = """
AuthInfo=socket={folder}/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={database_port}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
LogFile={folder}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm
"""


def missing() -> str | None:
    """Say why no Slurm can be started here, or None."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=SYSTEM_PATH) is None]
    if absent:
        return f"{', '.join(absent)} not found: apt-get install --no-install-recommends {PACKAGES}"
    return None if os.geteuid() == 0 else "the daemons of a test's Slurm are started as root"


def wait_for(condition, what: str, limit_s: float = 60.0):
    """Call until the answer is true, and return it."""
    deadline = time.monotonic() + limit_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit_s:.0f} s")
        time.sleep(0.2)
    return answer


def free_ports(n: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@dataclass
class Slurm:
    """A cluster of one-core nodes that lives in one folder; a context manager."""

    folder: Path
    nodes: tuple[str, ...] = ("n1", "n2", "n3")
    daemons: dict[str, subprocess.Popen] = field(default_factory=dict)
    seen_waiting: dict[str, float] = field(default_factory=dict)  # requeued job to when

    @property
    def environment(self) -> dict[str, str]:
        """What every command needs to find this cluster."""
        return os.environ | {
            "SLURM_CONF": f"{self.folder}/slurm.conf",
            "MYSQL_UNIX_PORT": f"{self.folder}/mariadb.socket",
            "PATH": f"{os.environ['PATH']}:{SYSTEM_PATH}",
        }

    def __enter__(self) -> "Slurm":
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_settings()
        try:
            self._start_database()
            self.start("slurmctld", "slurmctld", "-D", "-i")
            wait_for(lambda: "UP" in self.ask("scontrol", "ping", check=False), "slurmctld")
            for name in self.nodes:
                self.start_node(name)
            wait_for(lambda: self.node_states() == {"idle"}, "all nodes")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.daemons.values()):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

        for pid in self.processes_with(f"SLURM_CONF={self.folder}/slurm.conf"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def start(self, name: str, *command: str) -> None:
        """Start a daemon in the foreground, its words in a file."""
        environment = self.environment | {MARK: name}
        with (self.folder / f"{name}.out").open("a") as stream:
            self.daemons[name] = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)

    def start_node(self, name: str) -> None:
        self.start(name, "slurmd", "-D", "-N", name)

    def lose_node(self, name: str) -> None:
        """Kill a node's daemon and all that runs there, at once, as if the power went."""
        for pid in [*self.processes_with(f"{MARK}={name}"), *self.processes_with(f"SLURMD_NODENAME={name}")]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.daemons[name].wait()

    def processes_with(self, variable: str) -> list[int]:
        """Processes of this cluster whose environment holds "NAME=value"."""
        wanted = {variable.encode(), f"SLURM_CONF={self.folder}/slurm.conf".encode()}
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if wanted <= set((entry / "environ").read_bytes().split(b"\0")):
                    found.append(int(entry.name))
        return found

    def ask(self, *command: str, check: bool = True) -> str:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr}")
        return done.stdout.strip()

    def node_states(self) -> set[str]:
        return set(self.ask("sinfo", "-h", "-p", "low", "-N", "-o", "%T").split())

    def begin_now(self) -> None:
        """Spare what was requeued most of the two minutes that Slurm lets it wait.

        Not all: in the second of its end a job's credential is revoked, and a new one of that second with it.
        """
        for job in self.ask("squeue", "-h", "-t", "PD", "-o", "%i %r").splitlines():
            name, _, reason = job.partition(" ")
            if reason == "BeginTime" and time.monotonic() - self.seen_waiting.setdefault(job, time.monotonic()) > 3:
                del self.seen_waiting[job]  # it may be requeued again
                self.ask("scontrol", "update", f"jobid={name}", "starttime=now")

    def _write_settings(self) -> None:
        controller, database, *ports = free_ports(2 + len(self.nodes))
        host = socket.gethostname()
        names = {"host": host, "folder": self.folder, "controller_port": controller, "database_port": database}
        nodes = "".join(
            NODE.format(name=name, host=host, port=port) for name, port in zip(self.nodes, ports, strict=True)
        )
        (self.folder / "slurm.conf").write_text(SLURM_CONF.format(**names) + nodes + PARTITIONS)
        (self.folder / "slurmdbd.conf").write_text(SLURMDBD_CONF.format(**names))
        (self.folder / "slurmdbd.conf").chmod(0o600)
        (self.folder / "munge").mkdir(mode=0o755, exist_ok=True)
        key = self.folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)

    def _start_database(self) -> None:
        munge, data = self.folder / "munge", self.folder / "mariadb"
        options = [f"--{name}-file={munge}/{name}" for name in ("key", "pid", "log", "seed")]
        self.start("munged", "munged", "--foreground", "--force", f"--socket={munge}/socket", *options)
        database = ("--no-defaults", "--user=root", f"--datadir={data}")
        self.ask("mariadb-install-db", *database, "--auth-root-authentication-method=normal")
        sockets = (f"--socket={self.folder}/mariadb.socket", f"--pid-file={self.folder}/mariadb.pid")
        self.start("mariadbd", "mariadbd", *database, "--skip-networking", *sockets)
        wait_for(lambda: (self.folder / "mariadb.socket").exists(), "mariadbd")
        self.start("slurmdbd", "slurmdbd", "-D")
        wait_for(lambda: "Cluster" in self.ask("sacctmgr", "-i", "list", "cluster", check=False), "slurmdbd")
        self.ask("sacctmgr", "-i", "add", "cluster", "layercurv")
