"""Handles: what the client asks of the API, and what it makes of the answers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from epochal.client import Api, Job
from epochal.client import job as job_module
from epochal.client.fields import fields, plain, spec_with
from epochal.client.waiting import POLLED_AT_ONCE, wait, wait_for_improvement
from epochal.errors import (
    BadFileError,
    BadSpecError,
    NotEndedError,
    NotFoundError,
    ServerUnreachableError,
    WrongUseError,
)
from spec.job import JobSpec
from spec.states import JobStatus
from spec.views import JobView

from .jobs import ID, Clock, api_of, client_of, view

DATASET = f"ds_{'4' * 32}"
SUMMARY = {
    **{"id": DATASET, "name": "people", "version": 2, "task": "classification", "rows": 9, "features": 4, "outputs": 2},
    **{"image": None, "sha256": "0" * 64, "size_bytes": 1, "links": {}, "created_at": "2026-01-01T00:00:00Z"},
}
BEST = {"epoch": 3, "metrics": {"val_loss": 0.5, "val_accuracy": 0.75}}
VERDICT = {"kind": "good", "sentence": "Good: <fine>.", "gap": 0.1, "best_epoch": 3}
VERDICT["suggestion"] = JobSpec.model_validate({"dataset": "xor", "epochs": 7}).model_dump(mode="json")


class Server:
    """A service that answers by path, and keeps what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        last = request.url.path.rsplit("/", 1)[-1]
        answer = self.answers.get(last, self.answers.get("job"))
        if last == "jobs" and request.method == "POST":
            answer = view()
        if last == "jobs" and request.method == "GET":
            answer = {"jobs": self.answers.get("listed", []), "next": None}
        if last == "bulk":
            answer = {"ids": [ID] * len(json.loads(request.content)["jobs"])}
        if last == "datasets":
            named = request.url.params.get("name")
            answer = {"datasets": [SUMMARY] if named in (None, "people") else []}
        return httpx.Response(200, json=answer(request) if callable(answer) else answer)

    @property
    def sent(self) -> Any:
        """The last body."""
        return json.loads(self.asked[-1].content)


# --- submit -----------------------------------------------------------------------------------------------------------


def test_keyword_arguments_are_the_fields_of_a_spec() -> None:
    server = Server()
    job = client_of(server).submit(dataset="digits", hidden=[64, 32], momentum=0.9, optimizer="sgd", seed=np.int64(3))
    assert job.id == ID
    assert server.sent.keys() == {"dataset", "architecture", "optimizer", "seed"}
    assert server.sent["architecture"]["hidden"] == [64, 32]
    assert server.sent["optimizer"].items() >= {"type": "sgd", "momentum": 0.9}.items()
    assert server.sent["seed"] == 3


@pytest.mark.parametrize("x", [pd.DataFrame({"a": [0.5, 2.0], "b": [True, False]}), [[0.5, 1], [2.0, 0]]])
@pytest.mark.parametrize("y", [np.array([True, False]), pd.Series([True, False]), [1, 0]])
def test_inline_data_are_frames_and_arrays_in_which_true_is_1(x: Any, y: Any) -> None:
    assert plain({"x": x, "y": y}) == {"x": [[0.5, 1], [2.0, 0]], "y": [1, 0]}
    assert plain({"batch_size": range(8, 25, 8)}) == {"batch_size": [8, 16, 24]}


def test_arguments_replace_the_fields_of_a_spec_in_any_form(tmp_path: Path) -> None:
    server = Server()
    client = client_of(server)
    (tmp_path / "one.yaml").write_text("dataset: xor\nepochs: 5\n")
    for spec in ({"dataset": "xor", "epochs": 5}, tmp_path / "one.yaml", str(tmp_path / "one.yaml")):
        client.submit(spec, epochs=6)
        assert (server.sent["dataset"]["name"], server.sent["epochs"]) == ("xor", 6)
    client.submit(JobSpec.model_validate({"dataset": "xor", "epochs": 5}), noise=0.3)
    assert server.sent["dataset"]["noise"] == 0.3
    assert server.sent["epochs"] == 5


def test_an_argument_that_is_no_field_is_named() -> None:
    with pytest.raises(BadSpecError, match="did you mean hidden") as refused:
        client_of(Server()).submit(dataset="xor", hiden=[3], epochs=0)
    assert {error.path for error in refused.value.errors} == {"hiden", "epochs"}


def test_every_field_has_one_name() -> None:
    places = {field.name: field.path for field in fields()}
    assert len(places) == len(set(places.values())) == len(fields())
    assert places["hidden"] == ("architecture", "hidden")
    assert places["schedule_patience"] == ("schedule", "patience")
    assert places["patience"] == ("patience",)
    assert spec_with({}, {"lr": 0.5}) == spec_with({}, {"learning_rate": 0.5})
    assert spec_with({"optimizer": "sgd"}, {"momentum": 0.5})["optimizer"] == {"type": "sgd", "momentum": 0.5}


def test_a_data_set_is_a_handle_a_name_or_a_spec() -> None:
    server = Server(**{DATASET: SUMMARY})
    client = client_of(server)
    for given in (client.datasets()[0], "people", DATASET, {"id": DATASET}):
        client.submit(dataset=given)
        assert server.sent["dataset"]["id"] == DATASET
    with pytest.raises(NotFoundError, match="you have people"):
        client.submit(dataset="persons")
    with pytest.raises(WrongUseError, match="has its target already"):
        client.submit(dataset="people", target="kind")
    with pytest.raises(BadFileError, match=r"persons\.csv"):
        client.submit(dataset="persons.csv", target="kind")


def test_a_job_begins_with_the_model_of_a_handle() -> None:
    server = Server()
    client = client_of(server)
    client.submit(dataset="xor", init_from=Job(client, ID))
    assert server.sent["init_from"] == ID
    server.answers["listed"] = [view()]
    client.submit({"dataset": "xor", "init_from": "4f2a91c7"})
    assert server.sent["init_from"] == ID


def test_a_file_names_data_and_a_mapping_has_numbers_of_numpy(tmp_path: Path) -> None:
    server = Server(**{DATASET: SUMMARY})
    client = client_of(server)
    (tmp_path / "job.yaml").write_text("dataset: people\nname: 2026-11-29\n")
    client.submit(tmp_path / "job.yaml")
    assert (server.sent["dataset"]["id"], server.sent["name"]) == (DATASET, "2026-11-29")
    client.submit_many([{"seed": seed} for seed in np.arange(2)], dataset="xor")
    assert [spec["seed"] for spec in server.sent["jobs"]] == [0, 1]
    with pytest.raises(BadSpecError, match="activation"):
        client.submit(dataset="xor", activation=object())


def test_many_jobs_are_lists_or_a_file_and_arguments_are_for_all(tmp_path: Path) -> None:
    server = Server()
    client = client_of(server)
    (tmp_path / "two.yaml").write_text("jobs: [{seed: 1}, {seed: 2}]\n")
    for specs in ([{"seed": 1}, {"seed": 2}], tmp_path / "two.yaml"):
        jobs = client.submit_many(specs, dataset="xor")
        assert [job.id for job in jobs] == [ID, ID]
        assert [spec["seed"] for spec in server.sent["jobs"]] == [1, 2]
    assert len(server.asked) == 2  # handles ask nothing until something is asked of them
    with pytest.raises(WrongUseError, match="submit_many"):
        client.submit(tmp_path / "two.yaml", dataset="xor")
    with pytest.raises(WrongUseError, match="not list"):
        client.submit([{"seed": 1}])  # type: ignore[arg-type]


def test_a_name_in_many_specs_is_looked_up_once() -> None:
    server = Server(listed=[view()])
    client_of(server).submit_many([{"dataset": "people", "init_from": "4f2a91c7", "seed": seed} for seed in range(3)])
    assert {(spec["dataset"]["id"], spec["init_from"]) for spec in server.sent["jobs"]} == {(DATASET, ID)}
    last = [request.url.path.rsplit("/", 1)[-1] for request in server.asked]
    assert (last.count("datasets"), last.count("bulk"), len(last)) == (1, 1, 4)  # a job by its id, and by its name


def test_a_job_that_would_wait_for_ever_warns() -> None:
    client = client_of(lambda _: httpx.Response(201, json=view(warnings=["No worker has a GPU."])))
    with pytest.warns(UserWarning, match="No worker has a GPU"):
        client.submit(dataset="xor")


# --- handles ----------------------------------------------------------------------------------------------------------


def test_a_job_is_asked_for_anew_until_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "FRESH_S", 0.0)
    server = Server(job=view(status="running"))
    job = client_of(server).job(ID)
    assert (job.status, job.ended, job.verdict, job.suggestion) == (JobStatus.running, False, None, None)
    server.answers["job"] = view(status="succeeded", best=BEST, verdict=VERDICT)
    assert job.ended
    asked = len(server.asked)
    assert job.suggestion is not None
    assert job.suggestion.epochs == 7
    assert job.best is not None
    assert job.best.epoch == 3
    assert len(server.asked) == asked
    server.answers["job"] = view(status="queued")
    assert job.refresh().status is JobStatus.queued  # retried by somebody else


def test_a_job_of_a_list_gets_its_verdict_when_that_is_asked_for() -> None:
    server = Server(
        listed=[view(status="succeeded", best=BEST)], job=view(status="succeeded", best=BEST, verdict=VERDICT)
    )
    (job,) = client_of(server).jobs(status="succeeded")
    assert job.verdict is not None
    assert [request.url.path for request in server.asked] == ["/api/v1/jobs", f"/api/v1/jobs/{ID}"]
    with pytest.raises(WrongUseError, match="not done"):
        client_of(server).jobs(status="done")
    with pytest.raises(WrongUseError, match="not 5"):
        client_of(server).jobs(status=["queued", 5])  # type: ignore[list-item]
    for several in ("queued,running", "queued, running", ["queued", JobStatus.running]):
        list(client_of(server).jobs(status=several))
        assert server.asked[-1].url.params["status"] == "queued,running"
    assert client_of(server).job(job) == job


def test_no_state_at_all_is_refused_and_does_not_list_everything() -> None:
    server = Server()
    client = client_of(server)
    with pytest.raises(WrongUseError, match=r"No state is given\. A job is queued, .*; None stands for all"):
        client.jobs(status=[])
    with pytest.raises(WrongUseError, match=r"No state is given\. A sweep is "):
        client.sweeps(state=iter(()))
    assert not server.asked
    list(client.api.jobs(status=()))  # which the service refuses
    assert server.asked[-1].url.params["status"] == ""


def test_a_list_of_jobs_is_a_table_of_what_differs_and_how_it_ended() -> None:
    fast = JobSpec.model_validate({"dataset": "xor", "learning_rate": 0.1}).model_dump(mode="json")
    server = Server(listed=[view(status="succeeded", best=BEST, spec=fast, name="fast"), view(id=ID[:-1] + "8")])
    found = client_of(server).jobs()
    assert "to_frame()" in repr(found)
    frame = found.to_frame()
    assert list(frame.index) == [ID, ID[:-1] + "8"]
    columns = ["name", "status", "epoch", "learning_rate", "best_epoch", "val_loss", "val_accuracy", "created_at"]
    assert list(frame.columns) == columns
    assert frame["learning_rate"].to_list() == [0.1, 0.001]
    assert list(client_of(Server()).jobs().to_frame().columns) == [
        "name",
        "status",
        "epoch",
        "best_epoch",
        "created_at",
    ]


def test_jobs_of_a_list_are_asked_for_once_where_the_list_does_not_say_it() -> None:
    diverged = view(status="failed", metrics={"train_loss": 0.5})
    server = Server(listed=[view(status="succeeded", best=BEST), diverged], job={**diverged, "verdict": VERDICT})
    jobs = list(client_of(server).jobs())
    assert [(job.ended, job.best is None, job.metrics, job.name) for job in jobs] == [
        (True, False, {}, None),
        (True, True, {"train_loss": 0.5}, None),
    ]
    assert len(server.asked) == 1
    assert jobs[1].verdict is not None
    assert jobs[1].suggestion is not None
    assert [request.url.path for request in server.asked] == ["/api/v1/jobs", f"/api/v1/jobs/{ID}"]


def test_the_spec_of_a_job_of_a_list_has_its_rows_when_that_is_asked_for() -> None:
    data = {"x": [[0.0], [1.0]] * 9, "y": [0.0, 1.0] * 9}
    whole = JobSpec.model_validate({"dataset": data}).model_dump(mode="json")
    server = Server(job=view(spec=whole), listed=[view(spec={**whole, "dataset": {"rows": 18, "columns": 1}})])
    (known,) = client_of(server).jobs()
    assert (known.status, len(server.asked)) == (JobStatus.queued, 1)
    assert known.spec == JobSpec.model_validate(whole)
    assert len(server.asked) == 2


def test_a_job_is_shown_in_a_line_and_in_a_table() -> None:
    done = view(status="succeeded", name="<b>", best=BEST, verdict=VERDICT)
    job = client_of(Server(job=done)).job(ID)
    line = "<Job 4f2a91c7 <b>: succeeded, epoch 0 of 100, validation loss 0.5, validation accuracy 75.0 %>"
    assert repr(job) == line
    assert "<b>" not in job._repr_html_()
    assert "Good: &lt;fine&gt;." in job._repr_html_()


def test_a_clone_has_the_changes_and_a_name_that_says_so() -> None:
    server = Server(job=view(name="renamed", priority=3, status="succeeded"))
    client_of(server).job(ID).clone(epochs=9, hidden=[5])
    sent = server.sent
    assert (sent["priority"], sent["epochs"], sent["architecture"]["hidden"]) == (3, 9, [5])
    assert sent["name"] == "renamed, epochs 9, hidden [5]"
    client_of(server).job(ID).clone(name="mine")
    assert server.sent["name"] == "mine"


def test_requests_of_a_job_go_to_its_routes() -> None:
    server = Server(job=view(status="running"))
    job = client_of(server).job(ID)
    for ask in (job.cancel, job.pause, job.resume, job.retry):
        assert ask() is job
        assert server.asked[-1].url.path == f"/api/v1/jobs/{ID}/{ask.__name__}"


def test_a_job_is_found_by_its_name_or_the_end_of_its_id() -> None:
    server = Server(job=view())
    client = client_of(server)
    assert client.job(ID).id == ID
    assert len(server.asked) == 1
    with pytest.raises(NotFoundError, match="No job has the name abc"):
        client.job("abc")
    server.answers["listed"] = [view()]
    assert client.job("4f2a91c7") == Job(client, ID)


# --- wait -------------------------------------------------------------------------------------------------------------


def waited(api: Api, ids: list[str], *, timeout_s: float | None = None) -> tuple[list[JobView], float]:
    clock = Clock()
    found = wait(api, ids, lambda _: None, timeout_s=timeout_s, sleep=clock.sleep, clock=clock)
    return found, clock.now


def after(count: int, early: Callable[[], httpx.Response]) -> Callable[[httpx.Request], httpx.Response]:
    """A server whose job has ended at the request `count`; before, it answers `early`."""
    asked = iter(range(10_000))
    return lambda _: early() if next(asked) < count else httpx.Response(200, json=view(status="succeeded"))


def test_waiting_polls_until_the_end() -> None:
    (job,), passed = waited(api_of(after(3, lambda: httpx.Response(200, json=view(status="running")))), [ID])
    assert job.status is JobStatus.succeeded
    assert passed == pytest.approx(0.9)


def test_waiting_outlives_a_server_that_is_away_for_a_while() -> None:
    def away() -> httpx.Response:
        raise httpx.ConnectError("no")

    (job,), _ = waited(api_of(after(20, away)), [ID])
    assert job.status is JobStatus.succeeded
    with pytest.raises(ServerUnreachableError, match="epochal up"):
        waited(api_of(after(10_000, away)), [ID])


def test_waiting_ends_after_the_timeout() -> None:
    running = api_of(after(10_000, lambda: httpx.Response(200, json=view(status="running"))))
    with pytest.raises(NotEndedError, match=r"Job 4f2a91c7 has not ended within 2 s\. It goes on") as caught:
        waited(running, [ID], timeout_s=2.0)
    assert isinstance(caught.value, TimeoutError)


def test_jobs_that_have_ended_are_not_waited_for() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=view(id=request.url.path.rsplit("/", 1)[-1], status="succeeded"))

    jobs, passed = waited(api_of(handle), [f"job-{place}" for place in range(2 * POLLED_AT_ONCE + 1)])
    assert (len(jobs), passed) == (2 * POLLED_AT_ONCE + 1, 0.0)


def test_ctrl_c_leaves_the_jobs_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    client = client_of(interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.wait(Job(client, ID))
    assert 'Job 4f2a91c7 goes on: client.wait("4f2a91c7") waits again' in capsys.readouterr().err
    with pytest.raises(KeyboardInterrupt):
        client.wait([Job(client, ID), Job(client, ID.replace("0", "1"))])
    assert "The 2 jobs go on" in capsys.readouterr().err


def test_what_is_waited_for_comes_back_as_it_came() -> None:
    server = Server(job=view(status="succeeded"))
    client = client_of(server)
    job = Job(client, ID)
    assert client.wait(job) is job
    assert client.wait([job, ID]) == [job, job]
    asked = len(server.asked)
    assert job.wait().status is JobStatus.succeeded
    assert len(server.asked) == asked + 1
    assert client.wait([]) == []


# --- data sets --------------------------------------------------------------------------------------------------------


def test_a_data_set_shows_columns_gaps_classes_and_notes() -> None:
    columns = [
        {"name": "age", "type": "number", "min": 1.0, "max": 9.5, "missing": 2},
        {"name": "<city>", "type": "category", "values": [{"value": "Oslo", "count": 9}]},
        {"name": "w", "type": "number", "role": "weight", "min": 0.0, "max": 1.0},
    ]
    profile = {
        **{"format": "csv", "columns": columns, "target": {"name": "kind", "type": "category"}},
        **{"classes": [{"value": "a", "count": 5}], "notes": ["Column 'x' is empty."]},
    }
    server = Server(**{DATASET: SUMMARY | profile})
    found = client_of(server).dataset("people")
    assert str(found).splitlines() == [
        f"Dataset people, version 2 ({DATASET}): 9 rows, classification",
        "  age     number    2 gaps; 1 to 9.5",
        "  <city>  category  Oslo 9",
        "  w       number    0 to 1; no feature: weight",
        "  target: kind, classes a 5",
        "  note: Column 'x' is empty.",
    ]
    assert "&lt;city&gt;" in found._repr_html_()
    assert (found.gaps, found.classes, found.target) == ({"age": 2}, {"a": 5}, "kind")


def test_a_data_set_of_images_shows_them() -> None:
    listed = [{"row": 7, "label": "cat", "href": "/x/7.png"}]
    images = {"image": [1, 2, 2], "rows": 9, "classes": [], "black": 0.0, "white": 1.0, "images": listed}
    server = Server(**{"images": images, "7.png": "PNG"})
    (found,) = client_of(server).datasets()
    (image,) = found.images(per_class=1)
    assert (image.row, image.label) == (7, "cat")
    assert dict(server.asked[-1].url.params) == {"per_class": "1", "limit": "500"}
    assert json.loads(found.image(image.row)) == "PNG"
    assert server.asked[-1].url.path == f"/api/v1/datasets/{DATASET}/images/7.png"


def test_what_cannot_be_uploaded_is_named() -> None:
    client = client_of(Server())
    with pytest.raises(WrongUseError, match=r"a pair of arrays \(X, y\), not int"):
        client.upload(3)
    mixed = pd.DataFrame({"a": [1, "x", b"y"]})
    with pytest.raises(BadFileError, match="values of one type"):
        client.upload(mixed)


def improvement(state: str, **changed: Any) -> dict[str, Any]:
    """What was tried to improve a job, as the API answers it."""
    return {
        **{"job": ID, "sweep": ID, "state": state, "objective": "val_accuracy", "seeds": 3, "changes": []},
        **{"sentence": "3 of 34 trainings have ended.", "suggestion": None, "links": {}, **changed},
    }


def test_a_job_is_improved_and_replayed_by_its_handle() -> None:
    seen: list[httpx.Request] = []
    states = iter(["running", "running", "finished"])

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.path.endswith("/improve"):
            return httpx.Response(200, json=improvement(next(states)))
        return httpx.Response(200, json=view(status="succeeded"))

    job = client_of(handle).job(ID)
    assert job.improve(seeds=3).state == "finished"
    posted = next(request for request in seen if request.method == "POST")
    assert json.loads(posted.content) == {"seeds": 3}
    assert job.replay().id == ID
    assert seen[-1].url.path == f"/api/v1/jobs/{ID}/replay"


def test_waiting_for_an_improvement_outlives_a_server_that_is_away_for_a_while() -> None:
    clock, asked = Clock(), iter(range(100))

    def handle(_: httpx.Request) -> httpx.Response:
        if next(asked) < 20:
            raise httpx.ConnectError("restarting")
        return httpx.Response(200, json=improvement("finished"))

    assert wait_for_improvement(api_of(handle), ID, sleep=clock.sleep, clock=clock).state == "finished"
    assert clock.now == pytest.approx(5 * 0.3)  # each time a request was repeated thrice


def test_waiting_for_an_improvement_ends_after_the_timeout() -> None:
    api = api_of(lambda request: httpx.Response(200, json=improvement("running")))
    with pytest.raises(NotEndedError, match=r"3 of 34 trainings have ended\. They go on"):
        wait_for_improvement(api, ID, timeout_s=0.0, sleep=lambda _: None)
