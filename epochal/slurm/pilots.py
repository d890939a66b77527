"""Pilots: batch jobs of Slurm. Each is a worker that gives its jobs back when told, and leaves when idle."""

import shlex
import subprocess
import sys
from collections.abc import Sequence

from ..errors import SlurmError, WrongUseError
from .scaling import Fleet

NAME = "epochal-pilot"

GRACE_S = 90
"""Seconds before its end at which Slurm tells a pilot, which then gives its jobs back."""

WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"})
ENDING = frozenset({"COMPLETING", "STOPPED"})


def script(idle_s: float, devices: str | None = None) -> str:
    """The batch script of a pilot. `exec`: Slurm's signal goes to the worker itself."""
    worker = [sys.executable, "-m", "epochal", "worker", "--leave-when-idle", f"{idle_s:g}"]
    worker += ["--devices", devices] if devices else []
    return f"#!/bin/bash\nexec {shlex.join(worker)}\n"


class Pilots:
    """The pilots of this user."""

    def __init__(self, options: Sequence[str], script: str) -> None:
        self._options, self._script = tuple(options), script

    def submit(self, count: int) -> list[str]:
        """Submit so many; their job ids."""
        told = (f"--job-name={NAME}", f"--signal=B:USR1@{GRACE_S}", "--requeue", "--open-mode=append", "--parsable")
        addresses = "--export=ALL"  # a pilot has them from here, also where SBATCH_EXPORT says NONE
        return [
            _slurm("sbatch", *told, addresses, *self._options, script=self._script).partition(";")[0]
            for _ in range(count)
        ]

    def fleet(self) -> Fleet:
        """How many run, and how many wait for a node."""
        states = [state for _, state in self._known()]
        waiting = sum(state in WAITING for state in states)
        return Fleet(running=len(states) - waiting - sum(state in ENDING for state in states), pending=waiting)

    def cancel_waiting(self, count: int) -> None:
        """Cancel so many that wait for a node, the newest first; one that has started meanwhile is left alone."""
        waiting = [job for job, state in self._known() if state in WAITING]
        for job in sorted(waiting, key=int, reverse=True)[:count]:
            _slurm("scancel", "--state=PENDING", job)

    def _known(self) -> list[tuple[str, str]]:
        listed = _slurm("squeue", "--me", f"--name={NAME}", "--noheader", "--format=%A %T")
        return [(job, state) for job, _, state in (line.partition(" ") for line in listed.splitlines())]


def _slurm(program: str, *arguments: str, script: str | None = None) -> str:
    """What a program of Slurm prints. Raises `WrongUseError` where there is none, `SlurmError` when it refuses."""
    try:
        done = subprocess.run(
            [program, *arguments], input=script, text=True, capture_output=True, check=False, timeout=60
        )
    except FileNotFoundError as error:
        raise WrongUseError(
            f"There is no {program} here: run this on a machine from which you submit to Slurm."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SlurmError(f"{program} did not answer within a minute: is slurmctld up? Try sinfo.") from error
    if done.returncode:
        raise SlurmError(f"{program} refused: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()
