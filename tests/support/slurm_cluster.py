"""A real Slurm on this machine alone: munged, slurmctld and slurmd of a temporary folder, on free ports of loopback."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.bench import wait_until

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch")
CPUS = 4
GPUS = ("/dev/null", "/dev/zero")
"""Devices that stand for GPUs."""

# proctrack/linuxproc: containers have no cgroups that slurmd may write. config_overrides: more CPUs than there are.
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={daemon_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
MaxArraySize=1001
JobRequeue=1
OverTimeLimit=0
KillWait=2
ReturnToService=2
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} Gres=gpu:{gpus} RealMemory=100000 State=UNKNOWN
PartitionName=test Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Return why no Slurm can be started here; empty if one can."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    absent = [name for name in NEEDED if shutil.which(name, path=path) is None]
    if absent:
        return f"{', '.join(absent)} not installed (Debian: slurm-wlm and munge)"
    return "" if os.geteuid() == 0 else "slurmd starts jobs as root only"


@dataclass
class SlurmCluster:
    """A running Slurm; ``environment`` is what its commands need."""

    folder: Path
    environment: Mapping[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def call(self, *command: str, check: bool = True) -> str:
        """Run a command of Slurm, and return what it prints."""
        done = subprocess.run(
            command, env=dict(self.environment), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stderr}\n{self.logs()}"
        return done.stdout

    def states(self) -> dict[str, str]:
        """Return the state of each task in the queue: ``12_3`` to ``RUNNING``."""
        lines = self.call("squeue", "--noheader", "--array", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines if line.strip())

    def logs(self) -> str:
        """Return the ends of the daemons' logs."""
        files = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{file.name}: {file.read_text(errors='replace')[-1500:]}" for file in files)

    def start(self, *command: str) -> None:
        # What they say stands in their logs.
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = dict(self.environment)
        daemon = subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=_end_with_tests, **quiet)
        self.processes.append(daemon)

    def stop(self) -> None:
        """End all jobs and the daemons."""
        self.call("scancel", "--full", "--signal=KILL", "--user=root", check=False)
        self.call("scancel", "--user=root", check=False)
        wait_until(lambda: not self.states(), 20)
        for process in reversed(self.processes):
            process.terminate()
        wait_until(lambda: all(process.poll() is not None for process in self.processes), 20)
        for process in self.processes:
            process.kill()
            process.wait()


@contextmanager
def slurm_cluster(folder: Path) -> Iterator[SlurmCluster]:
    """Start a cluster of one node, and stop it."""
    host = socket.gethostname().partition(".")[0]
    ports = _free_ports(2)
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    configuration = CONFIGURATION.format(
        folder=folder, host=host, controller_port=ports[0], daemon_port=ports[1], cpus=CPUS, gpus=len(GPUS)
    )
    (folder / "slurm.conf").write_text(configuration, encoding="utf-8")
    devices = "".join(f"Name=gpu File={device}\n" for device in GPUS)
    (folder / "gres.conf").write_text(f"AutoDetect=off\n{devices}", encoding="utf-8")
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    cluster = SlurmCluster(folder, {**os.environ, "PATH": path, "SLURM_CONF": str(folder / "slurm.conf")})
    files = [f"--{name}={folder}/munge.{name.partition('-')[0]}" for name in ("socket", "key-file", "pid-file")]
    files += [f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed"]
    try:
        # --force: the folder of tests is below one that everybody may write.
        cluster.start("munged", "--foreground", "--force", *files)
        assert wait_until((folder / "munge.socket").exists, 20), cluster.logs()
        cluster.start("slurmctld", "-D", "-c")
        cluster.start("slurmd", "-D")
        ready = wait_until(lambda: "idle" in cluster.call("sinfo", "--noheader", "--format=%t", check=False), 60)
        assert ready, cluster.logs()
        yield cluster
    finally:
        cluster.stop()


def _end_with_tests() -> None:
    """Let the kernel end this process with the one that started it (PR_SET_PDEATHSIG), also if that is killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for own in sockets:
            own.bind(("127.0.0.1", 0))
        return [own.getsockname()[1] for own in sockets]
    finally:
        for own in sockets:
            own.close()
