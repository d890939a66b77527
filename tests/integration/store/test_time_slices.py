"""What the record answers a pack whose time slice is over, and a slot on which owners take turns."""

from datetime import timedelta

from sqlalchemy import Engine, select, update

from spec.access import Quotas, Role
from store import db
from store.checkpoints import CheckpointRecord
from store.records import Progress
from store.tables import Lease
from store.users import UserStore
from store.workers import WorkerRecord, WorkerStore
from tests.record import Record

from .test_jobs import job, spec, submit

WORKER = "w1"


def must_give_way(store: Record) -> bool:
    return store.must_give_way(worker=WORKER, device="cpu", owner="ada", slice_s=600.0)


def claimed(store: Record, *behind: str) -> str:
    """The owner whose job is claimed."""
    (claim,) = store.claim(worker=WORKER, device="cpu", limit=1, lease_s=30.0, behind=behind)
    assert claim.owner == job(store, claim.job_id).owner
    return claim.owner


def test_a_pack_gives_way_when_it_has_a_checkpoint_its_slice_is_over_and_another_owner_waits(
    store: Record, engine: Engine
) -> None:
    WorkerStore(engine).heartbeat(WorkerRecord(WORKER, "here", 1, ("cpu",), ()))
    submit(store, spec(), spec(seed=1), spec(seed=2))
    (first,) = store.claim(worker=WORKER, device="cpu", limit=1, lease_s=30.0)
    saved = CheckpointRecord(epoch=3, uri="file:///a", sha256="0" * 64)
    with db.writing(engine) as connection:
        at = connection.execute(select(db.now())).scalar_one()
        connection.execute(update(Lease).values(since=at - timedelta(seconds=700)))
    submit(store, spec(), owner="bob")
    assert not must_give_way(store)

    store.renew(worker=WORKER, progress=[Progress(first.job_id, 1, checkpoints=(saved,))], lease_s=30.0)
    store.claim_into_pack(worker=WORKER, device="cpu", beside=first.job_id, limit=1, lease_s=30.0)
    with db.writing(engine) as connection:
        assert len(connection.execute(select(Lease.since).distinct()).all()) == 1
    assert must_give_way(store)
    users = UserStore(engine)
    users.create("root", Role.admin, Quotas())
    users.create("bob", Role.member, Quotas(running=0))
    assert not must_give_way(Record(engine))  # bob may start nothing
    users.change("bob", quotas=Quotas())
    assert must_give_way(Record(engine))
    assert not store.must_give_way(worker=WORKER, device="cpu", owner="ada", slice_s=900.0)
    WorkerStore(engine).heartbeat(WorkerRecord("another", "here", 2, ("cpu",), ("cpu",)))
    assert not must_give_way(store)

    WorkerStore(engine).gone("another")
    (bobs,) = store.claim(worker="another", device="cpu", limit=1, lease_s=30.0, behind=("ada",))
    assert bobs.owner == "bob"
    submit(store, spec(), owner="bob")
    assert not must_give_way(store)  # he has as many slots as she


def test_owners_who_had_a_turn_are_behind_the_others_and_take_turns(store: Record) -> None:
    submit(store, spec(priority=9), spec(priority=9, seed=1))
    submit(store, spec(), owner="bob")
    submit(store, spec(), owner="cyd")
    assert claimed(store, "ada") == "bob"
    assert claimed(store, "bob", "ada") == "cyd"
    assert claimed(store, "cyd", "bob", "ada") == "ada"
    assert claimed(store, "ada") == "ada"
    assert store.claim(worker=WORKER, device="cpu", limit=1, lease_s=30.0, behind=("ada", "bob")) == []
