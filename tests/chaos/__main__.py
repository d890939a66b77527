"""The proof: `python -m tests.chaos --minutes 10 --seed 1 --jobs 200`.

The different jobs are trained in the calm first: what they are then is what they must be in the storm. The exit
status is 1 when anything is not as promised. SIGTERM ends it with all that it started, as Ctrl-C does.
"""

import argparse
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import FrameType

from benchmarks.tables import table

from .checker import Checker, Verdict
from .load import KINDS, Load
from .nemesis import FAULTS, NEED_DISKS, Arena, Fault, Nemesis, possible
from .site import Site, site
from .sweeps import Sweeps
from .watch import Watch

LONGEST = 70
"""Bytes of a temporary folder in which the fork server's socket still has a path: 107 are allowed."""

STUCK_S = 180.0
"""Within so long a job must be trained or mirrored further, or end, until nothing is left."""


def main() -> int:
    """Calm, storm, check, table."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the storm lasts")
    parser.add_argument("--seed", type=int, default=None, help="of what is done to what and when; default: any")
    parser.add_argument("--jobs", type=int, default=220, help="how many jobs are submitted meanwhile")
    parser.add_argument("--faults", type=int, default=125, help="about how many faults there are")
    parser.add_argument("--sweeps", type=int, default=12, help="how many sweeps are submitted meanwhile")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--lease", type=float, default=30.0, help="EPOCHAL_LEASE_S of the workers")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, end)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}", flush=True)
    if len(os.fsencode(tempfile.gettempdir())) > LONGEST:
        sys.exit(f"TMPDIR is longer than {LONGEST} bytes, and sockets in it have no path: TMPDIR=/tmp works.")
    folder = Path(tempfile.mkdtemp(prefix="epochal-chaos-"))
    with site(folder, lease_s=options.lease) as made:
        keep_a_diary(made.home.logs / "storm.log")
        if made.disks is None:
            print(f"left out, since small disks cannot be mounted: {', '.join(NEED_DISKS)}", flush=True)
        verdict, rows = storm(made, Random(seed), options)
    if left := made.processes():
        verdict.others.append(f"processes that outlive the site: {left}")
    print(
        f"\nSeed {seed}, {options.minutes:g} minutes, {options.workers} workers, "
        f"a lease of {options.lease:g} s, {os.cpu_count()} cores:\n"
    )
    print(table(["", "count", "measured", "p50 s", "p99 s", "goal s"], [*counts(verdict), *rows]))
    for violation in verdict.violations:
        print(f"VIOLATION: {violation}")
    return 1 if verdict.violations else 0


def end(number: int, _frame: FrameType | None) -> None:
    """End this process by an exception, which ends what the site has started; a second signal does not disturb that."""
    signal.signal(number, lambda *_: None)
    raise SystemExit(128 + number)


def keep_a_diary(path: Path) -> None:
    """Write beside the logs what was struck and healed when, and how long what was waited for."""
    diary = logging.FileHandler(path)
    diary.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger(__package__)
    log.setLevel(logging.INFO)
    log.addHandler(diary)


def storm(made: Site, random: Random, options: argparse.Namespace) -> tuple[Verdict, list[list[str]]]:
    """All of it in a site; what was found, and the rows of the faults."""
    mlflow = made.mlflow()
    api = made.api()
    controller = made.controller()
    for _ in range(options.workers):
        made.worker()
    checker = Checker(made.engine, made.files_folder, mlflow.server)
    over_s = 60.0 * options.minutes
    load = Load(api.client(timeout_s=15.0), Random(random.random()), jobs=options.jobs, over_s=0.9 * over_s)
    calm = dict(zip(load.submit(KINDS, "calm"), KINDS, strict=True))
    print(f"calm: {len(calm)} jobs train and are mirrored; on a busy machine this takes minutes", flush=True)
    restless = checker.settle(calm, STUCK_S)
    assert not restless, f"the calm is not calm: {restless}; logs are in {made.home.logs}"
    reference = checker.reference(calm)
    load.accepted.clear()
    sweeps = Sweeps(made.engine, api.client(timeout_s=15.0), every_s=over_s / options.sweeps)
    sweeps.calm(STUCK_S)
    print(f"calm: {len(calm)} jobs are known; the storm lasts {over_s:g} s; logs are in {made.home.logs}", flush=True)

    watch = Watch(made.engine)
    watch.start()
    load.start()
    sweeps.start()
    arena = Arena(made, api, mlflow, controller, load, watch, random, options.lease)
    nemesis = Nemesis(arena, every_s=over_s / options.faults, faults=possible(made))
    nemesis.run(over_s)
    load.stop()
    sweeps.stop()
    unsettled = checker.settle(load.accepted, STUCK_S)
    broken = sweeps.violations(STUCK_S)
    watch.stop()
    verdict = checker.check(load.accepted, reference, load.cancels, "storm")
    verdict.others += [*load.violations, *watch.violations, *nemesis.fallen, *broken]
    verdict.sweeps = len(sweeps.submitted)
    verdict.others += lacking(load.submitted, options.jobs, verdict.sweeps, measured(watch))
    for worker in made.workers:
        if (trainers := len(worker.trainers())) > 1:
            verdict.others.append(f"{worker.name} has {trainers} trainers and one slot")
    if unsettled:
        verdict.others.append(unsettled)
    return verdict, faults(nemesis, watch, verdict)


def lacking(submitted: int, wanted: int, sweeps: int, recoveries: int) -> list[str]:
    """What a storm lacks that proves something."""
    found = [] if submitted >= wanted else [f"only {submitted} of {wanted} jobs were submitted"]
    found += [] if sweeps else ["no sweep was submitted"]
    return found + ([] if recoveries else ["no recovery was measured"])


def measured(watch: Watch) -> int:
    """How many recoveries were measured."""
    return sum(map(len, watch.recoveries.values()))


def counts(verdict: Verdict) -> list[list[str]]:
    """The rows of the jobs."""
    ends = ", ".join(f"{count} {status}" for status, count in sorted(verdict.ends.items()))
    found = {
        f"jobs accepted ({ends})": verdict.accepted,
        "sweeps, each with the table of the calm": verdict.sweeps,
        **{"lost": len(verdict.lost), "doubled": len(verdict.doubled)},
        **{"curve gaps": len(verdict.gaps), "curve duplicates": len(verdict.duplicates)},
        "other violations": len(verdict.others),
        "files that dead attempts left": verdict.stray_files,
    }
    return [[name, str(count), "", "", "", ""] for name, count in found.items()]


def faults(nemesis: Nemesis, watch: Watch, verdict: Verdict) -> list[list[str]]:
    """The rows of the faults; a goal that was missed is a violation."""
    rows = [["faults injected", str(nemesis.struck.total()), str(measured(watch)), "", "", ""]]
    for fault in FAULTS:
        took = sorted(watch.recoveries.get(fault.kind, []))
        verdict.others += missed(fault, took, watch.struck_again.get(fault.kind, []))
        figures = [f"{percentile(took, part):.1f}" if took else "-" for part in (0.5, 0.99)]
        goal = "-" if fault.goal_s is None else f"{fault.goal_s:g}"
        rows.append([fault.kind, str(nemesis.struck[fault.kind]), str(len(took)), *figures, goal])
    return rows


def missed(fault: Fault, took: Sequence[float], struck_again: Sequence[float]) -> list[str]:
    """Whether a fault missed its goal: by sorted recoveries, or by how long there was none until the next fault."""
    if fault.goal_s is None:
        return []
    found = []
    if took and percentile(took, 0.99) > fault.goal_s:
        found.append(f"{fault.kind}: p99 {percentile(took, 0.99):.1f} s, goal {fault.goal_s:g} s")
    if (longest := max(struck_again, default=0.0)) > fault.goal_s:
        found.append(f"{fault.kind}: no recovery for {longest:.1f} s, until the next fault, goal {fault.goal_s:g} s")
    return found


def percentile(values: Sequence[float], part: float) -> float:
    """The value that `part` of the sorted values do not exceed."""
    return values[min(len(values) - 1, int(part * len(values)))]


if __name__ == "__main__":
    sys.exit(main())
