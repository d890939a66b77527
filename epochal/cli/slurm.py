"""Commands for a Slurm cluster: slurm, autoscale."""

import json
import os
import time
from typing import Annotated

import typer

from ..client import Api
from ..errors import EpochalError, WrongUseError
from ..slurm.pilots import Pilots, script
from ..slurm.scaling import Change, Fleet, Load, Policy, decide
from ..slurm.serving import served, slots_of
from .console import Json, print_result
from .figures import duration
from .help import add
from .stack import OF_A_CLUSTER

Idle = Annotated[float, typer.Option("--idle", min=1.0, help="Seconds without a job after which a pilot leaves.")]
Devices = Annotated[str | None, typer.Option(help="As of `epochal worker`.")]
Options = Annotated[list[str] | None, typer.Argument(help="Options for sbatch, after --.")]


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    for command in (slurm, autoscale):
        add(app, command, panel=panel)


def slurm(
    sbatch: Options = None,
    pilots: Annotated[int, typer.Option("--pilots", "-n", min=1, max=1000, help="How many to submit.")] = 1,
    idle: Idle = 300.0,
    devices: Devices = None,
    as_json: Json = False,
) -> None:
    """Submit workers to Slurm. Each leaves when it has been idle for a while.

    What follows -- goes to sbatch.

    Examples:
      epochal slurm
      epochal slurm --pilots 4 -- --partition=gpu --gpus=1 --time=04:00:00

    """
    submitted = _pilots(sbatch, idle, devices).submit(pilots)
    where = "A pilot's log is slurm-ID.out in this folder, unless --output names another file."
    print_result({"submitted": submitted}, f"Submitted: {', '.join(submitted)}. {where}", as_json)


def autoscale(
    sbatch: Options = None,
    on_slurm: Annotated[bool, typer.Option("--slurm", help="Submit pilots to Slurm.")] = False,
    least: Annotated[int, typer.Option("--min", min=0, help="Pilots that are always there.")] = 0,
    most: Annotated[int, typer.Option("--max", min=1, help="Most pilots.")] = 8,
    within: Annotated[float, typer.Option(min=0.1, help="Minutes in which what waits should have ended.")] = 10.0,
    slots: Annotated[
        int | None,
        typer.Option(min=1, help="Slots of a pilot: one of two GPUs has 2. Default: as --devices says, else 1."),
    ] = None,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks at the queue.")] = 15.0,
    cool_down: Annotated[float, typer.Option(min=0.0, help="Seconds after a change without another.")] = 60.0,
    idle: Idle = 300.0,
    devices: Devices = None,
    as_json: Json = False,
) -> None:
    """Keep as many workers in Slurm as the queue needs. Ctrl-C ends it; pilots stay.

    It needs EPOCHAL_URL and EPOCHAL_TOKEN, and what a worker needs.

    Examples:
      epochal autoscale --slurm --max 20 -- --partition=gpu --gpus=1
      epochal autoscale --slurm --slots 2 -- --partition=gpu --gpus=2

    """
    if not on_slurm:
        raise WrongUseError("Say where the workers come from: epochal autoscale --slurm.")
    if least > most:
        raise WrongUseError(f"--min is {least}, and --max is {most}: --min must not be larger.")
    pilots = _pilots(sbatch, idle, devices)
    offered = devices or os.environ.get("EPOCHAL_DEVICES") or "auto"
    policy = Policy(least, most, within, slots or slots_of(offered), cool_down)
    requests = served(offered, sbatch or ())
    changed_at, held = float("-inf"), 0
    with Api() as client:
        while True:
            try:
                queue, fleet = client.queue(), pilots.fleet()
                load = Load.of(queue, requests)
                change = decide(load, fleet, policy, time.monotonic() - changed_at)
                if change != Change():
                    changed_at = time.monotonic()
                    pilots.submit(change.submit)
                    pilots.cancel_waiting(change.cancel)
                if change != Change() or fleet.held != held:
                    typer.echo(_line(load, fleet, change, as_json=as_json))
                    held = fleet.held
            except WrongUseError:
                raise
            except EpochalError as error:  # the API or Slurm is away: it looks again
                typer.echo(f"epochal: {error}", err=True)
            time.sleep(every)


def _line(load: Load, fleet: Fleet, change: Change, *, as_json: bool) -> str:
    """What was decided, and on what."""
    if as_json:
        return json.dumps({"queued": load.queued, "backlog_s": load.backlog_s, **vars(fleet), **vars(change)})
    work = "" if load.backlog_s is None else f", {duration(load.backlog_s)} of work for a slot"
    had = f"{load.queued} jobs wait{work}; {fleet.running} pilots run, {fleet.pending} wait"
    had += f", {fleet.held} are held (squeue --me, then scontrol release or scancel)" if fleet.held else ""
    return f"{had}: {change.submit} submitted, {change.cancel} cancelled"


def _pilots(sbatch: list[str] | None, idle_s: float, devices: str | None) -> Pilots:
    if missing := [name for name in OF_A_CLUSTER if not os.environ.get(name)]:
        raise WrongUseError(f"{', '.join(missing)}: not set. Pilots inherit them: see docs/slurm.md.")
    return Pilots(sbatch or (), script(idle_s, devices))
