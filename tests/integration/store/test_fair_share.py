"""Fair share between projects: what counts as recent use, and whose job is next."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from spec.access import Quotas, Role
from spec.states import FailureReason
from store import db
from store.projects import ProjectStore
from store.queue import Queue
from store.recent_use import HALF_LIFE_S, SAMPLED_EVERY_S
from store.tables import RecentUse
from store.users import UserStore
from store.workers import WorkerRecord, WorkerStore
from tests.record import Record

from .test_jobs import claim, side_by_side, spec, submit


def project(engine: Engine, name: str, *members: str) -> str:
    """The id of a new project with these members."""
    users, projects = UserStore(engine), ProjectStore(engine)
    known = {user.name for user in users.listed()}
    for member in members:
        if member not in known:
            users.create(member, Role.member, Quotas())
    made = projects.create(name, creator=members[0], may_take_name=True)
    for member in members[1:]:
        projects.set_member(made, member, Role.member)
    return made.id


def used(engine: Engine) -> dict[tuple[str, str], float]:
    with db.reading(engine) as connection:
        rows = connection.execute(select(RecentUse.account, RecentUse.owner, RecentUse.seconds)).all()
    return {(row.account, row.owner): row.seconds for row in rows}


def passes(engine: Engine, seconds: float) -> None:
    """Let so much time have passed since the last sample."""
    with db.writing(engine) as connection:
        at = connection.execute(select(db.now())).scalar_one()
        connection.execute(update(RecentUse).values(at=at - timedelta(seconds=seconds)))


def has_used(engine: Engine, account: str | None, **seconds: float) -> None:
    """Owners have used so much, which was counted just now: in a project, or with None each alone."""
    with db.writing(engine) as connection:
        at = connection.execute(select(db.now())).scalar_one()
        for owner, used_s in seconds.items():
            row = {"account": account or owner, "owner": owner, "seconds": used_s, "at": at}
            connection.execute(insert(RecentUse).values(row))


def of(store: Record, owner: str, project: str = "default", count: int = 10, **fields: Any) -> None:
    submit(store, *(spec(project=project, seed=seed, **fields) for seed in range(count)), owner=owner)


def started(store: Record, times: int, size: int = 1) -> list[str]:
    """Whose jobs start, in this order: the project, or else the owner."""
    packs = [claim(store, size) for _ in range(times)]
    jobs = [store.get(pack[0].job_id, owner=None) for pack in packs if pack]
    return [job.owner if job.project_id is None else f"{job.project}/{job.owner}" for job in jobs]


# --- what counts --------------------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_reaper_adds_what_runs_once_a_minute_and_halves_what_is_a_day_old(store: Record, engine: Engine) -> None:
    vision = project(engine, "vision", "ada")
    submit(store, spec(project="vision"), spec(project="vision", seed=1), spec(seed=2), spec(seed=3), owner="ada")
    claims = claim(store)
    for _ in range(2):
        store.reap()  # a moment later it takes no second sample
        assert used(engine) == {(vision, "ada"): 30.0, ("ada", "ada"): 30.0}
    passes(engine, 2 * SAMPLED_EVERY_S)
    store.reap()
    assert used(engine) == pytest.approx({(vision, "ada"): 90.0, ("ada", "ada"): 90.0}, abs=1.0)
    for one in claims:
        store.fail(one.job_id, 1, reason=FailureReason.error, message="It broke.")
    passes(engine, HALF_LIFE_S)
    store.reap()
    assert used(engine) == pytest.approx({(vision, "ada"): 45.0, ("ada", "ada"): 45.0}, abs=1.0)


@pytest.mark.both_databases
def test_of_reapers_that_look_at_the_same_moment_one_takes_the_sample(store: Record, engine: Engine) -> None:
    submit(store)
    claim(store)
    side_by_side(*[store.reap] * 6)
    passes(engine, SAMPLED_EVERY_S)
    side_by_side(*[store.reap] * 6)
    assert used(engine) == pytest.approx({("ada", "ada"): 120.0}, abs=30.0)  # another sample is 60 more


# --- whose job is next --------------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_team_of_many_owners_has_the_share_of_one_project(store: Record, engine: Engine) -> None:
    project(engine, "vision", "ada", "bob", "cyd")
    project(engine, "speech", "dan")
    for owner in ("ada", "bob", "cyd"):
        of(store, owner, "vision")
    of(store, "dan", "speech")
    of(store, "eve")
    assert started(store, 7, 2) == ["vision/ada", "speech/dan", "eve", "vision/bob", "speech/dan", "eve", "vision/cyd"]


@pytest.mark.both_databases
def test_who_has_used_much_lets_others_go_first_until_they_have_as_much(store: Record, engine: Engine) -> None:
    vision, _ = project(engine, "vision", "ada", "bob"), project(engine, "speech", "cyd")
    has_used(engine, vision, ada=1500.0, bob=300.0)
    for owner in ("ada", "bob"):
        of(store, owner, "vision")
    of(store, "cyd", "speech", priority=-1)
    of(store, "cyd", "speech")
    assert started(store, 6) == ["speech/cyd"] * 3 + ["vision/bob", "speech/cyd", "vision/bob"]
    of(store, "ada", "vision", priority=1, count=1)
    assert started(store, 1) == ["vision/ada"]  # priority goes before share


@pytest.mark.both_databases
def test_what_was_used_long_ago_counts_no_more(store: Record, engine: Engine) -> None:
    has_used(engine, None, ada=3000.0)
    of(store, "ada")
    of(store, "bob", priority=0)
    assert started(store, 1) == ["bob"]
    passes(engine, 3 * HALF_LIFE_S)
    store.reap()  # a sample: what runs is bob's
    assert used(engine)[("ada", "ada")] == pytest.approx(375.0, abs=1.0)
    assert started(store, 1) == ["ada"]


def test_an_owner_with_jobs_in_two_projects_takes_each_projects_turn(store: Record, engine: Engine) -> None:
    project(engine, "vision", "ada")
    project(engine, "speech", "ada")
    of(store, "ada", "vision")
    of(store, "ada", "speech")  # of the same shape: in its turn, its jobs come before older ones of the other
    assert started(store, 4, 2) == ["vision/ada", "speech/ada"] * 2


def test_a_pack_takes_jobs_of_one_shape_from_all_projects_of_its_owner(store: Record, engine: Engine) -> None:
    project(engine, "vision", "ada")
    project(engine, "speech", "ada")
    of(store, "ada", "vision", count=3)
    of(store, "ada", "speech", count=2)
    assert len(claim(store, 10)) == 5


def test_small_differences_leave_the_older_job_first(store: Record, engine: Engine) -> None:
    has_used(engine, None, ada=25.0)
    of(store, "ada", count=1)
    of(store, "bob", count=1)
    assert started(store, 2) == ["ada", "bob"]


def test_a_sole_owner_starts_jobs_by_priority_and_age_whatever_it_has_used(store: Record, engine: Engine) -> None:
    has_used(engine, None, ada=90_000.0)
    older = submit(store, *(spec(seed=seed, project=f"p{seed}") for seed in range(3)))
    urgent = submit(store, spec(priority=1))
    assert [one.job_id for _ in range(4) for one in claim(store, 1)] == urgent + older


@pytest.mark.both_databases
def test_claims_at_the_same_moment_are_shared_between_projects(store: Record, engine: Engine) -> None:
    team = [f"owner{number}" for number in range(8)]
    project(engine, "vision", *team)
    project(engine, "speech", "cyd")
    for owner in team:
        of(store, owner, "vision", count=4)
    of(store, "cyd", "speech", count=20)
    packs = side_by_side(*(lambda w=f"w{number}": claim(store, 2, worker=w) for number in range(8)))
    projects = Counter(store.get(pack[0].job_id, owner=None).project for pack in packs)
    assert projects.total() == 8
    assert abs(projects["vision"] - projects["speech"]) <= 2


TEAMS = {"vision": ["ada", "bob", "cyd"], "speech": ["ada", "dan"], "default": ["ada", "bob", "eve"]}


@pytest.mark.either_database
@pytest.mark.parametrize("seed", range(4))
def test_the_places_are_the_order_in_which_jobs_of_projects_start(store: Record, engine: Engine, seed: int) -> None:
    """Claimed one at a time, the n-th job to start is the one at the n-th place."""
    draw = random.Random(seed)
    for name in ("vision", "speech"):
        account = project(engine, name, *TEAMS[name])
        has_used(engine, account, **{owner: draw.choice([0.0, 900.0, 1234.0]) for owner in TEAMS[name]})
    has_used(engine, None, ada=draw.choice([0.0, 1800.0]), eve=3000.0)
    waiting = list[str]()
    for number in range(30):
        name = draw.choice(list(TEAMS))
        drawn = spec(project=name, priority=draw.choice([0, 0, 0, 1]), seed=number)
        waiting += submit(store, drawn, owner=draw.choice(TEAMS[name]))
    for _ in range(draw.randrange(4)):
        waiting.remove(claim(store, 1)[0].job_id)
    places = [(place.position, job_id) for job_id in waiting if (place := Queue(engine).place(job_id))]
    started = [one.job_id for _ in waiting for one in claim(store, 1)]
    assert sorted(places) == list(enumerate(started, start=1))


def test_a_job_that_waits_for_others_share_says_what_its_project_has_used(store: Record, engine: Engine) -> None:
    has_used(engine, project(engine, "vision", "ada"), ada=9000.0)
    WorkerStore(engine).heartbeat(WorkerRecord("w1", "host", 1, ["cpu"], []))
    (mine,) = submit(store, spec(project="vision"), owner="ada")
    alone = Queue(engine).place(mine)
    of(store, "eve", count=1)
    behind = Queue(engine).place(mine)
    used_s = "Its project has used 2.5 hours of device time lately: whoever has used less is first."
    assert alone is not None
    assert behind is not None
    assert "it is next. No job" in alone.why
    assert f"1 job is ahead of it by fair share. {used_s}" in behind.why
