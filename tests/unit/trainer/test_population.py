"""Populations: a copy is a row copy to the bit, and an interrupted population has the table of a whole one."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from spec.configuration import with_fields
from spec.halving import Bracket, BracketOrder, Rung
from spec.halvings import Population
from spec.job import JobSpec
from spec.population import PARENT, Columns, EndedMember, PopulationOrder, copies, schedule
from spec.space import LogUniform, Uniform
from spec.states import StopReason
from tests.examples import examples
from trainer.bracket import fit_brackets
from trainer.checkpoint import Checkpoint
from trainer.fit import fit
from trainer.member import Entry, Outcome, Point

from .recording import Recorder, job

CPU = torch.device("cpu")
EPOCHS, INTERVAL = 7, 2
RATES = (0.3, 0.0001, 0.05, 0.001, 0.1, 0.0003)
SPACE = {"learning_rate": LogUniform(log_uniform=(1e-5, 0.5)), "dropout": Uniform(uniform=(0.0, 0.5))}

FORMS: dict[str, dict[str, Any]] = {
    "adam": {},
    "momentum": {"optimizer": {"type": "sgd", "momentum": 0.9}, "weight_decay": 0.01},
    "batch normalisation": {"architecture": {"type": "mlp", "hidden": [8], "normalization": "batch"}},
    "plateau": {"schedule": {"type": "plateau", "patience": 0}},
    "accumulation": {"gradient_accumulation": 3, "batch_size": 16},
}


def population(rule: dict[str, Any] | None = None, *, replicates: int = 1, **fields: Any) -> BracketOrder:
    asked = Population.model_validate({"interval": INTERVAL, "quantile": 0.34, **(rule or {})})
    rungs = tuple(Rung(epoch=epoch, keep=len(RATES)) for epoch in range(INTERVAL, EPOCHS, INTERVAL))
    return BracketOrder(
        bracket=Bracket(size=len(RATES), rungs=rungs, objective="val_loss"),
        replicates=replicates,
        population=PopulationOrder(rule=asked, space=dict(SPACE), seed=3, generation=0, **fields),
    )


def members(replicates: int = 1, **fields: Any) -> list[JobSpec]:
    made = {"epochs": EPOCHS, "dropout": 0.2, **fields}
    return [job(learning_rate=rate, seed=seed, **made) for rate in RATES for seed in range(replicates)]


def train(specs: Sequence[JobSpec], order: BracketOrder, *, limit: int = 64) -> Recorder:
    recorder = Recorder()
    entries = [Entry(str(place), spec, trial=place // order.replicates) for place, spec in enumerate(specs)]
    fit_brackets(entries, [order], recorder, device=CPU, limit=lambda _: limit)
    return recorder


def columns(curves: Mapping[str, Sequence[Mapping[str, float]]], replicates: int = 1) -> dict[int, Columns]:
    names = {PARENT: PARENT, **{name: f"population.{name}" for name in SPACE}}
    return {
        int(id_) // replicates: {name: [point[column] for point in curve] for name, column in names.items()}
        for id_, curve in curves.items()
        if int(id_) % replicates == 0
    }


@pytest.mark.parametrize("form", FORMS)
def test_a_copy_trains_on_exactly_as_its_source_would_with_the_new_values(form: str) -> None:
    specs = members(**FORMS[form])
    found = train(specs, population(), limit=4)
    (copy, *_) = (one for one in copies(columns(found.curves)) if one.epoch == INTERVAL)
    saved = _Saving(INTERVAL)
    fit([Entry(str(copy.source), specs[copy.source])], saved, device=CPU, limit=1)
    alone = Recorder()
    alone.began["copy"] = INTERVAL + 1
    changed = with_fields(specs[copy.source], {**copy.values, "epochs": 2 * INTERVAL})
    fit([Entry("copy", changed, saved.kept[str(copy.source)])], alone, device=CPU, limit=1)
    theirs = found.curves[str(copy.trial)][INTERVAL : 2 * INTERVAL]
    assert repr([_measured(point) for point in theirs]) == repr([dict(point) for point in alone.curves["copy"]])


def _measured(point: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in point.items() if not name.startswith("population.")}


class _Saving(Recorder):
    """Keeps the checkpoints of one epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._epoch = epoch
        self.kept: dict[str, Checkpoint] = {}

    def checkpoints_due(self) -> Collection[str]:
        return self.curves.keys() if self.epochs == self._epoch else ()

    def on_checkpoint(self, checkpoints: Mapping[str, Checkpoint]) -> None:
        self.kept |= checkpoints


def test_the_worst_copy_and_what_each_measured_best_stays_its_own() -> None:
    found = train(members(), population())
    lineage = copies(columns(found.curves))
    assert [copy.epoch for copy in lineage] == sorted(copy.epoch for copy in lineage)
    assert len([copy for copy in lineage if copy.epoch == INTERVAL]) == 3  # nobody is pruned
    for id_, outcome in found.outcomes.items():
        assert outcome.stop_reason is StopReason.max_epochs
        assert outcome.best_epoch is not None
        best = found.curves[id_][outcome.best_epoch - 1]
        assert dict(outcome.best_metrics or {}).items() >= _measured(best).items()
    for copy in lineage:
        assert found.curves[str(copy.trial)][copy.epoch]["learning_rate"] == copy.values["learning_rate"]
        stretches = schedule(columns(found.curves), copy.trial, EPOCHS)
        assert [one.first_epoch for one in stretches[1:]] == [one.last_epoch + 1 for one in stretches[:-1]]


def test_the_seeds_of_a_configuration_copy_together() -> None:
    order = population(replicates=2)
    found = train(members(2), order)
    assert {id_: [point[PARENT] for point in curve] for id_, curve in found.curves.items() if int(id_) % 2 == 0} == {
        str(int(id_) - 1): [point[PARENT] for point in curve]
        for id_, curve in found.curves.items()
        if int(id_) % 2 == 1
    }
    assert copies(columns(found.curves, 2))


@pytest.mark.parametrize("parking", [frozenset(), {"cpu"}])
def test_a_split_population_has_the_table_of_a_whole_one(
    parking: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.bracket.PARKING", parking)
    whole, split = train(members(), population()), train(members(), population(), limit=2)
    assert repr(sorted(whole.curves.items())) == repr(sorted(split.curves.items()))
    assert {id_: one.best_metrics for id_, one in whole.outcomes.items()} == {
        id_: one.best_metrics for id_, one in split.outcomes.items()
    }


def test_a_population_that_trains_apart_and_is_decided_together_has_the_same_table() -> None:
    specs, order, record = members(optimizer="sgd"), population(), Record(members(optimizer="sgd"))
    halves: list[tuple[Literal["at_rung", "after_rung"], Sequence[int]]]
    halves = [("at_rung", (0, 1, 2)), ("at_rung", (3, 4, 5)), ("after_rung", range(6))]
    for hand_back, places in [*halves * len(order.bracket.rungs), *halves[:2]]:
        kept = {place: record.kept.get(str(place), []) for place in places}
        part = [Entry(str(at), specs[at], one[0] if one else None, trial=at) for at, one in kept.items()]
        fit_brackets(part, [order.model_copy(update={"hand_back": hand_back})], record, device=CPU, limit=lambda _: 4)
    assert repr(sorted(record.curves.items())) == repr(sorted(train(specs, order).curves.items()))
    assert record.ended.keys() == record.curves.keys()


class Record(Recorder):
    """A record that takes all members out at some moments, and knows two checkpoints of each, as a worker gets them."""

    def __init__(self, specs: Sequence[JobSpec]) -> None:
        super().__init__()
        self.specs = specs
        self.kept: dict[str, list[Checkpoint]] = {}
        self.ended: dict[str, Outcome] = {}
        self._stop_at, self._save_every, self._seen, self._lost = 10**9, 1, 0, 0

    def train(self, stop_at: int, save_every: int, lost: int) -> None:
        """Train until a look at cancel requests; of some members the newest checkpoints are lost."""
        self._stop_at, self._save_every, self._seen, self._lost = stop_at, save_every, 0, lost
        left = []
        for place, spec in enumerate(self.specs):
            if (id_ := str(place)) not in self.ended:
                kept = self.kept.get(id_, [])
                left.append(Entry(id_, spec, kept[0] if kept else None, older=kept[1:], trial=place))
        ended = tuple(
            EndedMember(id=id_, trial=int(id_), spec=self.specs[int(id_)], epoch=len(self.curves[id_]))
            for id_ in sorted(self.ended)
        )
        if left:
            fit_brackets(left, [population(ended=ended)], self, device=CPU, limit=lambda _: 4)

    def should_cancel(self) -> Collection[str]:
        self._seen += 1
        return {str(place) for place in range(len(self.specs))} if self._seen >= self._stop_at else ()

    def on_epoch_end(self, points: Sequence[Point]) -> None:
        self.epochs += 1
        for point in points:
            assert point.id not in self.ended
            curve = self.curves.setdefault(point.id, [])
            assert point.epoch <= len(curve) + 1
            self.curves[point.id] = [*curve[: point.epoch - 1], point.metrics]

    def checkpoints_due(self) -> Collection[str]:
        return [str(place) for place in range(len(self.specs))] if self.epochs % self._save_every == 0 else ()

    def on_checkpoint(self, checkpoints: Mapping[str, Checkpoint]) -> None:
        for id_, checkpoint in checkpoints.items():
            if int(id_) >= self._lost:
                self.kept[id_] = [checkpoint, *self.kept.get(id_, [])][:2]

    def on_member_end(self, outcome: Outcome) -> None:
        if outcome.end != "cancelled":
            assert outcome.id not in self.ended
            self.ended[outcome.id] = outcome


TABLES: dict[str, list[JobSpec]] = {
    "all to the end": members(),
    "early stopping": members(patience=1, min_delta=0.02),
    "one diverges": [
        *members(optimizer="sgd", loss="mse")[:-1],
        job(learning_rate=1000.0, dropout=0.2, epochs=EPOCHS, optimizer="sgd", loss="mse"),
    ],
}


@examples(3, many=6)
@example(stops=[14], save_every=5, lost=6, name="early stopping")  # jobs that have ended are needed again
@given(
    stops=st.lists(st.integers(1, 30), max_size=3),
    save_every=st.integers(1, 5),
    lost=st.integers(0, 3),
    name=st.sampled_from(sorted(TABLES)),
)
def test_an_interrupted_population_has_the_same_table(stops: list[int], save_every: int, lost: int, name: str) -> None:
    specs = TABLES[name]
    record = Record(specs)
    for stop_at in [*stops, 10**9]:
        record.train(stop_at, save_every, lost)
    whole = train(specs, population())
    assert {id_: repr(curve) for id_, curve in record.curves.items()} == {
        id_: repr(curve) for id_, curve in whole.curves.items()
    }
    assert {id_: one.stop_reason for id_, one in record.ended.items()} == {
        id_: one.stop_reason for id_, one in whole.outcomes.items()
    }
