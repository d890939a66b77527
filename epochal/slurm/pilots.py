"""Pilots: batch jobs of Slurm. Each is a worker that gives its jobs back when told, and leaves when idle."""

import argparse
import os
import shlex
import subprocess
from collections.abc import Sequence

from ..errors import SlurmError, WrongUseError
from ..stack.services import python
from .scaling import Fleet

NAME = "epochal-pilot"

GRACE_S = 90
"""Seconds before its end at which Slurm tells a pilot, which then gives its jobs back."""

WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_FED"})
HELD = frozenset({"REQUEUE_HOLD", "SPECIAL_EXIT"})
ENDING = frozenset({"COMPLETING", "STOPPED"})


def script(idle_s: float, devices: str | None = None) -> str:
    """The batch script of a pilot. `exec`: Slurm's signal goes to the worker itself."""
    options = ["--devices", devices] if devices else []
    worker = python("epochal", "worker", "--leave-when-idle", f"{idle_s:g}", *options)
    return f"#!/bin/bash\nexec {shlex.join(worker)}\n"


class Pilots:
    """The pilots of this user that have one name: `epochal-pilot`, or what `--job-name` among sbatch's options says."""

    def __init__(self, options: Sequence[str], script: str) -> None:
        self._options, self._script = tuple(options), script
        self._name = _job_name(options) or NAME

    def submit(self, count: int) -> list[str]:
        """Submit so many; their job ids."""
        told = (
            *(f"--job-name={self._name}", f"--signal=B:USR1@{GRACE_S}", "--requeue", "--open-mode=append"),
            *("--parsable", "--export=ALL"),  # a pilot has its addresses from here, also where SBATCH_EXPORT says NONE
        )
        return [_slurm("sbatch", *told, *self._options, script=self._script).partition(";")[0] for _ in range(count)]

    def fleet(self) -> Fleet:
        """How many run, how many wait for a node, and how many are held."""
        states = [state for _, state in self._known()]
        waiting, held = sum(state in WAITING for state in states), sum(state in HELD for state in states)
        running = len(states) - waiting - held - sum(state in ENDING for state in states)
        return Fleet(running=running, pending=waiting, held=held)

    def cancel_waiting(self, count: int) -> None:
        """Cancel so many that wait for a node, the newest first; one that has started meanwhile is left alone."""
        waiting = [job for job, state in self._known() if state in WAITING]
        for job in sorted(waiting, key=int, reverse=True)[:count]:
            _slurm("scancel", "--state=PENDING", job)

    def _known(self) -> list[tuple[str, str]]:
        """Their ids and states. Slurm calls one that is held pending, and gives the reason JobHeldUser, or the like."""
        here = ("--me", "--all", "--array", f"--name={self._name}")
        listed = _slurm("squeue", *here, "--noheader", "--format=%A %T %r")
        found = [line.split(" ", 2) for line in listed.splitlines()]
        return [(job, "REQUEUE_HOLD" if state in WAITING and _is_held(why) else state) for job, state, why in found]


def _job_name(options: Sequence[str]) -> str | None:
    """The name that options of sbatch give a job."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("-J", "--job-name")
    name: str | None = parser.parse_known_args(list(options))[0].job_name
    return name


def _is_held(reason: str) -> bool:
    return any(word in reason.lower() for word in ("held", "hold"))


def _slurm(program: str, *arguments: str, script: str | None = None) -> str:
    """What a program of Slurm prints. Raises `WrongUseError` where there is none, `SlurmError` when it refuses."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SQUEUE_")}  # they hide pilots
    try:
        done = subprocess.run(
            [program, *arguments], env=environ, input=script, text=True, capture_output=True, check=False, timeout=60
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
