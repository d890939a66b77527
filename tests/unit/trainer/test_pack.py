"""The pack as a GPU lays it out, computed here: steps find their batch by a counter, rows of members that left stay."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import pytest
import torch

from spec.job import JobSpec
from trainer import pack as packs
from trainer.member import Entry, Member

from .recording import Recorder, job, train


class Replaying:
    """Graphs without a GPU: of batches of one place, the work that was captured runs each time, and no later one."""

    def __init__(self) -> None:
        self._captured: dict[Hashable, Callable[[], None]] = {}

    def run(self, work: Callable[[], None], place: Hashable) -> None:
        self._captured.setdefault(place, work)()


class Arranged(packs.Pack):
    """A pack laid out as on a GPU."""

    rows = list[int]()

    def __init__(self, spec: JobSpec, *arguments: Any) -> None:
        super().__init__(spec, *arguments)
        self.setup = replace(self.setup, on_gpu=True)

    def begin_epoch(self) -> None:
        self.rows.append(len(self.layout.member_of))
        super().begin_epoch()


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each epoch had."""
    monkeypatch.setattr("trainer.fit.Pack", Arranged)
    monkeypatch.setattr("trainer.layout.Graphs", Replaying)
    monkeypatch.setattr(Arranged, "rows", [])
    return Arranged.rows


def close(first: Recorder, one: str, second: Recorder, other: str) -> bool:
    """Whether two members ended with the same weights, bit for bit, and the same curve but for the order of a sum."""
    weights, others = first.outcomes[one].model, second.outcomes[other].model
    return all(torch.equal(weights[name], others[name]) for name in weights) and all(
        metrics == pytest.approx(others, rel=1e-6)
        for metrics, others in zip(first.curves[one], second.curves[other], strict=True)
    )


OPTIONS = [
    {},
    {"dropout": 0.3},
    {"batch_size": "full"},
    {"class_weight": {"setosa": 4.0, "virginica": 0.3}, "label_smoothing": 0.1, "batch_size": 13},
    {"class_weight": "balanced", "batch_size": 9, "gradient_accumulation": 4, "tolerance": 1e-9},
    {"batch_size": 7, "dropout": 0.5, "schedule": "cosine"},
    {"optimizer": "nadam", "weight_decay": 0.01, "gradient_clip": 1.0},
    {
        "dataset": "digits",
        "architecture": {"type": "cnn", "channels": [2], "hidden": []},
        "augmentation": {"crop": 2, "flip": True},
        "batch_size": 100,
        "epochs": 2,
    },
    {"batch_size": 7, "gradient_accumulation": 3, "dropout": 0.3, "optimizer": "nadam"},
    {"batch_size": 2, "gradient_accumulation": 50, "tolerance": 1e-9},
    {"tolerance": 1e-9, "architecture": {"type": "mlp", "hidden": [8], "normalization": "batch"}},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_step_that_finds_its_batch_by_a_counter_is_the_same_step(options: dict[str, Any], monkeypatch: Any) -> None:
    specs = [job(**options), job(seed=5, learning_rate=0.02, split_seed=2, **options)]
    gathered = train(*specs)
    monkeypatch.setattr("trainer.fit.Pack", Arranged)
    monkeypatch.setattr("trainer.layout.Graphs", Replaying)
    found = train(*specs)
    assert close(gathered, "0", found, "0")
    assert close(gathered, "1", found, "1")


def test_rows_of_members_that_left_stay_until_they_are_an_eighth(rows: list[int]) -> None:
    specs = [job(seed=seed, epochs=1 + min(seed, 3)) for seed in range(16)]
    pack = train(*specs)
    assert rows == [16, 16, 16, 13]  # of one, then two that left the rows stay; a third is too many
    alone = train(specs[15])
    assert close(pack, "15", alone, "0")


def test_padding_rows_go_when_a_member_joins(rows: list[int]) -> None:
    first = [job(seed=seed, epochs=1 if seed == 0 else 3) for seed in range(12)]
    late = job(seed=99, dropout=0.2)
    pack = train(*first, recorder=Recorder(joining={1: [Entry("late", late)]}))
    assert rows[:2] == [12, 12]
    assert close(pack, "late", train(late), "0")


def test_a_deterministic_pack_has_the_same_rows_whoever_is_in_it(rows: list[int]) -> None:
    specs = [job(seed=seed, epochs=seed + 1, deterministic=True) for seed in range(3)]
    pack = train(*specs)
    assert set(rows) == {64}
    assert close(pack, "2", train(specs[2]), "0")


def test_a_member_knows_its_row_when_others_have_left(rows: list[int]) -> None:
    pack = Arranged(job(), torch.device("cpu"))
    members = [Member(Entry(str(number), job(seed=number))) for number in range(16)]
    for member in members:
        pack.prepare(member.spec)
    pack.join(members)
    assert pack.leave({"0"}) == [members[0]]
    first, last = (result.model for result in pack.results([members[1], members[15]]))
    assert not torch.equal(first["layers.0.weight"], last["layers.0.weight"])
    pack.leave({"1", "2", "3"})
    assert torch.equal(pack.results([members[15]])[0].model["layers.0.weight"], last["layers.0.weight"])
    assert rows == []
