import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from epochal.client import Api, Update, transport
from epochal.client.find import find_job, find_sweep
from epochal.client.transport import Transport
from epochal.errors import (
    AmbiguousError,
    AnswerError,
    BadSpecError,
    BusyError,
    ConflictError,
    NewerError,
    NotAllowedError,
    NotFoundError,
    ServerUnreachableError,
    WrongUseError,
)
from epochal.stack.home import Endpoints, Home
from spec.field_error import FieldError
from spec.newer import NewerView
from spec.states import JobStatus
from spec.views import JobView

from ...services import eventually
from .jobs import ID, Clock, api_of, view


def client(*answers: httpx.Response | Exception, seen: list[httpx.Request] | None = None) -> Api:
    """A client whose server gives these answers, one after the other."""
    left = iter(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return api_of(handle)


def problem(status: int, **changed: Any) -> httpx.Response:
    body = {"type": "about:blank", "title": "No", "status": status, "detail": "No.", "errors": [], "request_id": "r1"}
    return httpx.Response(status, json={**body, **changed})


def test_a_submit_carries_the_token_a_key_and_only_what_was_asked_for() -> None:
    seen: list[httpx.Request] = []
    job = client(httpx.Response(201, json=view()), seen=seen).submit({"dataset": "xor", "seed": 3})
    assert isinstance(job, JobView)
    assert seen[0].headers["Authorization"] == "Bearer epo_x"
    assert seen[0].headers["Idempotency-Key"]
    assert json.loads(seen[0].content)["seed"] == 3
    assert set(json.loads(seen[0].content)) == {"dataset", "seed"}


def test_a_submit_is_repeated_with_the_same_key() -> None:
    seen: list[httpx.Request] = []
    answers = (httpx.ReadError("gone"), httpx.Response(503), httpx.Response(201, json=view()))
    client(*answers, seen=seen).submit({"dataset": "xor"})
    assert len(seen) == 3
    assert len({request.headers["Idempotency-Key"] for request in seen}) == 1


def test_a_cancel_that_may_have_arrived_is_not_repeated() -> None:
    seen: list[httpx.Request] = []
    with pytest.raises(ServerUnreachableError):
        client(httpx.ReadError("gone"), httpx.Response(202, json=view()), seen=seen).cancel("x")
    assert len(seen) == 1


def test_control_requests_go_to_their_routes() -> None:
    seen: list[httpx.Request] = []
    asking = client(*[httpx.Response(200, json=view())] * 3, seen=seen)
    asking.pause("x")
    asking.resume("x")
    asking.change("x", priority=5)
    assert [(request.method, request.url.path) for request in seen] == [
        ("POST", "/api/v1/jobs/x/pause"),
        ("POST", "/api/v1/jobs/x/resume"),
        ("PATCH", "/api/v1/jobs/x"),
    ]
    assert json.loads(seen[2].content) == {"priority": 5}


def test_many_jobs_are_cancelled_by_a_filter_or_by_ids() -> None:
    seen: list[httpx.Request] = []
    answer = {"cancelled": 3, "stopping": 1, "skipped": 0}
    asked = client(*(httpx.Response(200, json=answer) for _ in range(4)), seen=seen)
    assert asked.cancel_many(project="p", tag=("a", "b:c")).cancelled == 3
    asked.cancel_many(["x", "y"])
    asked.cancel_many([], status=JobStatus.queued)
    asked.cancel_many(everything=True)
    assert [json.loads(request.content) for request in seen] == [
        {"project": "p", "tag": ["a:b:c"]},
        {"ids": ["x", "y"]},
        {"status": "queued", "ids": []},
        {"all": True},
    ]


def test_a_cancel_that_never_left_is_repeated() -> None:
    job = client(httpx.ConnectError("no"), httpx.Response(202, json=view(status="cancelled"))).cancel("x")
    assert job.status is JobStatus.cancelled


def test_a_request_that_found_no_connection_in_time_is_repeated_whatever_it_asks() -> None:
    job = client(httpx.ConnectTimeout("timed out"), httpx.Response(202, json=view(status="cancelled"))).cancel("x")
    assert job.status is JobStatus.cancelled


def test_a_forked_process_has_connections_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Transport("http://127.0.0.1:1", "epo_x")
    parents = made.http
    assert made.http is parents
    monkeypatch.setattr(os, "getpid", lambda: -1)
    own = made.http
    assert own is not parents
    assert made.http is own
    assert own.headers["Authorization"] == "Bearer epo_x"


def test_why_no_server_answers_is_said() -> None:
    causes = [httpx.ConnectError("certificate has expired")] * 4
    with pytest.raises(ServerUnreachableError, match=r"No server answers at http://api \(certificate has expired\)"):
        client(*causes).job("x")
    with pytest.raises(ServerUnreachableError, match=r"\(ReadError\)"):
        client(httpx.ReadError("")).cancel("x")


def test_a_server_that_takes_a_request_and_does_not_answer_is_asked_once_more() -> None:
    seen: list[httpx.Request] = []
    with pytest.raises(ServerUnreachableError, match="http://api did not answer within 30 s: it has too much to do"):
        client(*[httpx.ReadTimeout("")] * 4, seen=seen).job("x")
    assert len(seen) == 2


def test_a_change_that_was_not_answered_may_have_been_made() -> None:
    with pytest.raises(ServerUnreachableError, match="may have been done: look before you ask again"):
        client(httpx.ReadTimeout("")).cancel("x")


def test_requests_about_many_jobs_or_rows_have_more_time() -> None:
    seen: list[httpx.Request] = []
    asking = client(httpx.Response(200, json=view()), httpx.Response(201, json={"ids": []}), seen=seen)
    asking.job("x")
    asking.submit_many([])
    assert [request.extensions["timeout"]["read"] for request in seen] == [30.0, 300.0]
    assert {request.extensions["timeout"]["connect"] for request in seen} == {5.0}


def test_a_silent_server_is_named_while_it_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transport, "SILENT_S", 0.01)

    def handle(request: httpx.Request) -> httpx.Response:
        eventually(lambda: bool(caplog.messages), within_s=5, what="the warning", every_s=0.005)
        return httpx.Response(200, json=view())

    api_of(handle).job("x")
    assert caplog.messages == ["Waiting for http://api to answer."]


def test_a_server_that_answers_is_not_named(caplog: pytest.LogCaptureFixture) -> None:
    client(httpx.Response(200, json=view())).job("x")
    assert caplog.messages == []


def test_a_server_that_stays_away_is_unreachable_with_exit_code_3() -> None:
    with pytest.raises(ServerUnreachableError, match="No server answers at http://api") as caught:
        client(*[httpx.ConnectError("no")] * 4).job("x")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, NotAllowedError),
        (403, NotAllowedError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, BadSpecError),
        (500, AnswerError),
    ],
)
def test_each_refusal_has_its_error(status: int, kind: type[AnswerError]) -> None:
    with pytest.raises(AnswerError, match=r"No\.") as caught:
        client(problem(status)).cancel("x")
    assert type(caught.value) is kind
    assert caught.value.status == status


def test_a_busy_server_is_said_to_be_busy_after_the_last_try() -> None:
    with pytest.raises(BusyError):
        client(*[problem(503)] * 4).job("x")


def test_a_page_of_a_proxy_that_does_not_reach_the_server_is_repeated_and_then_busy() -> None:
    page = httpx.Response(502, text="<html>Bad Gateway</html>")
    assert client(page, httpx.Response(200, json=view())).job("x").id == ID
    with pytest.raises(BusyError, match=r"^api answered 502 Bad Gateway: .*Try again\.$"):
        client(*[page] * 4).job("x")


def test_a_proxy_that_takes_no_large_body_is_said_to_be_the_one_that_refuses() -> None:
    with pytest.raises(AnswerError, match="a proxy before the API takes no body of this size"):
        client(httpx.Response(413, text="<html>Request Entity Too Large</html>")).job("x")


def test_an_answer_that_is_no_problem_document_is_still_an_error() -> None:
    with pytest.raises(AnswerError, match="500 Internal Server Error"):
        client(httpx.Response(500, text="<html>")).cancel("x")


def test_an_answer_of_another_version_is_an_error() -> None:
    with pytest.raises(AnswerError, match="same version"):
        client(httpx.Response(200, json={"id": 1})).job("x")


def test_fields_that_a_newer_server_has_added_are_left_out() -> None:
    known = view()
    newer = view(eta="soon", progress=known["progress"] | {"rows": 9}, spec=known["spec"] | {"momentum_of_light": None})
    assert client(httpx.Response(200, json=newer)).job(ID) == JobView.model_validate(known)
    refused = problem(404, hint="look in the other project")
    with pytest.raises(NotFoundError):
        client(refused).job(ID)


def test_a_spec_of_a_newer_version_is_an_error() -> None:
    with pytest.raises(AnswerError, match="same version"):
        client(httpx.Response(200, json=view(spec=view()["spec"] | {"version": 99}))).job(ID)


def test_a_bad_spec_names_its_fields_and_is_never_sent() -> None:
    seen: list[httpx.Request] = []
    with pytest.raises(BadSpecError) as caught:
        client(seen=seen).submit({"dataset": "xor", "epochs": 0})
    assert [error.path for error in caught.value.errors] == ["epochs"]
    assert caught.value.exit_code == 2
    assert not seen


def test_a_bad_spec_of_a_bulk_names_its_index() -> None:
    with pytest.raises(BadSpecError) as caught:
        client().submit_many([{"dataset": "xor"}, {"dataset": "xor", "epochs": 0}])
    assert [error.path for error in caught.value.errors] == ["jobs.1.epochs"]


def test_the_server_s_field_errors_are_passed_on() -> None:
    fault = {"path": "dataset.id", "message": "no such data set"}
    with pytest.raises(BadSpecError, match=r"dataset\.id: no such data set") as caught:
        client(problem(422, errors=[fault])).submit({"dataset": "xor"})
    assert caught.value.errors == (FieldError(path="dataset.id", message="no such data set"),)


def test_jobs_are_listed_page_after_page_up_to_the_limit() -> None:
    def page(count: int, cursor: str | None) -> httpx.Response:
        return httpx.Response(200, json={"jobs": [view()] * count, "next": cursor})

    assert len(list(client(page(2, "a"), page(2, "b"), page(1, None)).jobs())) == 5
    seen: list[httpx.Request] = []
    found = client(page(2, "a"), page(2, "b"), seen=seen).jobs(limit=3, status=JobStatus.failed, tag=("a", "b"))
    assert len(list(found)) == 3
    assert dict(seen[1].url.params) == {"status": "failed", "tag": "a:b", "cursor": "a", "limit": "1"}


def streamed(content: str | httpx.SyncByteStream) -> httpx.Response:
    stream = httpx.ByteStream(content.encode()) if isinstance(content, str) else content
    return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=stream)


def test_an_event_stream_is_read() -> None:
    events = 'retry: 1000\n\n: hello\n\nid: 4\nevent: epoch\ndata: {"a":\ndata: 1}\n\nevent: end\ndata: {}\n\n'
    assert list(client(streamed(events)).watch("x")) == [Update("epoch", {"a": 1}, "4"), Update("end", {}, "4")]


def test_an_answer_that_is_no_event_stream_is_an_error() -> None:
    with pytest.raises(AnswerError, match="no event stream"):
        list(client(httpx.Response(200, text="<html>")).watch("x"))


def test_a_broken_stream_is_taken_up_where_it_broke() -> None:
    class Breaks(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b'id: 7\nevent: epoch\ndata: {"epoch": 1}\n\n'
            raise httpx.ReadError("gone")

    seen: list[httpx.Request] = []
    rest = 'id: 8\nevent: epoch\ndata: {"epoch": 2}\n\nid: 9\nevent: end\ndata: {"status": "succeeded"}\n\n'
    answers = (streamed(Breaks()), httpx.ConnectError("no"), streamed(rest))
    got = list(client(*answers, seen=seen).watch("x"))
    assert [update.kind for update in got] == ["epoch", "epoch", "end"]
    assert [request.headers.get("Last-Event-ID") for request in seen] == [None, "7", "7"]


def followed(clock: Clock, *answers: httpx.Response | Exception) -> list[Update]:
    """The updates of a stream of a server that gives these answers, the last for ever."""
    left = list(answers)

    def handle(_: httpx.Request) -> httpx.Response:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    made = Transport("http://api", "", transport=httpx.MockTransport(handle), sleep=clock.sleep, clock=clock)
    return list(made.stream("/jobs/x/stream"))


def test_a_stream_that_was_quiet_for_an_hour_outlives_a_restart_of_the_server() -> None:
    clock = Clock()

    class Quiet(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b": nothing new\n\n"
            clock.sleep(3600.0)
            raise httpx.ReadError("restarting")

    away = (httpx.ConnectError("refused"), httpx.Response(503, text="<html>"))
    ends = streamed("event: end\ndata: {}\n\n")
    assert [update.kind for update in followed(clock, streamed(Quiet()), *away, streamed(Quiet()), *away, ends)] == [
        "end"
    ]


def test_a_stream_of_a_server_that_stays_away_is_given_up_after_half_a_minute() -> None:
    clock = Clock()
    with pytest.raises(ServerUnreachableError, match="refused"):
        followed(clock, httpx.ConnectError("refused"))
    assert clock.now == pytest.approx(30.5)


def test_a_job_id_cannot_leave_its_path() -> None:
    seen: list[httpx.Request] = []
    client(httpx.Response(200, json=view()), seen=seen).job("../../healthz?x")
    assert seen[0].url.raw_path == b"/api/v1/jobs/..%2F..%2Fhealthz%3Fx"


def test_the_embedded_stack_is_found_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path))
    monkeypatch.delenv("EPOCHAL_URL", raising=False)
    monkeypatch.delenv("EPOCHAL_TOKEN", raising=False)
    with pytest.raises(ServerUnreachableError, match="epochal up"):
        Api()
    home = Home(tmp_path)
    with home.lock():
        home.publish(Endpoints(api="http://127.0.0.1:1", mlflow="", token="epo_local"))
        assert Api().url == "http://127.0.0.1:1"
    with pytest.raises(ServerUnreachableError, match="no stack is up"):  # it was killed, and the port is anybody's
        Api()


def test_the_address_may_be_that_of_the_interface() -> None:
    assert Api("http://here/api/v1/", "epo_x").url == "http://here"


def test_who_has_no_token_is_told_where_one_is_given() -> None:
    asking = Api("http://api", "", transport=httpx.MockTransport(lambda _: problem(401)), sleep=lambda _: None)
    with pytest.raises(NotAllowedError, match="No token is known for api: set EPOCHAL_TOKEN"):
        asking.queue()


@pytest.mark.parametrize("url", ["http://[::", "http://here:port", "http://here:99999", "http://here:0", "http://:80"])
def test_an_address_that_is_no_url_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_URL", url)
    with pytest.raises(WrongUseError, match="EPOCHAL_URL, is not valid"):
        Api()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("https_proxy", "nonsense://here"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
        ("SSL_CERT_FILE", os.devnull),
    ],
)
def test_a_proxy_or_a_certificate_that_cannot_be_used_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongUseError, match=rf"No connection to https://api can be made: .*Look at .*\b{name}"):
        Api("https://api", "epo_x")


def test_the_embedded_stack_s_token_goes_to_no_other_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path))
    monkeypatch.delenv("EPOCHAL_TOKEN", raising=False)
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=view())

    home = Home(tmp_path)
    with home.lock():
        home.publish(Endpoints(api="http://127.0.0.1:1", mlflow="", token="epo_local"))
        Api("http://elsewhere", transport=httpx.MockTransport(handle)).job("x")
        Api("http://127.0.0.1:1", transport=httpx.MockTransport(handle)).job("x")
    assert [request.headers.get("Authorization") for request in seen] == [None, "Bearer epo_local"]


def test_pictures_are_listed_and_fetched() -> None:
    seen: list[httpx.Request] = []
    listed = {"pictures": [{"name": "roc", "href": "/api/v1/jobs/j/pictures/roc.png"}], "why": None}
    asking = client(httpx.Response(200, json=listed), httpx.Response(200, content=b"PNG"), seen=seen)
    (picture,) = asking.pictures("j").pictures
    assert asking.picture("j", picture.name) == b"PNG"
    assert seen[1].url.path == picture.href


def test_a_job_that_only_a_newer_release_can_read_is_an_error_that_says_what_is_known() -> None:
    theirs = {
        **{"id": ID, "owner": "ann", "name": "fast", "status": "running", "why": "A newer release."},
        **{"created_at": "2026-01-01T00:00:00Z", "finished_at": None},
    }
    body = {"type": "about:blank", "title": "Not Implemented", "status": 501, "detail": "A newer release wrote it."}
    refused = httpx.Response(501, json={**body, "newer": theirs, "request_id": "r"})
    with pytest.raises(NewerError, match=r"wrote it\.\n  fast: running, created 2026-01-01 00:00 UTC$") as found:
        client(refused).job(ID)
    assert found.value.known == NewerView.model_validate(theirs)


def test_a_job_that_a_newer_release_wrote_is_named_and_another_is_not_taken_for_it() -> None:
    theirs: dict[str, Any] = {
        "id": ID[:-1] + "8",
        "owner": "ada",
        "name": "theirs",
        "status": "queued",
        "why": "A newer release.",
    }
    theirs |= {"created_at": "2026-01-01T00:00:00Z", "finished_at": None}
    first = {"jobs": [], "newer": [theirs], "next": "c", "total": 2}
    pages = [first, {"jobs": [view(name="theirs")], "next": None}]
    newer: list[NewerView] = []
    listed = client(*(httpx.Response(200, json=page) for page in pages)).jobs(newer=newer)
    assert ([job.id for job in listed], [one.id for one in newer]) == ([ID], [theirs["id"]])
    for given in ("@last", "theirs"):
        with pytest.raises(NotFoundError, match=r"2a91c8\. A newer release"):
            find_job(client(*(httpx.Response(200, json=page) for page in pages)), given)


def summary(sweep_id: str, **changed: Any) -> dict[str, Any]:
    """A sweep in a list, as the API answers it."""
    return {
        **{"id": sweep_id, "name": "rates", "state": "running", "message": None, "method": "random", "links": {}},
        **{"objective": "val_loss", "most_trials": 8, "proposed": 8, "best": None, "finished_at": None},
        **{"created_at": "2026-01-01T00:00:00Z", **changed},
    }


def test_a_sweep_is_asked_for_by_its_name_and_by_an_end_of_its_id() -> None:
    older = ID[:-1] + "0"
    sweeps = [summary(ID), summary(older)]
    asked: list[dict[str, str]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        query = dict(request.url.params)
        asked.append(query)
        named = [one for one in sweeps if query.get("name") in (None, one["name"])]
        fits = [one for one in named if one["id"].startswith(part := query.get("id", "")) or one["id"].endswith(part)]
        return httpx.Response(200, json={"sweeps": fits[: int(query["limit"])], "next": None})

    with api_of(handle) as api:
        assert (find_sweep(api, "rates"), find_sweep(api, "@last"), find_sweep(api, "@last~1")) == (ID, ID, older)
        assert find_sweep(api, older[-8:].upper()) == older
        assert asked[-1] == {"id": older[-8:], "limit": "11"}
        with pytest.raises(AmbiguousError, match=rf"fits 2 sweeps; give the id of one:\n  {ID}  rates  running"):
            find_sweep(api, ID[:8])
        with pytest.raises(NotFoundError, match="fewer sweeps"):
            find_sweep(api, "@last~2")
        with pytest.raises(NotFoundError, match="No sweep has the name losses"):
            find_sweep(api, "losses")
