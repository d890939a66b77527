"""Regret against budget: our methods beside Optuna's, on made landscapes, without a service.

`python -m benchmarks.regret [--quick] [--write] [--seeds N] [--budget N] [--tasks ID ...]`; with `--trials N`, whole
sweeps of ours by the rules of versions 2 and 3 instead. `LCBENCH` may name the folder of LCBench's surrogate. A budget
is in trainings to the end (81 or 52 epochs). What was seen at any epoch chooses the incumbent; the regret is that of
its whole curve. Optuna is asked for one configuration after the other and knows of all before. Ours are asked in
generations and with the lag that the controller has.
"""

import argparse
import math
import statistics
import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import optuna

from spec.halving import bracket, survivors
from spec.sweep import RULES_VERSION, SweepSpec
from sweeps.history import Trial
from sweeps.methods import METHODS

from .machine import about, command
from .surrogates import EPOCHS, Array, Surrogate, Values, surrogates
from .tables import PAGE, replace_section, table

LCBENCH_TASKS = ("3945", "126026", "167168", "189906")
BUDGETS = (5, 10, 20, 40, 80, 160)
SHARES = {"a quarter": 0.25, "half": 0.5, "the whole": 1.0}
"""Of the trainings of the shortest of some sweeps."""
SHORT_EPOCHS = 9
"""Epochs of a made landscape's jobs in long sweeps: so few that a bracket by the paper is small."""
UNLIMITED = 100_000
PREFIX = "tags."
"""The surrogates' parameters are no fields of a job. Labels may have any name, and are parameters of a stored sweep."""


class SpentError(Exception):
    """The budget is spent."""


class Ledger:
    """What was trained, and the regret of the best so far."""

    def __init__(self, surrogate: Surrogate, budget: float, seed: int) -> None:
        self._surrogate = surrogate
        self._random = np.random.default_rng([seed, 1])
        self._left = budget * surrogate.epochs
        self._spent, self._best = 0, np.inf
        self.spent: list[float] = []
        self.regret: list[float] = []

    @property
    def total(self) -> float:
        """What was trained, in trainings to the end."""
        return self._spent / self._surrogate.epochs

    def curves(self, configurations: Sequence[Values]) -> Array:
        """The curves of these configurations, which nobody has seen yet."""
        return self._surrogate.curves(configurations, self._random)

    def trained(self, curve: Array, begin: int, end: int) -> float:
        """Train from one epoch to another; the best score up to there. Raises `SpentError`."""
        self._spent += end - begin
        if self._spent > self._left:
            raise SpentError
        seen = float(curve[:end].min())
        if seen < self._best:
            self._best = seen
            self.spent.append(self.total)
            self.regret.append(float(curve.min()) - self._surrogate.optimum)
        return seen

    def by(self, budget: float) -> float:
        """The regret by then."""
        at = bisect_right(self.spent, budget)
        return self.regret[at - 1] if at else float("nan")


@dataclass(frozen=True)
class Ours:
    """A sweep's method and halving, driven as the controller drives them."""

    fields: Mapping[str, Any]

    def search(self, surrogate: Surrogate, ledger: Ledger, seed: int) -> None:
        """Search until the budget is spent, or the sweep has no more trials."""
        sweep = SweepSpec.stored(
            {
                "version": RULES_VERSION,
                "base": {"dataset": "digits", "epochs": surrogate.epochs},
                "space": {PREFIX + name: dict(parameter) for name, parameter in surrogate.space.items()},
                "trials": {"epochs": UNLIMITED},
                "seed": seed,
                **self.fields,
            }
        )
        history: list[Trial] = []
        generation = 0
        most = sweep.trials if isinstance(sweep.trials, int) else UNLIMITED
        while len(history) < most:
            planned = bracket(sweep, generation, most - len(history))
            known = [trial if trial.generation <= generation - sweep.parallel else _open(trial) for trial in history]
            asked = list(islice(METHODS[sweep.method](sweep, known, generation), planned.size))
            curves = ledger.curves([{name.removeprefix(PREFIX): one[name] for name in one} for one in asked])
            ends = dict.fromkeys(range(len(asked)), 0)
            scores: dict[int, float] = {}
            alive = set(ends)
            for epoch, keep in [*((rung.epoch, rung.keep) for rung in planned.rungs), (surrogate.epochs, None)]:
                for place in sorted(alive):
                    scores[place] = ledger.trained(curves[place], ends[place], epoch)
                    ends[place] = epoch
                if keep is not None:
                    alive = survivors({place: scores[place] for place in alive}, keep)
            first = len(history)
            history += [
                Trial(
                    number=first + place,
                    generation=generation,
                    configuration=one,
                    digest=str(first + place),
                    score=scores[place],
                    epochs=ends[place],
                    pruned=place not in alive,
                )
                for place, one in enumerate(asked)
            ]
            generation += 1


def _open(trial: Trial) -> Trial:
    return Trial(trial.number, trial.generation, trial.configuration, trial.digest)


@dataclass(frozen=True)
class Optuna:
    """One of Optuna's samplers, with or without its HyperbandPruner; one trial after the other."""

    sampler: Callable[[int], optuna.samplers.BaseSampler]
    hyperband: bool = False

    def search(self, surrogate: Surrogate, ledger: Ledger, seed: int) -> None:
        """Search until the budget is spent."""
        epochs = surrogate.epochs
        pruner = optuna.pruners.HyperbandPruner(1, epochs, 3) if self.hyperband else optuna.pruners.NopPruner()
        named = f"seed {seed}"  # its brackets depend on the name, which is drawn at random unless it is given
        study = optuna.create_study(sampler=self.sampler(seed), pruner=pruner, study_name=named)

        def objective(trial: optuna.Trial) -> float:
            [curve] = ledger.curves([dict(_suggested(surrogate, trial))])
            if not self.hyperband:
                return ledger.trained(curve, 0, epochs)
            for epoch in range(1, epochs + 1):
                best = ledger.trained(curve, epoch - 1, epoch)
                trial.report(float(curve[epoch - 1]), epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned
            return best

        study.optimize(objective, n_trials=UNLIMITED)


def _suggested(surrogate: Surrogate, trial: optuna.Trial) -> Iterator[tuple[str, float]]:
    for name, parameter in surrogate.space.items():
        match dict(parameter):
            case {"integers": (least, most), **more}:
                yield name, trial.suggest_int(name, least, most, log=more["log"])
            case {"log_uniform": (least, most)}:
                yield name, trial.suggest_float(name, least, most, log=True)
            case {"uniform": (least, most)}:
                yield name, trial.suggest_float(name, least, most)


HYPERBAND = {"type": "hyperband"}
CONTESTANTS: Mapping[str, Ours | Optuna] = {
    "ours: random": Ours({"method": "random"}),
    "ours: Sobol": Ours({"method": "sobol"}),
    "ours: TPE, generations of 64": Ours({"method": "tpe"}),
    "ours: TPE, one at a time": Ours({"method": "tpe", "generation": 1, "parallel": 1}),
    "ours: TPE, generations of 4": Ours({"method": "tpe", "generation": 4, "parallel": 1}),
    "ours: best 3 of 64 after one epoch": Ours({"method": "random", "halving": {"type": "first_epoch"}}),
    "ours: Hyperband": Ours({"method": "random", "halving": HYPERBAND}),
    "ours: TPE and Hyperband": Ours({"method": "tpe", "halving": HYPERBAND}),
    "Optuna: random": Optuna(lambda seed: optuna.samplers.RandomSampler(seed=seed)),
    "Optuna: TPE": Optuna(lambda seed: optuna.samplers.TPESampler(seed=seed)),
    "Optuna: random and Hyperband": Optuna(lambda seed: optuna.samplers.RandomSampler(seed=seed), hyperband=True),
    "Optuna: TPE and Hyperband": Optuna(lambda seed: optuna.samplers.TPESampler(seed=seed), hyperband=True),
}


def by_rules(trials: int) -> dict[str, Ours | Optuna]:
    """Whole sweeps of so many configurations, by the rules of versions 2 and 3."""
    asked = {"Hyperband": "random", "TPE and Hyperband": "tpe"}
    return {
        f"{name}, version {version}": Ours(
            {"method": method, "halving": HYPERBAND, "trials": trials, "version": version}
        )
        for name, method in asked.items()
        for version in (2, 3)
    }


def run(contestant: Ours | Optuna, surrogate: Surrogate, budget: float, seed: int) -> Ledger:
    """Search once; the ledger when the budget is spent, or the sweep has ended."""
    ledger = Ledger(surrogate, budget, seed)
    with suppress(SpentError):
        contestant.search(surrogate, ledger, seed)
    return ledger


def report(ledgers: Mapping[str, Sequence[Ledger]], seconds: Mapping[str, float], budgets: Mapping[str, float]) -> str:
    """The table of one surrogate: medians over the seeds after each budget, and at the last the spread of all."""
    *_, last = budgets.values()
    rows = []
    for name, theirs in ledgers.items():
        finals = sorted(one.by(last) for one in theirs)
        medians = [f"{statistics.median(one.by(at) for one in theirs):.3f}" for at in budgets.values()]
        low, high = (finals[round(share * (len(finals) - 1))] for share in (0.25, 0.75))
        mean, error = statistics.fmean(finals), statistics.pstdev(finals) / math.sqrt(max(len(finals) - 1, 1))
        spread = [f"{low:.3f} to {high:.3f}", f"{mean:.3f} ± {error:.3f}"]
        rows.append(
            [name, *medians, *spread, f"{statistics.fmean(one.total for one in theirs):.0f}", f"{seconds[name]:.1f}"]
        )
    return table(["", *budgets, "quartiles", "mean", "trained", "s / search"], rows)


def ranks(found: Sequence[Mapping[str, Sequence[Ledger]]], budgets: Sequence[float]) -> dict[str, float]:
    """The mean rank of each contestant over surrogates and seeds, by its last regret."""
    names = list(found[0])
    every = []
    for ledgers, budget in zip(found, budgets, strict=True):
        for seeds in zip(*ledgers.values(), strict=True):
            regrets = np.array([one.by(budget) for one in seeds])
            every.append([(regrets < own).sum() + ((regrets == own).sum() + 1) / 2 for own in regrets])
    return dict(zip(names, np.mean(every, axis=0).tolist(), strict=True))


def ended_together(ledgers: Mapping[str, Sequence[Ledger]]) -> dict[str, float]:
    """The budgets at which sweeps are compared: shares of what the one that trained least has trained."""
    least = min(one.total for theirs in ledgers.values() for one in theirs)
    return {name: share * least for name, share in SHARES.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write with `--write`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.regret", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tiny smoke run, no measurement")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE}")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=40, help="trainings to the end")
    parser.add_argument("--tasks", nargs="*", default=LCBENCH_TASKS, help="LCBench's data sets")
    parser.add_argument("--only", nargs="+", choices=list(CONTESTANTS), metavar="NAME")
    parser.add_argument("--trials", type=int, metavar="N", help="whole sweeps of N configurations, by two rules")
    options = parser.parse_args(arguments)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seeds, budget = (1, 5) if options.quick else (options.seeds, options.budget)
    long = options.trials is not None
    contestants = (
        by_rules(options.trials) if long else {name: CONTESTANTS[name] for name in options.only or CONTESTANTS}
    )
    landscapes = surrogates(options.tasks, SHORT_EPOCHS if long else EPOCHS)[: 1 if options.quick else None]
    found, texts, lasts = [], [], []
    for landscape in landscapes:
        ledgers: dict[str, list[Ledger]] = {}
        seconds: dict[str, float] = {}
        for name, contestant in contestants.items():
            began = time.perf_counter()
            most = math.inf if long else budget
            ledgers[name] = [run(contestant, landscape, most, seed) for seed in range(seeds)]
            seconds[name] = (time.perf_counter() - began) / seeds
            print(f"  {landscape.name}: {name}: {seconds[name]:.1f} s a search", file=sys.stderr, flush=True)
        budgets = ended_together(ledgers) if long else {str(one): float(one) for one in BUDGETS if one <= budget}
        found.append(ledgers)
        lasts.append([*budgets.values()][-1])
        texts.append(f"**{landscape.name}**, {landscape.epochs} epochs\n\n{report(ledgers, seconds, budgets)}")
        print(texts[-1], file=sys.stderr, flush=True)
    placed = sorted(ranks(found, lasts).items(), key=lambda item: item[1])
    what = "whole sweeps, " if long else ""
    head = (
        f"{command('regret', arguments)}: {what}{seeds} seeds; median regret after so many trainings to the end. "
        f"{about('optuna', 'numpy')}"
    )
    order = "Mean rank over all of them at the end: " + ", ".join(f"{name} {rank:.1f}" for name, rank in placed)
    text = "\n\n".join([head, f"{order}.", *texts])
    print(text)
    if options.write:
        replace_section(PAGE, "regret of rules" if long else "regret", text)


if __name__ == "__main__":
    main()
