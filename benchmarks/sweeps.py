"""Sweeps side by side: ours through the whole service, Ray Tune, Optuna and scikit-learn, to the same score.

`python -m benchmarks.sweeps [--quick] [--write] [--seeds N] [--tasks NAME ...] [--only NAME ...] [--go-on]`. All search
the same space of the same network on the same rows with two processes, and minimise validation loss. Contestants run in
turn, seed after seed; each is warm. An epoch counts for a peer at the moment when it ends, and for ours when the record
knows of it, about a second later at most: then an open page shows it. Each run is a line of build/sweeps.json: an
interrupted contest goes on with `--go-on`.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from sweeps.statistics import band

from . import sweep_service
from .clock import family
from .environment import peers_python, peers_versions
from .machine import about, command
from .peers import ONE_THREAD, ContestantFailedError
from .sweep_tasks import TASKS, Journal, Moment, Task
from .tables import PAGE, replace_section, table, times

RAW = Path("build/sweeps.json")
OURS: Mapping[str, str] = {
    "hyperband": "**ours**, Hyperband",
    "tpe hyperband": "ours, TPE and Hyperband",
    "first epoch": "ours, the best 3 of 64 after one epoch",
    "random": "ours, random, all epochs",
}
PEERS: Mapping[str, str] = {
    "ray": "Ray Tune, ASHA",
    "ray reuse": "Ray Tune, ASHA, `reuse_actors=True`",
    "optuna": "Optuna, TPE and HyperbandPruner",
    "sklearn": "scikit-learn, HalvingRandomSearchCV",
}
LABELS = {**OURS, **PEERS}
QUICK = ("hyperband",)
"""The contestants of a smoke run: they need no installation."""
TARGETS = ("ray", "ray reuse")
"""The contestants whose last score the others are to reach."""
SECONDS = (1, 3, 10, 30, 100, 300)
STEPS = (3_000, 10_000, 30_000, 100_000, 300_000)


@dataclass(frozen=True)
class Run:
    """One sweep: its moments, in order of their seconds since it began."""

    seconds: float
    moments: Sequence[Moment]
    steps_per_epoch: int

    @property
    def best(self) -> list[Moment]:
        """The best moment up to each moment."""
        return list(accumulate(self.moments, _better))

    @property
    def steps(self) -> list[int]:
        """Steps of all models up to each moment."""
        return list(accumulate(moment.epochs * self.steps_per_epoch for moment in self.moments))

    def by_seconds(self, seconds: float) -> Moment | None:
        """The best moment by then; None before the first."""
        at = bisect_right([moment.at for moment in self.moments], seconds)
        return self.best[at - 1] if at else None

    def by_steps(self, steps: int) -> Moment | None:
        """The best moment by so many steps; None before the first."""
        at = bisect_right(self.steps, steps)
        return self.best[at - 1] if at else None

    @property
    def end(self) -> Moment:
        """The best moment of all."""
        return self.best[-1]

    def reaches(self, val_loss: float) -> float:
        """Seconds until a validation loss is as low as this; infinite if it never is."""
        return next((moment.at for moment in self.moments if moment.val_loss <= val_loss), math.inf)


def _better(best: Moment, new: Moment) -> Moment:
    """The better one; of equals the later: at the end of a job its test score is known, too."""
    return new if new.val_loss <= best.val_loss else best


Runs = Mapping[str, Sequence[Run]]
"""The runs of each contestant, one per seed."""


def run(task: Task, name: str, seed: int, rows: Path, steps_per_epoch: int, limit_s: float) -> Run:
    """Let one contestant search."""
    if name in OURS:
        began, ended, moments = sweep_service.contest(task, name, seed)
    else:
        began, ended, moments = _peer(task, name, seed, rows, limit_s)
    own = [Moment(moment.at - began, moment.epochs, moment.val_loss, moment.test_score) for moment in moments]
    none = Moment(ended - began, 0, math.inf, math.nan)  # the contestant was stopped before its first epoch
    return Run(ended - began, own or [none], steps_per_epoch)


def _peer(task: Task, name: str, seed: int, rows: Path, limit_s: float) -> tuple[float, float, list[Moment]]:
    numbers = (str(seed), str(task.epochs), str(task.trials), str(limit_s))
    command = [str(peers_python()), "-m", "benchmarks.sweep_peers", name, task.name, str(rows), *numbers]
    environ = family(os.environ | ONE_THREAD | {"PYTHONPATH": str(Path.cwd())})
    done = subprocess.run(command, check=False, env=environ, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise ContestantFailedError(f"{name} ended with {done.returncode}: see above, or leave it out with --only")
    began, ended = json.loads(done.stdout.splitlines()[-1])
    return began, ended, Journal(f"{rows}.{name}.{seed}").read()


def report(task: Task, runs: Runs) -> str:
    """The tables of one task."""
    networks = ", ".join("-".join(map(str, hidden)) for hidden in task.hiddens)
    seeds = len(next(iter(runs.values())))
    score = "R²" if task.regression else "accuracy"
    title = (
        f"**{task.name}**: {task.trials} configurations, at most {task.epochs} epochs, factor {task.factor}; hidden "
        f"layers {networks}; {seeds} seed{'s' if seeds > 1 else ''}"
    )
    targets = [name for name in TARGETS if name in runs]
    header = ["", "val loss at the end", f"test {score}", "model-steps", "seconds"]
    for name in targets:
        header += [f"to the end of {PEERS[name]}, s", "faster by"]
    rows = []
    for name, theirs in runs.items():
        cells = [
            LABELS[name],
            banded([one.end.val_loss for one in theirs]),
            banded([tested(one) for one in theirs]),
            f"{statistics.median(one.steps[-1] for one in theirs):,.0f}",
            f"{statistics.median(one.seconds for one in theirs):.1f}",
        ]
        for target in targets:
            cells += list(to_target(theirs, runs[target]))
        rows.append(cells)
    blocks = [title, table(header, rows)]
    most_s = max(one.seconds for theirs in runs.values() for one in theirs)
    limits = [seconds for seconds in SECONDS if seconds < 2 * most_s]
    blocks += curve("s", limits, runs, Run.by_seconds, score)
    most_steps = max(one.steps[-1] for theirs in runs.values() for one in theirs)
    blocks += curve("steps", [steps for steps in STEPS if steps < 2 * most_steps], runs, Run.by_steps, score)
    return "\n\n".join(blocks)


def curve(
    unit: str, limits: Sequence[int], runs: Runs, known: Callable[[Run, int], Moment | None], score: str
) -> Iterator[str]:
    """A table of the best validation loss by each limit, and of its test score."""
    rows = []
    for name, theirs in runs.items():
        cells = [LABELS[name]]
        for limit in limits:
            moments = [known(one, limit) for one in theirs]
            found = [one for one in moments if one is not None]
            scores = [one.test_score for one in found if one.test_score is not None]
            whole = len(found) == len(moments)
            loss = f"{statistics.median(one.val_loss for one in found):.4f}" if whole else "-"
            tested = f"{statistics.median(scores):.3f}" if whole and len(scores) == len(moments) else "-"
            cells.append(f"{loss} / {tested}" if whole else "-")
        rows.append(cells)
    yield f"Best validation loss so far, and the test {score} of that network; medians of the seeds:"
    yield table(["", *(f"{limit:,} {unit}" for limit in limits)], rows)


def tested(one: Run) -> float:
    """The test score of the best network that has one: of ours those that were pruned have none."""
    scored = [moment for moment in one.moments if moment.test_score is not None]
    best = min(scored, key=lambda moment: moment.val_loss, default=None)
    return math.nan if best is None or best.test_score is None else best.test_score


def to_target(theirs: Sequence[Run], targets: Sequence[Run]) -> tuple[str, str]:
    """Median seconds to the last score that the other has with the same seed, and how much sooner that is."""
    pairs = list(zip(theirs, targets, strict=True))
    needed = [mine.reaches(other.end.val_loss) for mine, other in pairs]
    ratios = [other.reaches(other.end.val_loss) / seconds for seconds, (_, other) in zip(needed, pairs, strict=True)]
    reached = sum(map(math.isfinite, needed))
    seldom = f" ({reached} of {len(needed)})" if reached < len(needed) else ""
    seconds = statistics.median(needed)
    if math.isinf(seconds):
        return f"not reached{seldom}", "-"
    return f"{seconds:.1f}{seldom}", times(statistics.median(ratios))


def banded(values: Sequence[float]) -> str:
    """The mean and its 95 % interval."""
    if len(values) < 2:
        return f"{values[0]:.4f}"
    found = band(values)
    half = "?" if found.high is None else f"{found.high - found.mean:.4f}"
    return f"{found.mean:.4f} ± {half}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write with `--write`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweeps", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tiny smoke run, no measurement")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE}")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS), metavar="NAME")
    parser.add_argument("--only", nargs="+", choices=list(LABELS), metavar="NAME", help=", ".join(LABELS))
    parser.add_argument("--trials", type=int, help="configurations, in place of a task's own number")
    parser.add_argument("--limit", type=float, default=7200.0, help="seconds after which Ray and Optuna are stopped")
    parser.add_argument("--epochs", type=int, help="epochs at most, in place of a task's own number")
    parser.add_argument("--go-on", action="store_true", help=f"take the runs that {RAW} has, and measure the others")
    options = parser.parse_args(arguments)

    names = options.only or (QUICK if options.quick else list(LABELS))
    tasks = [TASKS[name] for name in (options.tasks[:1] if options.quick else options.tasks)]
    seeds = 1 if options.quick else options.seeds
    trials, epochs = (10, 3) if options.quick else (options.trials, options.epochs)
    load = os.getloadavg()[0]
    before = dict(kept()) if options.go_on else {}
    texts = []
    with tempfile.TemporaryDirectory() as folder:
        for one in tasks:
            task, rows = one.smaller(epochs=epochs, trials=trials), Path(folder) / f"{one.name}.pt"
            steps = sweep_service.export(task, rows)
            runs: dict[str, list[Run]] = {name: [] for name in names}
            for seed in range(seeds):
                for name in names:
                    if (known := before.get(key_of(task, name, seed, options.limit))) is not None:
                        runs[name].append(known)
                        continue
                    runs[name].append(found := run(task, name, seed, rows, steps, options.limit))
                    said = f"{found.seconds:.1f} s, {found.steps[-1]:,} steps, val loss {found.end.val_loss:.4f}"
                    print(f"  {task.name}, seed {seed}, {name}: {said}", file=sys.stderr, flush=True)
                    keep(key_of(task, name, seed, options.limit), found)
            texts.append(report(task, runs))
    versions = f" Peers: {peers_versions()}." if set(names) & set(PEERS) else ""
    stopped = f" Ray and Optuna were stopped after {options.limit:.0f} s." if options.limit < 7200.0 else ""
    head = f"{command('sweeps', arguments)}: {about('torch')}{versions}{stopped} Load before: {load:.1f}; after: "
    text = "\n\n".join([f"{head}{os.getloadavg()[0]:.1f}.", *texts])
    print(text)
    if options.write:
        replace_section(PAGE, "sweeps", text)


Key = tuple[object, ...]
"""What a run is of: the values of `KEY`."""
KEY = ("task", "contestant", "seed", "trials", "epochs", "limit_s")


def key_of(task: Task, name: str, seed: int, limit_s: float) -> Key:
    """The key of a run. The limit stops peers only: ours are the same with each."""
    return task.name, name, seed, task.trials, task.epochs, None if name in OURS else limit_s


def keep(key: Key, found: Run) -> None:
    """Add a run to the raw results, a line each."""
    RAW.parent.mkdir(exist_ok=True)
    moments = [[one.at, one.epochs, one.val_loss, one.test_score] for one in found.moments]
    fields = dict(zip(KEY, key, strict=True)) | {"seconds": found.seconds, "steps_per_epoch": found.steps_per_epoch}
    with RAW.open("a") as file:
        file.write(json.dumps(fields | {"moments": moments}) + "\n")


def kept() -> Iterator[tuple[Key, Run]]:
    """The runs of the raw results by their keys, the newest last; those from before the key was whole are left out."""
    for line in RAW.read_text().splitlines() if RAW.exists() else ():
        fields = json.loads(line)
        if fields.keys() >= set(KEY):
            moments = [Moment(*moment) for moment in fields["moments"]]
            yield tuple(fields[name] for name in KEY), Run(fields["seconds"], moments, fields["steps_per_epoch"])


if __name__ == "__main__":
    main()
