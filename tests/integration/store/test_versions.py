"""Two releases on one record: what this one cannot read is left to the newer one, and nothing else waits for it."""

from typing import Any

import pytest
from sqlalchemy import Engine, update

from spec.newer import NewerReleaseError
from spec.sweep import RULES_VERSION
from store.changes import ChangeStore, Seen
from store.db import writing
from store.mirror import MirrorStore
from store.parents import ParentStore
from store.sweep_records import SweepRecord
from store.tables import Job, Sweep

from .test_sweeps import BRACKETS, House, asked

NEWER: list[dict[str, Any]] = [
    {"version": RULES_VERSION + 1, "novelty": True},
    {"version": RULES_VERSION, "base": {"version": 99, "novelty": True}},
]


@pytest.fixture
def house(engine: Engine) -> House:
    return House(engine)


def written(house: House, sweep: SweepRecord, change: dict[str, Any]) -> None:
    """Let the record have the sweep's spec with these changes."""
    with writing(house.sweeps._engine) as connection:
        body = sweep.spec.model_dump(mode="json") | change
        connection.execute(update(Sweep).where(Sweep.id == sweep.id).values(spec=body))


@pytest.mark.parametrize("change", NEWER, ids=["rules", "jobs"])
def test_a_controller_leaves_a_newer_sweep_and_looks_after_the_others(house: House, change: dict[str, Any]) -> None:
    theirs, ours = (house.sweeps.submit(asked(seed=seed), owner="ann") for seed in (1, 2))
    written(house, theirs, change)
    house.controller().round()
    assert [sweep.id for sweep in house.trials.lease("one", 10.0)] == [ours.id]
    assert house.sweeps.get(ours.id, owner="ann").generations > 0
    assert [sweep.id for sweep in ParentStore(house.sweeps._engine).pending()] == [ours.id]
    assert [sweep.id for sweep in ChangeStore(house.sweeps._engine).poll(Seen()).sweeps] == [ours.id]
    with pytest.raises(NewerReleaseError, match=r"newer release .* this sweep"):
        house.sweeps.get(theirs.id, owner="ann")


def test_a_worker_passes_over_a_newer_bracket_and_trains_the_others(house: House) -> None:
    sweep = house.sweeps.submit(asked(**BRACKETS), owner="ann")
    house.controller().round()
    ours = house.jobs.submit([sweep.spec.base], owner="eve").jobs[0].id
    written(house, sweep, NEWER[0])
    claims = house.jobs.claim(worker="w", device="cpu", limit=8, lease_s=60)
    assert [claim.job_id for claim in claims] == [ours]
    assert house.jobs.claim(worker="w", device="cpu", limit=8, lease_s=60) == []
    written(house, sweep, {})
    assert len(house.jobs.claim(worker="newer", device="cpu", limit=8, lease_s=60)) == 8


@pytest.mark.parametrize("of", ["job", "sweep"])
def test_the_mirror_leaves_newer_jobs_and_jobs_of_newer_sweeps(house: House, of: str) -> None:
    sweep = house.sweeps.submit(asked(trials=1), owner="ann")
    house.controller().round()
    house.jobs.submit([sweep.spec.base], owner="eve")
    house.work()
    ParentStore(house.sweeps._engine).started(sweep.id, "its run")  # before it, no run of a job is made
    mirror = MirrorStore(house.sweeps._engine)
    assert {one.job.owner for one in mirror.finished()} == {"ann", "eve"}
    if of == "sweep":
        written(house, sweep, NEWER[0])
    else:
        with writing(house.sweeps._engine) as connection:
            mine = update(Job).where(Job.sweep_id == sweep.id)
            connection.execute(mine.values(spec={"version": 99, "dataset": "iris", "novelty": True}))
    assert {one.job.owner for one in mirror.finished()} == {"eve"}


@pytest.mark.parametrize("change", NEWER, ids=["rules", "jobs"])
def test_a_newer_sweep_hides_no_others_in_a_list(house: House, change: dict[str, Any]) -> None:
    ours, theirs = (house.sweeps.submit(asked(seed=seed), owner="ann") for seed in (1, 2))
    written(house, theirs, change)
    sweeps, newer, following = house.sweeps.list_sweeps(owner="ann")
    assert ([one.id for one in sweeps], [(one.id, one.status) for one in newer], following) == (
        [ours.id],
        [(theirs.id, "running")],
        None,
    )
    sweeps, newer, following = house.sweeps.list_sweeps(owner="ann", limit=1)
    assert (sweeps, [one.id for one in newer], following) == ([], [theirs.id], theirs.id)


@pytest.mark.parametrize("change", NEWER, ids=["rules", "jobs"])
def test_a_request_for_a_newer_sweep_is_refused_and_changes_nothing(house: House, change: dict[str, Any]) -> None:
    theirs = house.sweeps.submit(asked(), owner="ann")
    written(house, theirs, change)
    for request in (house.sweeps.pause, house.sweeps.cancel):
        with pytest.raises(NewerReleaseError):
            request(theirs.id, owner="ann", actor="ann")
    _, (newer,), _ = house.sweeps.list_sweeps(owner="ann")
    assert newer.status == "running"
