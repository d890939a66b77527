"""The workers and the queue over HTTP, and what a queue that is full or has nobody to serve it says."""

from pathlib import Path

import pytest

from api.improvement_services import Improvements
from api.job_services import JobServices
from api.models import LoadedModels
from api.warm_starts import WarmStarts
from store import db
from store.datasets import DatasetStore
from store.disk_space import DiskSpace
from store.doorbell import Doorbell
from store.failpoints import Failpoints
from store.files import files_at
from store.queue import Queue
from store.sweep_results import SweepResults
from store.sweeps import SweepStore
from store.workers import WorkerRecord, WorkerStore

from .conftest import JOBS, NOBODY, XOR, Service, is_problem, service


def up(api: Service, name: str = "w", devices: tuple[str, ...] = ("cpu", "cpu"), free: tuple[str, ...] = ()) -> None:
    WorkerStore(api.engine).heartbeat(WorkerRecord(name, "host", 1, devices, free))


def test_workers_say_what_they_offer_and_what_they_train(both: Service) -> None:
    up(both, free=("cpu",))
    both.run()
    (worker,) = both.ask("GET", "/api/v1/workers").get_json()["workers"]
    assert worker.pop("seen_at").endswith("Z")
    assert worker == {
        "id": "w",
        "host": "host",
        "devices": ["cpu", "cpu"],
        "free_devices": ["cpu"],
        "slots": 2,
        "free_slots": 1,
        "training": [{"device": "cpu", "jobs": 1, "yours": 1}],
    }
    stranger = both.tokens.create(owner="eve")
    (worker,) = both.ask("GET", "/api/v1/workers", token=stranger).get_json()["workers"]
    assert worker["training"] == [{"device": "cpu", "jobs": 1, "yours": 0}]


def test_the_queue_says_how_long_it_is(both: Service) -> None:
    up(both, devices=("cpu", "cuda:0"), free=("cuda:0",))
    both.run()
    both.submit()
    queue = both.ask("GET", "/api/v1/queue").get_json()
    assert queue.pop("oldest_wait_s") >= 0.0
    assert queue == {
        "queued": {"auto": 1, "cpu": 0, "cuda": 0},
        "running": 1,
        "slots": {"cpu": 1, "cuda": 1},
        "free_slots": {"cpu": 0, "cuda": 1},
        "finished_per_min": 0.0,
        "backlog_s": None,
    }


def test_a_queued_job_says_when_it_starts(both: Service) -> None:
    up(both, free=("cpu",))
    place = both.ask("GET", f"{JOBS}/{both.submit()}").get_json()["queue"]
    assert (place["position"], place["why"]) == (1, "It needs a slot; 1 of 2 are free; it is next.")
    assert place["estimated_start_at"].endswith("Z")


def test_a_job_that_nobody_can_run_is_accepted_with_a_warning(both: Service) -> None:
    on_gpu = XOR | {"resources": {"device": "cuda"}}
    up(both)
    answer = both.ask("POST", JOBS, json=on_gpu)
    (warning,) = answer.get_json()["warnings"]
    assert answer.status_code == 201
    assert warning.startswith("It needs a GPU, and no worker that is up has one:")
    assert both.ask("POST", f"{JOBS}/bulk", json={"jobs": [XOR, on_gpu, on_gpu]}).get_json()["warnings"] == [warning]
    assert both.ask("POST", JOBS, json=XOR).get_json()["warnings"] == []


def test_a_warning_that_cannot_be_read_refuses_nobody(api: Service, tmp_path: Path) -> None:
    gone = db.connect("postgresql+psycopg://nobody@127.0.0.1:1/none")
    files = files_at(tmp_path.as_uri())
    starts = WarmStarts(api.store, DatasetStore(gone), LoadedModels(api.store, files), files)
    space, failpoints = DiskSpace(gone, files, 0), Failpoints("")
    improving = Improvements(api.store, SweepStore(gone), SweepResults(gone), space)
    services = JobServices(api.store, Queue(gone), starts, improving, Doorbell(NOBODY), files, space, "", failpoints)
    assert services.warnings([api.store.get(api.submit(), owner=None)]) == []
    gone.dispose()


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ("EPOCHAL_OWNER_QUEUED_LIMIT", "The quota of queued jobs of ann is 2, and 2 wait"),
        ("EPOCHAL_QUEUE_LIMIT", "2 jobs wait, and the queue takes 2"),
    ],
)
def test_a_full_queue_is_a_429_that_says_when_to_ask_again(tmp_path: Path, limit: str, sentence: str) -> None:
    full = service(tmp_path, **{limit: "2"})
    try:
        key = {"Idempotency-Key": "k"}
        assert full.ask("POST", JOBS, json=XOR, headers=key).status_code == 201
        full.submit()
        answer = full.ask("POST", JOBS, json=XOR)
        assert sentence in is_problem(answer, 429)["detail"]
        assert int(answer.headers["Retry-After"]) > 0
        is_problem(full.ask("POST", f"{JOBS}/bulk", json={"jobs": [XOR]}), 429)
        assert full.ask("POST", JOBS, json=XOR, headers=key).status_code == 200
        assert full.stored() == 2
    finally:
        full.engine.dispose()
