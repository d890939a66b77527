"""A Slurm cluster of our own on this machine: munged, slurmctld and slurmd from Debian, on free ports."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from .services import PATIENCE, eventually, free_port

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")

CONF = """
ClusterName=epochal
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={home}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=10
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
SchedulerParameters=sched_interval=2,bf_interval=2
NodeName=localhost NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=pilots Nodes=localhost Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes=localhost MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""


class Slurm:
    """Two processors as one node; jobs of the partition `urgent` displace those of `pilots`."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self.home, self._stack = home, stack
        self.environ = {"SLURM_CONF": str(home / "slurm.conf")}
        for folder in ("state", "spool"):
            (home / folder).mkdir()
        ports = {"controller": free_port(), "node": free_port()}
        (home / "slurm.conf").write_text(CONF.format(home=home, host=socket.gethostname(), **ports))
        (home / "munge.key").write_bytes(os.urandom(128))
        (home / "munge.key").chmod(0o600)

    def start(self) -> None:
        """Start it, and wait until its node takes jobs."""
        at = [
            f"--{name}={self.home}/munge.{name.split('-')[0]}"
            for name in ("key-file", "socket", "pid-file", "log-file")
        ]
        self._daemon("munged", "--foreground", "--force", *at, f"--seed-file={self.home}/munge.seed")
        eventually((self.home / "munge.socket").exists, within_s=10.0, what="munged listens")
        self._daemon("slurmctld", "-D", "-i")
        self._daemon("slurmd", "-D", "-N", "localhost")
        eventually(lambda: "idle" in self.run("sinfo", "-h", "-p", "pilots", "-o", "%t"), 40.0, f"a node; {self.home}")

    def run(self, program: str, *arguments: str, script: str | None = None) -> str:
        """What a program of Slurm prints; nothing while it fails."""
        environ = {**os.environ, **self.environ}
        done = subprocess.run(
            [program, *arguments], input=script, env=environ, text=True, capture_output=True, check=False, timeout=30
        )
        return done.stdout.strip()

    def _daemon(self, program: str, *arguments: str) -> None:
        with (self.home / f"{program}.log").open("wb") as log:
            command = [shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or program, *arguments]
            started = subprocess.Popen(
                command, env={**os.environ, **self.environ}, stdout=log, stderr=log, cwd=self.home
            )
        self._stack.callback(_end, started)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10 * PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10 * PATIENCE)


@contextmanager
def slurm() -> Iterator[Slurm]:
    """A cluster, which ends with all its jobs."""
    home = Path(tempfile.mkdtemp(prefix="epochal-slurm-"))
    home.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        made = Slurm(home, stack)
        made.start()
        stack.callback(_empty, made)
        yield made


def _empty(cluster: Slurm) -> None:
    """Cancel every job, and wait until none is left."""
    cluster.run("scancel", "--me")
    deadline = time.monotonic() + 40.0
    while cluster.run("squeue", "-h") and time.monotonic() < deadline:
        time.sleep(0.5)


@cache
def without_slurm() -> str | None:
    """Why this machine cannot run a Slurm of its own; None when it can."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if os.geteuid() != 0 or not all(shutil.which(program, path=path) for program in PROGRAMS):
        return "there is no Slurm, or this is not root; apt-get install slurmctld slurmd slurm-client munge"
    return None
