"""Lists of jobs that are sorted and filtered by best metrics."""

import pytest
from sqlalchemy import Engine, delete, select

from spec.job import JobSpec
from spec.states import StopReason
from store.best_metrics import ByMetric, Position
from store.records import JobFilter, Success
from store.tables import BestMetric
from tests.record import Record, downgrade, upgrade

ACCURACIES = (0.9, 0.5, None, 0.9, 0.7)
"""At the best epochs of jobs that succeed, one after the other; None: the job has none."""


@pytest.fixture
def ids(store: Record) -> list[str]:
    """Jobs of these accuracies, then one that waits, then one of somebody else."""
    specs = [JobSpec.model_validate({"dataset": "digits", "name": f"Net {n}", "seed": n}) for n in range(6)]
    made = [job.id for spec in specs for job in store.submit([spec], owner="ada").jobs]
    for accuracy in ACCURACIES:
        succeed(store, {"val_loss": 1.0, "val_accuracy": accuracy})
    store.submit([JobSpec.model_validate({"dataset": "moons"})], owner="bob")
    store.request_cancel(made[-1], owner="ada", actor="ada")
    succeed(store, {"val_loss": 0.1, "val_accuracy": 0.99})
    return made


def succeed(store: Record, best: dict[str, float | None]) -> None:
    (claim,) = store.claim(worker="w", device="cpu", limit=1, lease_s=60)
    assert store.succeed(Success(claim.job_id, claim.attempt, StopReason.max_epochs, 3, best))


def listed(store: Record, order: ByMetric, limit: int = 2) -> list[str]:
    """The ids of all pages."""
    seen: list[str] = []
    after: Position | None = None
    while True:
        page, _, after = store.list_jobs(JobFilter(), owner="ada", order=order, after=after, limit=limit)
        seen += [job.id for job in page]
        if after is None:
            return seen


@pytest.mark.parametrize("limit", [1, 2, 4, 6])
def test_pages_are_in_order_of_a_metric_and_jobs_without_it_come_last(
    store: Record, ids: list[str], limit: int
) -> None:
    down = [ids[n] for n in (3, 0, 4, 1, 5, 2)]
    assert listed(store, ByMetric("val_accuracy", descending=True), limit) == down
    up = [ids[n] for n in (1, 4, 0, 3, 5, 2)]
    assert listed(store, ByMetric("val_accuracy"), limit) == up
    assert listed(store, ByMetric("unknown"), limit) == ids[::-1]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (JobFilter(least={"val_accuracy": 0.7}), {0, 3, 4}),
        (JobFilter(least={"val_accuracy": 0.7}, most={"val_accuracy": 0.8, "val_loss": 1.0}), {4}),
        (JobFilter(least={"unknown": 0.0}), set()),
        (JobFilter(most={"val_loss": 1.0}, dataset="digits"), {0, 1, 2, 3, 4}),
        (JobFilter(name_part="nET 1"), {1}),
        (JobFilter(name_part="N_t"), set()),
        (JobFilter(dataset="digits"), {0, 1, 2, 3, 4, 5}),
        (JobFilter(dataset="moons"), set()),
    ],
)
def test_a_filter_finds_its_jobs_and_counts_them(
    store: Record, ids: list[str], wanted: JobFilter, numbers: set[int]
) -> None:
    for order in (ByMetric("val_accuracy"), ByMetric("val_accuracy", descending=True)):
        found, *_ = store.list_jobs(wanted, owner="ada", order=order)
        assert {ids.index(job.id) for job in found} == numbers
    assert store.count(wanted, owner="ada", upto=100) == len(numbers)
    assert store.count(wanted, owner="ada", upto=2) == min(2, len(numbers))


def test_an_administrator_s_list_has_the_jobs_of_all(store: Record, ids: list[str]) -> None:
    found, *_ = store.list_jobs(JobFilter(), owner=None, order=ByMetric("val_accuracy", descending=True), limit=1)
    assert found[0].owner == "bob"
    assert store.count(JobFilter(), owner=None, upto=100) == len(ids) + 1


def test_metrics_of_jobs_that_ended_before_the_table_was_there_are_copied(store: Record, engine: Engine) -> None:
    store.submit([JobSpec.model_validate({"dataset": "digits"})], owner="ada")
    succeed(store, {"val_loss": 0.25, "val_accuracy": None, "train_loss": 1.0})
    downgrade(engine, "0011")
    upgrade(engine)
    with engine.begin() as connection:
        rows = connection.execute(select(BestMetric.name, BestMetric.owner, BestMetric.value).order_by(BestMetric.name))
        assert [tuple(row) for row in rows] == [("train_loss", "ada", 1.0), ("val_loss", "ada", 0.25)]
        connection.execute(delete(BestMetric))
