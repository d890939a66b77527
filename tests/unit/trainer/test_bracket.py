"""Brackets: pruned together at rungs, each member with the bits that it has alone, interrupted or not."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spec.halving import Bracket, BracketOrder, Rung, best_so_far, mean_score, survivors
from spec.job import JobSpec
from spec.states import StopReason
from tests.examples import examples
from trainer.bracket import fit_brackets
from trainer.checkpoint import Checkpoint
from trainer.member import Entry, Outcome, Point

from .recording import Recorder, job, same_training, train

CPU = torch.device("cpu")
RUNGS = (Rung(epoch=1, keep=4), Rung(epoch=3, keep=2), Rung(epoch=5, keep=1))
RATES = (0.3, 0.0001, 0.05, 0.01, 0.1, 0.001, 0.5, 0.02)


def order(rungs: Sequence[Rung] = RUNGS, *, size: int = len(RATES), replicates: int = 1, **fields: Any) -> BracketOrder:
    bracket = Bracket(size=size, rungs=tuple(rungs), objective="val_loss")
    return BracketOrder(bracket=bracket, replicates=replicates, **fields)


def candidates(**fields: Any) -> list[JobSpec]:
    return [job(learning_rate=rate, epochs=7, seed=seed, **fields) for seed, rate in enumerate(RATES)]


def entries(specs: Sequence[JobSpec], replicates: int = 1) -> list[Entry]:
    return [Entry(str(place), spec, trial=place // replicates) for place, spec in enumerate(specs)]


def train_bracket(specs: Sequence[JobSpec], asked: BracketOrder, *, limit: int = 64) -> Recorder:
    recorder = Recorder()
    fit_brackets(entries(specs, asked.replicates), [asked], recorder, device=CPU, limit=lambda _: limit)
    return recorder


def expected(alone: Sequence[Sequence[Mapping[str, float]]], asked: BracketOrder) -> dict[str, int]:
    """After how many epochs each job should end, by the curve that it has alone."""
    ends = {str(place): len(curve) for place, curve in enumerate(alone)}
    going = set(range(len(alone) // asked.replicates))
    for rung in asked.bracket.rungs:
        scores: dict[int, float] = {}
        for trial in going:
            jobs = range(trial * asked.replicates, (trial + 1) * asked.replicates)
            losses = [[point["val_loss"] for point in alone[place][: rung.epoch]] for place in jobs]
            scores[trial] = mean_score(best_so_far(column, "val_loss") for column in losses)
        keep = survivors(scores, rung.keep)
        for trial in going - keep:
            for place in range(trial * asked.replicates, (trial + 1) * asked.replicates):
                ends[str(place)] = min(rung.epoch, len(alone[place]))
        going = keep
    return ends


SHAPES: dict[str, list[JobSpec]] = {
    "one shape": candidates(),
    "several shapes": [
        job(
            learning_rate=rate,
            epochs=7,
            seed=seed,
            architecture=["perceptron", {"type": "mlp", "hidden": [8]}, {"type": "resmlp", "width": 5}][seed % 3],
            optimizer=["adam", "sgd"][seed % 2],
        )
        for seed, rate in enumerate(RATES)
    ],
    "early stopping": candidates(patience=1, dropout=0.4),
    "last epochs": candidates(restore_best=False),
    "one diverges": [
        *candidates(optimizer="sgd")[:-1],
        job(learning_rate=1000.0, epochs=7, optimizer="sgd", loss="mse"),
    ],
}


@cache
def each_alone(name: str) -> list[Recorder]:
    """What each job of these does alone."""
    return [train(spec) for spec in SHAPES[name]]


@cache
def undisturbed(name: str) -> Recorder:
    """The bracket of these jobs when nothing interrupts it."""
    return train_bracket(SHAPES[name], order())


@pytest.mark.parametrize("limit", [64, 3])
@pytest.mark.parametrize("name", SHAPES)
def test_the_best_go_on_and_each_has_its_lone_curve(name: str, limit: int) -> None:
    found, lone = train_bracket(SHAPES[name], order(), limit=limit), each_alone(name)
    ends = expected([alone.curves["0"] for alone in lone], order())
    assert {id_: len(curve) for id_, curve in found.curves.items()} == ends
    assert found.outcomes.keys() == ends.keys()
    for id_, alone in zip(ends, lone, strict=True):
        assert repr(found.curves[id_]) == repr(alone.curves["0"][: len(found.curves[id_])])
        if found.outcomes[id_].stop_reason is StopReason.max_epochs:
            assert same_training(found, id_, alone, "0")
        elif found.outcomes[id_].stop_reason is StopReason.pruned:
            assert not found.outcomes[id_].model


def test_seeds_of_a_configuration_are_pruned_together() -> None:
    specs = [job(learning_rate=rate, epochs=7, seed=seed) for rate in RATES[:5] for seed in range(2)]
    asked = order(size=5, replicates=2)
    ends = expected([train(spec).curves["0"] for spec in specs], asked)
    assert {id_: len(curve) for id_, curve in train_bracket(specs, asked).curves.items()} == ends


@pytest.mark.parametrize("keep_models", [True, False])
@pytest.mark.parametrize("restore_best", [True, False])
def test_pruned_members_end_as_if_that_were_their_last_epoch(restore_best: bool, keep_models: bool) -> None:
    specs = candidates(restore_best=restore_best, test_fraction=0.2, dropout=0.6)
    found = train_bracket(specs, order(keep_models=keep_models))
    pruned = {id_: one for id_, one in found.outcomes.items() if one.stop_reason is StopReason.pruned}
    worse = 0
    for id_, outcome in pruned.items():
        curve = found.curves[id_]
        alone = train(specs[int(id_)].model_copy(update={"epochs": len(curve)}))
        wanted = alone.outcomes["0"]
        tested = {name: value for name, value in (wanted.best_metrics or {}).items() if name.startswith("test_")}
        assert outcome.best_epoch == wanted.best_epoch
        assert {**(outcome.best_metrics or {}), **tested} == wanted.best_metrics
        assert bool(outcome.model) == keep_models == (tested.items() <= (outcome.best_metrics or {}).items())
        assert not keep_models or same_training(found, id_, alone, "0")
        worse += curve[-1]["val_loss"] > min(point["val_loss"] for point in curve)
    assert worse


def test_a_job_whose_data_cannot_be_used_fails_alone() -> None:
    specs = candidates()
    counts = job(dataset="diabetes", loss="poisson_nll", epochs=7)
    negative = job(dataset={"name": "linear", "n": 442, "features": 10}, loss="mse").dataset
    broken = counts.model_copy(update={"dataset": negative})
    found = train_bracket([broken, *specs[1:]], order())
    assert found.outcomes["0"].end == "failed"
    assert sum(outcome.stop_reason is StopReason.max_epochs for outcome in found.outcomes.values()) == 1


class Record(Recorder):
    """A record that takes all members out at some moment, and hands out what a worker would get the next time."""

    def __init__(self, specs: Sequence[JobSpec], *orders: BracketOrder) -> None:
        super().__init__()
        self.specs, self.orders = specs, orders
        self.kept: dict[str, Checkpoint] = {}
        self.ended: dict[str, Outcome] = {}
        self._stop_at, self._leave_every, self._seen = 10**9, 1, 0

    def train(self, stop_at: int, save_every: int) -> None:
        """Train until a look at cancel requests, with checkpoints at some epochs; all that is left is taken out."""
        self._stop_at, self._save_every, self._seen = stop_at, save_every, 0
        left = [
            Entry(str(place), spec, self.kept.get(str(place)), trial=place)
            for place, spec in enumerate(self.specs)
            if str(place) not in self.ended
        ]
        for entry in left:
            started = 0 if entry.checkpoint is None else entry.checkpoint.state.epoch
            self.curves[entry.id] = self.curves.get(entry.id, [])[:started]
        orders = [order.model_copy(update={"known": self._known(order)}) for order in self.orders]
        fit_brackets(left, orders, self, device=CPU, limit=lambda _: 3)

    def _known(self, order: BracketOrder) -> dict[int, tuple[tuple[float | None, ...], ...]]:
        """The scores at a bracket's rungs of its jobs that have ended."""
        known: dict[int, tuple[tuple[float | None, ...], ...]] = {}
        for id_, outcome in self.ended.items():
            if order.trials and int(id_) not in order.trials:
                continue
            column = [point["val_loss"] for point in self.curves[id_]]
            scores = [best_so_far(column[: rung.epoch], "val_loss") for rung in order.bracket.rungs]
            finite = outcome.end == "succeeded"
            known[int(id_)] = (tuple(score if finite and score < float("inf") else None for score in scores),)
        return known

    def should_cancel(self) -> Collection[str]:
        self._seen += 1
        return {str(place) for place in range(len(self.specs))} if self._seen >= self._stop_at else ()

    def on_epoch_end(self, points: Sequence[Point]) -> None:
        self.epochs += 1
        for point in points:
            assert point.epoch == len(self.curves[point.id]) + 1
            self.curves[point.id].append(point.metrics)

    def checkpoints_due(self) -> Collection[str]:
        return [str(place) for place in range(len(self.specs))] if self.epochs % self._save_every == 0 else ()

    def on_checkpoint(self, checkpoints: Mapping[str, Checkpoint]) -> None:
        self.kept |= checkpoints

    def on_member_end(self, outcome: Outcome) -> None:
        if outcome.end != "cancelled":
            assert outcome.id not in self.ended
            self.ended[outcome.id] = outcome


@examples(5, many=12)
@given(
    stops=st.lists(st.integers(1, 30), max_size=3), save_every=st.integers(1, 5), name=st.sampled_from(sorted(SHAPES))
)
def test_an_interrupted_bracket_has_the_same_table(stops: list[int], save_every: int, name: str) -> None:
    record, whole = Record(SHAPES[name], order()), undisturbed(name)
    for stop_at in [*stops, 10**9]:
        record.train(stop_at, save_every)
    assert {id_: repr(curve) for id_, curve in record.curves.items()} == {
        id_: repr(curve) for id_, curve in whole.curves.items()
    }
    assert _ends(record.ended) == _ends(whole.outcomes)


def _ends(outcomes: Mapping[str, Outcome]) -> dict[str, tuple[object, ...]]:
    return {id_: (one.stop_reason, one.best_epoch, repr(one.best_metrics)) for id_, one in outcomes.items()}


BESIDE = (
    order((Rung(epoch=1, keep=3), Rung(epoch=5, keep=1)), size=4, trials=(0, 1, 2, 3)),
    order((Rung(epoch=3, keep=2), Rung(epoch=5, keep=1)), size=3, trials=(4, 5, 6)),
    order((), size=1, trials=(7,)),
)
"""Three brackets of the same jobs, which share some of their rungs."""


@cache
def apart(name: str) -> Record:
    """Each of these brackets trained by itself."""
    record = Record(SHAPES[name], *BESIDE)
    for one in BESIDE:
        part = [entry for entry in entries(SHAPES[name]) if entry.trial in one.trials]
        record.curves |= {entry.id: [] for entry in part}
        record._save_every = 10**9
        fit_brackets(part, [one], record, device=CPU, limit=lambda _: 64)
    return record


@examples(5, many=12)
@given(
    stops=st.lists(st.integers(1, 30), max_size=3), save_every=st.integers(1, 5), name=st.sampled_from(sorted(SHAPES))
)
def test_brackets_that_train_together_have_the_tables_that_they_have_apart(
    stops: list[int], save_every: int, name: str
) -> None:
    record = Record(SHAPES[name], *BESIDE)
    for stop_at in [*stops, 10**9]:
        record.train(stop_at, save_every)
    assert {id_: repr(curve) for id_, curve in record.curves.items()} == {
        id_: repr(curve) for id_, curve in apart(name).curves.items()
    }
    assert {id_: one.stop_reason for id_, one in record.ended.items()} == {
        id_: one.stop_reason for id_, one in apart(name).ended.items()
    }


def test_brackets_that_train_together_take_as_many_epochs_as_the_longest() -> None:
    together, alone = Recorder(), Recorder()
    fit_brackets(entries(candidates()), BESIDE, together, device=CPU, limit=lambda _: 64)
    fit_brackets(entries(candidates())[7:], BESIDE[2:], alone, device=CPU, limit=lambda _: 64)
    assert together.epochs == alone.epochs == 7


def test_one_member_taken_out_hands_the_others_back() -> None:
    specs = candidates()
    recorder = Recorder(cancel=lambda seen: {"2"} if seen.epochs >= 1 else ())
    fit_brackets(entries(specs), [order((Rung(epoch=3, keep=2),))], recorder, device=CPU, limit=lambda _: 64)
    assert {outcome.end for outcome in recorder.outcomes.values()} == {"cancelled"}
    assert recorder.checkpoints.keys() == {str(place) for place in range(len(specs)) if place != 2}
