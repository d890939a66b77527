"""What users ask for, answered as the description says."""

import gzip
import json
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from api.answers import job_news
from api.app import create_app
from api.streamed import PIECE
from spec.settings import Settings
from spec.states import FailureReason, StopReason
from store import db
from store.db import now
from store.files import files_at
from store.records import JOB_NEWS, ArtifactRecord, Progress, Success
from store.tables import CurveChunk, Job
from tests.record import listening

from .conftest import JOBS, XOR, Service, is_problem, service
from .sweeping import SWEEPS, asked


def curve(first: int, last: int) -> dict[str, list[float | None]]:
    epochs = range(first, last + 1)
    return {"epoch": list(epochs), "train_loss": [1 / epoch for epoch in epochs]}


def test_submit(both: Service) -> None:
    answer = both.ask("POST", JOBS, json=XOR | {"name": "first", "tags": {"team": "vision"}})
    job = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{JOBS}/{job['id']}" == job["links"]["self"]
    assert uuid.UUID(job["id"]).version == 7
    assert (job["status"], job["attempt"], job["queue"]) == ("queued", 0, None)
    assert set(job["links"]) == {"self", "curve", "events", "stream", "cancel", "pause"}
    assert job["warnings"] == ["No worker is up: start one with `epochal worker`."]
    shown = both.ask("GET", job["links"]["self"]).get_json()
    place = shown["queue"]
    assert shown == job | {"queue": place, "warnings": []}
    assert place["position"] == 1
    assert "epochal worker" in place["why"]
    assert both.stored() == 1


def test_a_list_takes_as_many_statements_for_many_jobs_as_for_one(both: Service) -> None:
    counts = []
    for _ in range(2):
        both.submit()
        with listening(both.engine) as statements:
            both.ask("GET", JOBS)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 4


def test_the_same_key_gives_the_same_job(both: Service) -> None:
    headers = {"Idempotency-Key": "0197-abc"}
    first = both.ask("POST", JOBS, json=XOR, headers=headers)
    again = both.ask("POST", JOBS, json={"dataset": {"name": "xor"}}, headers=headers)  # the same, otherwise written
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json() == again.get_json()
    assert first.headers["Location"] == again.headers["Location"]
    assert both.stored() == 1


def test_bulk(both: Service) -> None:
    body = {"jobs": [XOR | {"seed": seed} for seed in range(300)]}
    answer = both.ask("POST", f"{JOBS}/bulk", json=body, headers={"Idempotency-Key": "k"})
    ids = answer.get_json()["ids"]
    assert (answer.status_code, len(set(ids)), both.stored()) == (201, 300, 300)
    assert both.ask("GET", f"{JOBS}/{ids[7]}").get_json()["spec"]["seed"] == 7
    again = both.ask("POST", f"{JOBS}/bulk", json=body, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.get_json()["ids"], both.stored()) == (200, ids, 300)


def test_bulk_above_the_limit_of_one_job(api: Service) -> None:
    tags = {f"k{i}": "v" * 500 for i in range(50)}
    body = {"jobs": [XOR | {"tags": tags} for _ in range(60)]}
    assert api.ask("POST", f"{JOBS}/bulk", json=body).status_code == 201


@pytest.mark.both_databases
def test_bulk_is_all_or_nothing(both: Service) -> None:
    problem = is_problem(both.ask("POST", f"{JOBS}/bulk", json={"jobs": [XOR, XOR | {"epochs": 0}, XOR]}), 422)
    assert problem["errors"] == [{"path": "jobs.1.epochs", "message": "must be at least 1; it is 0"}]
    assert both.stored() == 0


def test_check(api: Service) -> None:
    checked = api.ask("POST", f"{JOBS}/check", json=XOR | {"architecture": {"type": "mlp", "hidden": [8]}}).get_json()
    assert checked["parameters"] == (2 * 8 + 8) + (8 * 2 + 2)
    assert (checked["train_rows"], checked["validation_rows"]) == (320, 80)
    assert checked["memory_bytes"] > 0
    assert checked["spec"]["learning_rate"] == 0.001
    short = api.ask("POST", f"{JOBS}/check", json=XOR | {"schedule": "warmup_cosine", "epochs": 2}).get_json()
    assert "a learning rate of 0.0004 at most, not 0.001: train more epochs" in short["warnings"][-1]
    assert api.stored() == 0


def test_list(both: Service) -> None:
    first = both.submit(project="a", name="x", tags={"team": "vision", "run": "1"})
    second = both.submit(project="b", name="x", tags={"team": "vision"})
    third = both.submit(project="b", name="y")
    both.ask("POST", f"{JOBS}/{third}/cancel")

    def listed(query: str) -> list[str]:
        return [job["id"] for job in both.ask("GET", f"{JOBS}?{query}").get_json()["jobs"]]

    assert listed("") == [third, second, first]
    assert listed("status=queued") == [second, first]
    assert listed("project=b") == [third, second]
    assert listed("name=x&project=a") == [first]
    assert listed("tag=team:vision") == [second, first]
    assert listed("tag=team:vision&tag=run:1") == [first]
    assert listed("tag=team:audio") == []
    assert listed("status=running") == []


@pytest.mark.both_databases
def test_a_search_is_in_any_case_of_any_letters(both: Service) -> None:
    wanted, _ = both.submit(name="Große ÄPFEL"), both.submit()
    sweep = both.ask("POST", SWEEPS, json=asked(name="ÉTUDE")).get_json()["id"]
    jobs = both.ask("GET", JOBS, query_string={"search": "GROßE äpfel"}).get_json()["jobs"]
    sweeps = both.ask("GET", SWEEPS, query_string={"search": "étude"}).get_json()["sweeps"]
    assert ([one["id"] for one in jobs], [one["id"] for one in sweeps]) == ([wanted], [sweep])


INLINE = {"x": [[0, 1, 2], [1, 0, 2], [1, 1, 2], [0, 0, 2]] * 50, "y": [1, 1, 0, 0] * 50}


@pytest.mark.parametrize("sort", ["-created", "created", "best_val_loss"])
def test_a_list_leaves_out_the_rows_of_inline_data_and_says_how_many(both: Service, sort: str) -> None:
    named = {"split": ["train", "train", "validation", "train"] * 50, "validation_fraction": 0.0, "monitor": "val_loss"}
    dataset = {**INLINE, "split": named.pop("split")}
    job_id, other = both.submit(dataset=dataset, learning_rate=0.5, **named), both.submit()
    listed = {job["id"]: job for job in both.ask("GET", f"{JOBS}?sort={sort}").get_json()["jobs"]}
    assert listed[job_id]["spec"]["dataset"] == {"rows": 200, "columns": 3}
    whole = both.ask("GET", f"{JOBS}/{job_id}").get_json()["spec"]
    assert (len(whole["dataset"]["x"]), whole["dataset"]["split"][:2]) == (200, ["train", "train"])
    assert {**listed[job_id]["spec"], "dataset": None} == {**whole, "dataset": None}
    assert listed[other]["spec"] == both.ask("GET", f"{JOBS}/{other}").get_json()["spec"]


def test_inline_rows_that_do_not_suffice_are_refused_when_they_are_submitted(api: Service) -> None:
    few = {"dataset": {"x": [[0.5 * row] for row in range(12)], "y": [0.0] * 8 + [1.0] * 4}, "folds": 9}
    for path, body, field in (
        (JOBS, few, "folds"),
        (f"{JOBS}/check", few, "folds"),
        (f"{JOBS}/bulk", {"jobs": [XOR, few]}, "jobs.1.folds"),
        (SWEEPS, asked(base={**few, "folds": None}, folds=9), "folds"),
    ):
        (error,) = is_problem(api.ask("POST", path, json=body), 422)["errors"]
        assert error == {"path": field, "message": "must be at most 8, the rows of the largest class that are not test"}
    assert api.stored() == 0


def test_pages(both: Service) -> None:
    ids = [both.submit() for _ in range(5)]
    seen, query = [], "limit=2"
    for _ in range(3):
        page = both.ask("GET", f"{JOBS}?{query}").get_json()
        seen += [job["id"] for job in page["jobs"]]
        query = f"limit=2&cursor={page['next']}"
    assert seen == ids[::-1]
    assert page["next"] is None


@pytest.mark.both_databases
def test_jobs_that_wait_in_the_order_in_which_they_start(both: Service) -> None:
    low, first, second = both.submit(priority=-3), both.submit(), both.submit()
    high, gone = both.submit(priority=100), both.submit()
    both.ask("POST", f"{JOBS}/{gone}/cancel")
    page = both.ask("GET", f"{JOBS}?sort=queue&limit=3&status=queued").get_json()
    rest = both.ask("GET", f"{JOBS}?sort=queue&limit=3&cursor={page['next']}").get_json()
    assert ([job["id"] for job in page["jobs"]], page["total"]) == ([high, first, second], 4)
    assert ([job["id"] for job in rest["jobs"]], rest["next"]) == ([low], None)
    claims = both.store.claim(worker="w", device="cpu", limit=1, lease_s=60)
    assert [claim.job_id for claim in claims] == [high]
    for wrong in ("status=running", "status=queued&status=failed", f"cursor={low}", f"cursor={low}~0.5"):
        (error,) = is_problem(both.ask("GET", f"{JOBS}?sort=queue&{wrong}"), 422)["errors"]
        assert error["path"] == wrong.partition("=")[0]


def test_curve(both: Service) -> None:
    job_id = both.run()
    both.store.renew(worker="w", progress=[Progress(job_id, 1, curve(1, 3))], lease_s=60)
    both.store.renew(worker="w", progress=[Progress(job_id, 1, curve(4, 5), 12.5)], lease_s=60)
    assert both.ask("GET", f"{JOBS}/{job_id}/curve").get_json() == curve(1, 5)
    assert both.ask("GET", f"{JOBS}/{job_id}/curve?from=4").get_json() == curve(4, 5)
    assert both.ask("GET", f"{JOBS}/{job_id}/curve?from=6").get_json()["epoch"] == []
    shown = both.ask("GET", f"{JOBS}/{job_id}").get_json()
    assert shown["progress"] == {"epoch": 5, "epochs": 100, "epochs_per_s": 12.5, "eta_s": 95 / 12.5}
    assert (shown["status"], shown["worker"], shown["queue"]) == ("running", "w", None)


def test_a_curve_says_when_its_epochs_came(both: Service) -> None:
    job_id = both.run()
    for part in (curve(1, 4), curve(5, 5), curve(6, 7)):
        both.store.renew(worker="w", progress=[Progress(job_id, 1, part)], lease_s=60)
    with db.writing(both.engine) as connection:
        began = connection.execute(select(Job.started_at)).scalar_one()
        assert began is not None
        for first, seconds in {1: 0.8, 5: 3.0, 6: 10.0}.items():
            at = began + timedelta(seconds=seconds)
            connection.execute(update(CurveChunk).where(CurveChunk.first_epoch == first).values(at=at))
    shown = both.ask("GET", f"{JOBS}/{job_id}/curve?seconds=true").get_json()
    assert shown == {**curve(1, 7), "seconds": [0.2, 0.4, 0.6, 0.8, 3.0, 6.5, 10.0]}
    assert both.ask("GET", f"{JOBS}/{job_id}/curve?seconds=true&from=7").get_json()["seconds"] == [10.0]
    both.store.requeue(job_id, 1, reason="its worker stopped", charge=False)
    (claim,) = both.store.claim(worker="w", device="cpu", limit=1, lease_s=60)
    both.store.renew(worker="w", progress=[Progress(job_id, claim.attempt, curve(1, 2))], lease_s=60)
    with db.writing(both.engine) as connection:
        later = update(CurveChunk).where(CurveChunk.attempt == claim.attempt)
        connection.execute(later.values(at=began + timedelta(seconds=60.0)))
    shown = both.ask("GET", f"{JOBS}/{job_id}/curve?seconds=true").get_json()
    assert shown == {**curve(1, 2), "seconds": [59.5, 60.0]}


def test_a_job_without_a_curve_yet(api: Service) -> None:
    assert api.ask("GET", f"{JOBS}/{api.submit()}/curve").get_json() == {"epoch": []}
    path = f"{JOBS}/{api.submit()}/curve?seconds=true"
    assert api.ask("GET", path).get_json() == {"epoch": [], "seconds": []}


def test_events(both: Service) -> None:
    job_id = both.run()
    both.store.fail(job_id, 1, reason=FailureReason.diverged, message="The loss became NaN in epoch 3.")
    events = both.ask("GET", f"{JOBS}/{job_id}/events").get_json()["events"]
    assert [(event["seq"], event["from_status"], event["to_status"]) for event in events] == [
        (1, None, "queued"),
        (2, "queued", "running"),
        (3, "running", "failed"),
    ]
    assert events[0]["actor"] == "ann"
    assert events[2]["reason"] == "The loss became NaN in epoch 3."


def test_cancel_while_it_waits(both: Service) -> None:
    job_id = both.submit()
    for _ in range(2):
        answer = both.ask("POST", f"{JOBS}/{job_id}/cancel")
        assert (answer.status_code, answer.get_json()["status"]) == (200, "cancelled")
    assert "cancel" not in answer.get_json()["links"]


def test_cancel_while_it_runs(both: Service) -> None:
    job_id = both.run()
    for _ in range(2):
        answer = both.ask("POST", f"{JOBS}/{job_id}/cancel")
        job = answer.get_json()
        assert (answer.status_code, job["status"], job["cancel_requested"]) == (202, "running", True)
    both.store.confirm_cancel(job_id, 1)
    assert both.ask("POST", f"{JOBS}/{job_id}/cancel").status_code == 200


def test_cancel_after_its_end(both: Service) -> None:
    job_id = both.run()
    both.store.fail(job_id, 1, reason=FailureReason.error, message="It broke.")
    problem = is_problem(both.ask("POST", f"{JOBS}/{job_id}/cancel"), 409)
    assert problem["detail"] == "A job that has failed cannot be cancelled: it has ended, and can be deleted."


def test_retry(both: Service) -> None:
    job_id = both.run()
    is_problem(both.ask("POST", f"{JOBS}/{job_id}/retry"), 409)
    both.store.fail(job_id, 1, reason=FailureReason.error, message="It broke.")
    failed = both.ask("GET", f"{JOBS}/{job_id}").get_json()
    assert failed["failure"] == {"reason": "error", "message": "It broke.", "retryable": True}
    answer = both.ask("POST", failed["links"]["retry"])
    assert (answer.status_code, answer.get_json()["status"], answer.get_json()["failure"]) == (202, "queued", None)
    is_problem(both.ask("POST", f"{JOBS}/{job_id}/retry"), 409)


@pytest.fixture
def left(both: Service, tmp_path: Path) -> tuple[Service, str]:
    """A job that succeeded, and left a model."""
    job_id = both.run()
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    files = files_at(Settings.read({"EPOCHAL_HOME": str(tmp_path)}).files_url)
    at = f"jobs/{job_id}/a1/model.safetensors"
    files.put(at, b"weights")
    end = Success(
        job_id,
        1,
        StopReason.max_epochs,
        best_epoch=2,
        best_metrics={"val_loss": 0.5},
        points=curve(1, 2),
        artifacts=[ArtifactRecord(name="model.safetensors", uri=files.uri(at), sha256="ab" * 32, size=7)],
    )
    both.store.succeed(end)
    return both, job_id


def test_files(left: tuple[Service, str]) -> None:
    api, job_id = left
    job = api.ask("GET", f"{JOBS}/{job_id}").get_json()
    assert (job["status"], job["stop_reason"], job["best"]["epoch"]) == ("succeeded", "max_epochs", 2)
    assert job["verdict"]["kind"] in ("good", "underfit", "overfit")
    assert job["verdict"]["sentence"].lower().startswith(job["verdict"]["kind"])
    assert (
        job["verdict"]["suggestion"] is None
        or api.ask("POST", JOBS, json=job["verdict"]["suggestion"]).status_code == 201
    )
    assert api.ask("GET", job["links"]["files"]).get_json() == {"model.safetensors": 7}
    answer = api.ask("GET", f"{job['links']['files']}/model.safetensors")
    assert (answer.data, answer.content_type) == (b"weights", "application/octet-stream")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="model.safetensors"'
    assert answer.headers["ETag"] == f'"{"ab" * 32}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_large_file_is_sent_in_pieces(left: tuple[Service, str], tmp_path: Path) -> None:
    api, job_id = left
    whole = bytes(range(256)) * 4096 * 2 + b"end"
    (tmp_path / "files" / "jobs" / job_id / "a1" / "model.safetensors").write_bytes(whole)
    with api.ask("GET", f"{JOBS}/{job_id}/files/model.safetensors") as answer:
        pieces = list(answer.iter_encoded())
    assert answer.headers["Content-Length"] == str(len(whole))
    assert [len(piece) for piece in pieces] == [PIECE, PIECE, 3]
    assert b"".join(pieces) == whole


NAMES = ("spec.json", "..", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "MODEL.safetensors", "a" * 5000, "%00", "%ff")


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:20])
def test_a_file_that_is_not_there(left: tuple[Service, str], name: str) -> None:
    api, job_id = left
    is_problem(api.ask("GET", f"{JOBS}/{job_id}/files/{name}"), 404)


def test_a_file_that_was_taken_away(left: tuple[Service, str], tmp_path: Path) -> None:
    api, job_id = left
    (tmp_path / "files" / "jobs" / job_id / "a1" / "model.safetensors").unlink()
    problem = is_problem(api.ask("GET", f"{JOBS}/{job_id}/files/model.safetensors"), 404)
    assert "no longer" in problem["detail"]


def test_a_job_without_files(api: Service) -> None:
    assert api.ask("GET", f"{JOBS}/{api.submit()}/files").get_json() == {}


def test_mlflow_is_linked_as_browsers_reach_it(api: Service) -> None:
    from store.mirror import MirrorStore

    job_id = api.run()
    assert api.ask("GET", f"{JOBS}/{job_id}").get_json()["mlflow"] is None
    MirrorStore(api.engine).started(job_id, "r1", "7")
    run: dict[str, Any] = api.ask("GET", f"{JOBS}/{job_id}").get_json()["mlflow"]
    assert run == {"run_id": "r1", "url": "http://mlflow:5000/#/experiments/7/runs/r1?workflowType=machine_learning"}


def test_a_record_that_is_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    api = service(tmp_path)
    well = dict.fromkeys(("database", "disk", "files"), "ok")
    assert api.ask("GET", "/readyz").get_json() == {"status": "ok", "checks": well}
    api.engine.dispose()
    (tmp_path / "epochal.db").rename(tmp_path / "moved.db")
    (tmp_path / "epochal.db").mkdir()
    answer = api.ask("GET", JOBS)
    is_problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
    assert "unable to open database file" in caplog.text
    assert "Traceback" not in caplog.text
    assert answer.headers["X-Request-Id"] in caplog.text
    ready = api.ask("GET", "/readyz")
    assert (ready.status_code, ready.get_json()["status"]) == (503, "unavailable")
    assert api.ask("GET", "/healthz").get_json() == {"status": "ok", "checks": {}}


def test_a_server_of_the_record_that_is_gone(tmp_path: Path) -> None:
    nowhere = "postgresql+psycopg://postgres@127.0.0.1:1/nothing"
    app = create_app(Settings.read({"EPOCHAL_HOME": str(tmp_path), "EPOCHAL_DATABASE_URL": nowhere}))
    client = app.test_client()
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()["status"]) == (503, "unavailable")
    answer = client.post(JOBS, json=XOR, headers={"Authorization": "Bearer epo_x"})
    is_problem(answer, 503)
    assert "Retry-After" in answer.headers
    assert client.get("/healthz").status_code == 200


def test_a_list_by_a_best_metric_has_pages_and_says_how_many_jobs_there_are(both: Service) -> None:
    ids = [both.run(name=f"n{n}", seed=n) for n in range(3)]
    for n, job_id in enumerate(ids):
        both.store.succeed(Success(job_id, 1, StopReason.max_epochs, 1, {"val_accuracy": n / 10}))
    query = "sort=-best_val_accuracy&min=val_accuracy:0.05&status=succeeded&status=failed&limit=1"
    page = both.ask("GET", f"{JOBS}?{query}").get_json()
    assert ([job["id"] for job in page["jobs"]], page["total"]) == ([ids[2]], 2)
    rest = both.ask("GET", f"{JOBS}?{query}&cursor={page['next']}").get_json()
    assert ([job["id"] for job in rest["jobs"]], rest["next"], rest["total"]) == ([ids[1]], None, None)
    for query, found in {
        "min=val_accuracy:0.15&min=val_accuracy:0.05": [ids[2]],
        "max=val_accuracy:0.05&max=val_accuracy:0.15": [ids[0]],
    }.items():
        assert [job["id"] for job in both.ask("GET", f"{JOBS}?{query}").get_json()["jobs"]] == found, query
    for wrong in ("sort=loss", "min=val_accuracy", "max=a:nan", "cursor=" + "-" * 36, f"cursor={ids[0]}~x", "dataset="):
        assert is_problem(both.ask("GET", f"{JOBS}?{wrong}"), 422)["errors"][0]["path"] == wrong.partition("=")[0]


def test_a_long_answer_is_compressed_for_clients_that_take_it(api: Service) -> None:
    for _ in range(3):
        api.submit()
    plain, packed = (api.ask("GET", JOBS, headers={"Accept-Encoding": kind}) for kind in ("identity", "gzip, br"))
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert len(packed.data) < len(plain.data) / 4
    assert gzip.decompress(packed.data) == plain.data


NEWER_SPEC = {"version": 99, "dataset": "xor", "novelty": True}


def test_a_job_of_a_newer_release_hides_no_others_in_a_list(api: Service) -> None:
    ids = [api.submit(name=name) for name in ("a", "theirs", "c")]
    with db.writing(api.engine) as connection:
        connection.execute(update(Job).where(Job.id == ids[1]).values(spec=NEWER_SPEC))
    page = api.ask("GET", JOBS).get_json()
    assert ([job["id"] for job in page["jobs"]], page["next"], page["total"]) == ([ids[2], ids[0]], None, 3)
    (theirs,) = page["newer"]
    assert (theirs["id"], theirs["name"], theirs["status"]) == (ids[1], "theirs", "queued")
    assert theirs["why"].startswith("A newer release of the service wrote this job")
    pages = [api.ask("GET", f"{JOBS}?limit=1").get_json()]
    while (cursor := pages[-1]["next"]) is not None:
        pages.append(api.ask("GET", f"{JOBS}?limit=1&cursor={cursor}").get_json())
    assert [[job["id"] for job in [*page["jobs"], *page["newer"]]] for page in pages] == [[one] for one in ids[::-1]]


def test_a_job_of_a_newer_release_is_said_to_be_one(api: Service) -> None:
    job_id = api.submit()
    with db.writing(api.engine) as connection:
        connection.execute(update(Job).values(spec=NEWER_SPEC))
    problem = is_problem(api.ask("GET", f"{JOBS}/{job_id}"), 501)
    assert problem["detail"].startswith("A newer release of the service wrote this job")
    assert problem["newer"] == api.ask("GET", JOBS).get_json()["newer"][0]
    for verb, path in (("PATCH", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/retry"), ("POST", "/cancel")):
        refused = is_problem(api.ask(verb, f"{JOBS}/{job_id}{path}", json={"priority": 5}), 501)
        assert refused["newer"] == problem["newer"]
    assert [event.to_status for event in api.store.events(job_id)] == ["queued"]


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("sort=val_loss", "sort", "must be created, or best_METRIC such as best_val_loss"),
        ("cursor=abc", "cursor", "must be the `next` of the page before"),
        ("id=zz", "id", "must be 4 or more of the digits"),
        ("min=val_loss", "min", "must be metric:number"),
    ],
)
def test_a_wrong_query_says_what_is_allowed(api: Service, query: str, field: str, words: str) -> None:
    (error,) = is_problem(api.ask("GET", f"{JOBS}?{query}"), 422)["errors"]
    assert error["path"].startswith(field)
    assert error["message"].startswith(words)


def test_a_spec_of_a_list_is_not_taken_without_its_rows(api: Service) -> None:
    (error,) = is_problem(api.ask("POST", JOBS, json={"dataset": {"rows": 4, "columns": 2}}), 422)["errors"]
    assert (error["path"], error["message"][:42]) == ("dataset", "has no rows, which a list of jobs leaves o")


def test_reasons_that_only_a_newer_release_knows_hide_no_job(api: Service) -> None:
    failed, stopped = api.submit(), api.submit()
    ended = {"finished_at": now(), "best_metrics": {}}
    with db.writing(api.engine) as connection:
        values = {"status": "failed", "failure_reason": "cosmic_ray", "failure_message": "A bit was flipped.", **ended}
        connection.execute(update(Job).where(Job.id == failed).values(values))
        values = {"status": "succeeded", "stop_reason": "bored", **ended}
        connection.execute(update(Job).where(Job.id == stopped).values(values))
        news = [job_news(row) for row in connection.execute(JOB_NEWS.order_by(Job.id))]
    listed = api.ask("GET", f"{JOBS}?sort=created").get_json()["jobs"]
    by_id = [api.ask("GET", f"{JOBS}/{job_id}").get_json() for job_id in (failed, stopped)]
    for jobs in (listed, by_id, [json.loads(one.model_dump_json()) for one in news]):
        assert jobs[0]["failure"] == {"reason": "error", "message": "A bit was flipped.", "retryable": True}
        assert (jobs[1]["status"], jobs[1]["stop_reason"]) == ("succeeded", None)
