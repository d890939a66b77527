from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, update

from store import db
from store.tables import Worker
from store.workers import WorkerRecord, WorkerStore


def test_a_worker_is_up_while_it_sends_heartbeats(engine: Engine) -> None:
    workers = WorkerStore(engine)
    workers.heartbeat(WorkerRecord("w1", "host", 7, ["cpu:0"], ["cpu:0"]))
    workers.heartbeat(WorkerRecord("w1", "host", 7, ["cpu:0"], []))
    (live,) = workers.live()
    assert (live.id, live.devices, live.free_devices) == ("w1", ("cpu:0",), ())
    with db.writing(engine) as connection:
        connection.execute(update(Worker).values(seen_at=datetime.now(UTC) - timedelta(minutes=5)))
    assert workers.live() == []


def test_a_worker_that_ends_is_deleted(engine: Engine) -> None:
    workers = WorkerStore(engine)
    workers.heartbeat(WorkerRecord("w1", "host", 7, ["cpu:0"], ["cpu:0"]))
    workers.gone("w1")
    assert workers.live() == []
