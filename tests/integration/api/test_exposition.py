"""The service in figures, as Prometheus reads them."""

from functools import partial
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from api.exposition import KEPT_S, METHODS, Exposition
from spec.states import FailureReason
from spec.views import Change, Curve
from store import db
from store.disk_space import DiskSpace
from store.figures import Figures as RecordFigures
from store.figures import read_figures
from store.files import files_at
from store.records import Progress
from store.tables import Job
from store.tally import FOLDED_FROM, LEASE_LOST, count_lost_leases, fold, totals
from store.tokens import METRICS_READ
from store.workers import WorkerRecord, WorkerStore

from .conftest import JOBS, XOR, Service, is_problem

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Figures:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figures(made: Service) -> Figures:
    """What a service that was not asked before says."""
    files = files_at(made.home.as_uri())
    return read(Exposition(partial(read_figures, made.engine), DiskSpace(made.engine, files, 0), 7).text().decode())


def one(found: Figures, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_the_figures_count_what_waits_runs_and_works(both: Service) -> None:
    running = [both.submit(seed=seed) for seed in range(3)]
    claims = both.store.claim(worker="w", device="cpu", limit=3, lease_s=60)
    assert [claim.job_id for claim in claims] == running
    WorkerStore(both.engine).heartbeat(WorkerRecord("w", "host", 1, ("cpu", "cpu", "cuda:0"), ("cpu", "cuda:0")))
    chunk: Curve = {"epoch": [1], "train_loss": [0.5]}
    progress = [Progress(claim.job_id, claim.attempt, chunk, epochs_per_s=10.0) for claim in claims]
    both.store.renew(worker="w", progress=progress, lease_s=60)
    for device in ("auto", "auto", "cuda"):
        both.submit(resources={"device": device}, epochs=50)
    found = figures(both)
    assert one(found, "epochal_jobs_queued", owner="ann", device="auto") == 2
    assert one(found, "epochal_jobs_queued", owner="ann", device="cuda") == 1
    assert 0 <= one(found, "epochal_queue_oldest_seconds", owner="ann", device="auto") < 60
    assert one(found, "epochal_jobs_running", owner="ann", device="cpu") == 3
    assert one(found, "epochal_packs_running", device="cpu") == 1
    assert one(found, "epochal_workers") == 1
    assert (one(found, "epochal_slots", device="cpu"), one(found, "epochal_slots_free", device="cpu")) == (2, 1)
    steps = one(found, "epochal_model_steps_per_second", device="cpu")
    assert steps % 30 == 0  # 10 epochs a second of three jobs
    assert steps > 0
    assert one(found, "epochal_backlog_seconds") == pytest.approx(3 * 50 / 30)
    assert one(found, "epochal_mirror_jobs_behind") == 3
    assert 0 <= one(found, "epochal_mirror_lag_seconds") < 60
    assert one(found, "epochal_queue_limit") == 7
    assert one(found, "epochal_disk_free_bytes", of="files") <= one(found, "epochal_disk_size_bytes", of="files")


def test_a_job_that_came_back_to_the_queue_has_waited_since_then(both: Service) -> None:
    job_id = both.submit()

    def oldest_s() -> float:
        return one(figures(both), "epochal_queue_oldest_seconds", owner="ann", device="auto")

    with db.writing(both.engine) as connection:
        connection.execute(update(Job).where(Job.id == job_id).values(created_at=db.now(-7200)))
    both.store.change(job_id, Change(name="another"), owner="ann", actor="ann")
    assert oldest_s() > 7000
    both.store.request_pause(job_id, owner="ann", actor="ann")
    both.store.resume(job_id, owner="ann", actor="ann")
    assert 0 <= oldest_s() < 60
    waits = both.submit()
    with db.writing(both.engine) as connection:
        at = db.now(-7200)
        connection.execute(update(Job).where(Job.id == waits).values(created_at=at, updated_at=at))
    assert oldest_s() > 7000


def test_what_ended_stays_counted_when_jobs_are_deleted_and_counters_are_added_up(both: Service) -> None:
    ended = {"status": "failed", "reason": "diverged"}
    both.store.fail(both.run(), 1, reason=FailureReason.diverged, message="NaN")
    lost = both.submit()
    both.store.claim(worker="w", device="cpu", limit=1, lease_s=-1)
    both.store.reap()
    assert both.ask("POST", f"{JOBS}/{lost}/cancel").status_code == 200
    before = figures(both)
    assert one(before, "epochal_jobs_ended_total", **ended) == 1
    assert one(before, "epochal_jobs_ended_total", status="cancelled", reason="") == 1
    assert one(before, "epochal_leases_lost_total") == 1
    for job in both.ask("GET", JOBS).get_json()["jobs"]:
        assert both.ask("DELETE", f"{JOBS}/{job['id']}").status_code in (200, 204)
    assert both.stored() == 0
    with db.writing(both.engine) as connection:
        for _ in range(FOLDED_FROM):
            count_lost_leases(connection, 1)
        fold(connection)
        assert totals(connection, LEASE_LOST) == {("", ""): 1 + FOLDED_FROM}
        assert connection.exec_driver_sql("SELECT count(*) FROM tally").scalar() == 3
    after = figures(both)
    assert one(after, "epochal_jobs_ended_total", **ended) == 1
    assert one(after, "epochal_leases_lost_total") == 1 + FOLDED_FROM


def test_a_token_for_prometheus_reads_the_figures_and_nothing_else(api: Service) -> None:
    token = api.tokens.create(owner="prometheus", scopes=[METRICS_READ])
    answer = api.ask("GET", "/metrics", token=token)
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    assert one(read(answer.text), "epochal_record_up") == 1
    is_problem(api.ask("GET", JOBS, token=token), 403)
    is_problem(api.ask("POST", JOBS, json=XOR, token=token), 403)
    is_problem(api.ask("GET", "/metrics", token=None), 401)
    assert "metrics:read" in is_problem(api.ask("GET", "/metrics"), 403)["detail"]
    admin = api.tokens.create(owner="root", scopes=["admin"])
    assert api.ask("GET", "/metrics", token=admin).status_code == 200


def test_requests_are_counted_by_route_and_not_by_job(api: Service) -> None:
    token = api.tokens.create(owner="prometheus", scopes=[METRICS_READ])
    route = {"route": f"{JOBS}/<uuid:job_id>", "method": "GET", "status": "4xx"}
    name = "epochal_http_request_seconds_count"
    before = read(api.ask("GET", "/metrics", token=token).text).get((name, frozenset(route.items())), 0.0)
    for number in range(3):
        api.ask("GET", f"{JOBS}/0197f2c0-0000-7000-8000-00000000000{number}")
    api.ask("GET", "/no/such/page")
    for number in range(3):
        api.ask(f"WORD{number}", "/no/such/page", token=None)
    found = read(api.ask("GET", "/metrics", token=token).text)
    assert one(found, name, **route) == before + 3
    assert one(found, name, route="none", method="GET", status="4xx") >= 1
    assert one(found, name, route="none", method="other", status="4xx") >= 3
    assert {dict(labels).get("method") for _, labels in found} <= {None, "other", *METHODS}


def test_figures_are_read_once_in_a_few_seconds_and_a_record_that_is_away_is_said(tmp_path: Path) -> None:
    gone = db.connect("postgresql+psycopg://nobody@127.0.0.1:1/none")
    now = [0.0]
    asked = []

    def counted() -> RecordFigures:
        asked.append(now[0])
        return read_figures(gone)

    space = DiskSpace(gone, files_at(tmp_path.as_uri()), 0)
    shown = Exposition(counted, space, 0, clock=lambda: now[0])
    for at in (0.0, KEPT_S / 2, KEPT_S, KEPT_S + 1.0):
        now[0] = at
        found = read(shown.text().decode())
        assert one(found, "epochal_record_up") == 0
        assert ("epochal_workers", frozenset()) not in found
    assert asked == [0.0, KEPT_S + 1.0]
    gone.dispose()


@pytest.mark.parametrize("path", ["/metrics/", "/Metrics", "/metrics;x"])
def test_no_other_spelling_shows_them(api: Service, path: str) -> None:
    assert api.ask("GET", path, token=None).status_code in (401, 404)
