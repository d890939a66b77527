"""The record of data sets, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine

from spec.dataset import Targets
from spec.job import JobSpec
from spec.profile import ColumnProfile, Profile, Reading
from spec.schema import Column, ColumnKind, Schema, Target
from spec.space import Choice
from spec.sweep import SweepSpec
from store.datasets import DatasetRecord, DatasetStore
from store.errors import DatasetInUseError, DatasetNotFoundError
from store.sweeps import SweepStore
from tests.record import Record

TABLE = Schema(
    columns=(Column(name="a", type=ColumnKind.category, categories=("x", "y"), gaps=True),),
    target=Target(name="b", type=Targets.numbers),
)
PROFILE = ColumnProfile(name="a", type=ColumnKind.category, missing=1)


@pytest.fixture
def datasets(engine: Engine) -> DatasetStore:
    return DatasetStore(engine)


def identity(number: int) -> str:
    return f"ds_{number:032x}"


def add(datasets: DatasetStore, number: int = 1, **fields: Any) -> DatasetRecord:
    profile = Profile(format="csv", columns=[PROFILE], target=PROFILE)
    reading = Reading(rows=10, table=TABLE, profile=profile, sha256="1" * 64)
    values: dict[str, Any] = {"owner": "ann", "name": "n", "sha256": "0" * 64, "size": 100, "reading": reading}
    return datasets.add(identity(number), **(values | fields))


def job(dataset: DatasetRecord) -> JobSpec:
    return JobSpec.model_validate({"dataset": dataset.uploaded, "loss": "mse"})


def test_a_data_set_is_found_as_it_was_added(datasets: DatasetStore) -> None:
    added = add(datasets)
    assert datasets.get(added.id, owner="ann") == datasets.get(added.id, owner=None) == added
    assert added.uploaded.info == TABLE.info(10)
    with pytest.raises(DatasetNotFoundError):
        datasets.get(added.id, owner="bob")


def test_adding_a_data_set_again_changes_nothing(datasets: DatasetStore) -> None:
    assert add(datasets, name="first") == add(datasets, name="second")


def test_versions_are_counted_by_owner_and_name(datasets: DatasetStore) -> None:
    made = [add(datasets, 1), add(datasets, 2), add(datasets, 3, name="other"), add(datasets, 4, owner="bob")]
    assert [one.version for one in made] == [1, 2, 1, 1]
    assert {one.id for one in datasets.newest(owner="ann")} == {identity(1), identity(2), identity(3)}
    assert [one.version for one in datasets.newest(owner="ann", name="n")] == [2, 1]
    assert (datasets.used(owner="ann"), datasets.used(owner="eve")) == (300, 0)


def test_the_version_of_a_deleted_data_set_is_not_given_again(datasets: DatasetStore) -> None:
    add(datasets, 1)
    datasets.delete(add(datasets, 2).id, owner="ann")
    assert add(datasets, 3).version == 3
    assert add(datasets, 2).version == 4


def test_uploads_at_the_same_time_get_versions_of_their_own(datasets: DatasetStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: add(datasets, number % 6), range(12)))
    assert sorted({(one.id, one.version) for one in made}, key=lambda one: one[1]) == sorted(
        ((one.id, one.version) for one in datasets.newest(owner="ann")), key=lambda one: one[1]
    )
    assert {one.version for one in made} == {1, 2, 3, 4, 5, 6}


def test_a_data_set_is_deleted_when_no_job_needs_it(datasets: DatasetStore, store: Record) -> None:
    dataset = add(datasets)
    (submitted,) = store.submit([job(dataset)], owner="ann").jobs
    with pytest.raises(DatasetInUseError, match="1 job needs"):
        datasets.delete(dataset.id, owner="ann")
    store.request_cancel(submitted.id, owner="ann", actor="ann")
    with pytest.raises(DatasetNotFoundError):
        datasets.delete(dataset.id, owner="bob")
    datasets.delete(dataset.id, owner="ann")
    assert datasets.find(dataset.id, owner="ann") is None


def test_a_deleted_data_set_keeps_its_name_until_it_is_uploaded_again(datasets: DatasetStore) -> None:
    first, second = add(datasets, 1, name="measured"), add(datasets, 2, name="other")
    datasets.delete(first.id, owner="ann")
    datasets.delete(second.id, owner="ann")
    assert [(gone.id, gone.name, gone.version) for gone in datasets.deleted(owner="ann", name="measured")] == [
        (first.id, "measured", 1)
    ]
    assert {gone.id for gone in datasets.deleted(owner="ann")} == {first.id, second.id}
    assert datasets.deleted(owner="bob") == []
    add(datasets, 1, name="measured")
    assert [gone.id for gone in datasets.deleted(owner="ann")] == [second.id]


def test_a_data_set_is_deleted_when_no_sweep_needs_it(datasets: DatasetStore, store: Record, engine: Engine) -> None:
    dataset, sweeps = add(datasets), SweepStore(engine)
    spec = SweepSpec(base=job(dataset), space={"learning_rate": Choice(choice=(0.1, 0.2))}, method="grid")
    sweep = sweeps.submit(spec, owner="ann")
    with pytest.raises(DatasetInUseError, match=f"The sweep {sweep.id} needs"):
        datasets.delete(dataset.id, owner="ann")
    sweeps.cancel(sweep.id, owner="ann", actor="ann")
    datasets.delete(dataset.id, owner="ann")


@pytest.mark.parametrize("owner", ["ann", "bob"])
def test_a_job_is_not_submitted_on_a_data_set_that_is_deleted_or_another_owners(
    datasets: DatasetStore, store: Record, owner: str
) -> None:
    dataset = add(datasets, owner="bob")
    if owner == "bob":
        datasets.delete(dataset.id, owner="bob")
    with pytest.raises(DatasetNotFoundError):
        store.submit([job(dataset)], owner=owner)
    assert sum(store.counts().values()) == 0


def test_deleting_while_jobs_are_submitted_leaves_no_job_without_data(datasets: DatasetStore, store: Record) -> None:
    def submit(dataset: DatasetRecord) -> bool:
        try:
            store.submit([job(dataset)], owner="ann")
        except DatasetNotFoundError:
            return False
        return True

    def drop(dataset: DatasetRecord) -> bool:
        try:
            datasets.delete(dataset.id, owner="ann")
        except DatasetInUseError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        for number in range(40):
            dataset = add(datasets, number)
            submitted, dropped = threads.submit(submit, dataset), threads.submit(drop, dataset)
            assert submitted.result() is not dropped.result()
