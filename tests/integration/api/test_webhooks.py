"""Whoever registers a URL is told, signed and at least once, when a job or a sweep ends."""

import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from api.webhooks import AT_ONCE, TRIES
from spec.access import Quotas, Role
from store import db
from store.posting import Answer, BadAddressError, Poster
from store.tables import Delivery, Webhook
from store.trials import TrialStore
from store.users import UserStore
from store.webhooks import RETRIES_S, Outbox, WebhookRecord, WebhookStore
from sweeps.deliveries import Deliveries

from .conftest import JOBS, XOR, Service, is_problem, service

HOOKS = "/api/v1/webhooks"
PAGE = Path(__file__).parents[3] / "docs" / "webhooks.md"
POSTER = Poster(private=True, limit_s=5.0)


class Receiver:
    """The receiver of the documentation, which checks signatures; it can be told to fail."""

    def __init__(self) -> None:
        [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.fails = 0
        self.known: dict[str, Any] = {"print": lambda message_id, body: self.got.append((message_id, body))}
        exec(code, self.known)  # noqa: S102 - our own page
        here = self

        base: Any = self.known["Receiver"]

        class Moody(base):  # type: ignore[misc]
            def send_response(self, code: int, message: str | None = None) -> None:
                failing, here.fails = here.fails > 0, max(here.fails - 1, 0)
                super().send_response(500 if failing else code, message)

            def log_message(self, *_: object) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Moody)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook?a=b"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def of(self, api: Service) -> WebhookRecord:
        """A webhook of ann's that leads here."""
        made = WebhookStore(api.engine).add(owner="ann", url=self.url)
        self.known["SECRET"] = made.secret
        return made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def ended(api: Service, **fields: Any) -> str:
    job_id = api.submit(**fields)
    assert api.ask("POST", f"{JOBS}/{job_id}/cancel").status_code == 200
    return job_id


def listed(api: Service) -> Any:
    [one] = api.ask("GET", HOOKS).get_json()["webhooks"]
    return one


def make_due(api: Service) -> None:
    """As if the pause were over."""
    with db.writing(api.engine) as connection:
        connection.execute(update(Delivery).values(due_at=db.now(-1.0)))


@pytest.mark.both_databases
def test_the_end_of_a_job_and_of_a_sweep_arrives_once_and_signed(both: Service, receiver: Receiver) -> None:
    ended(both, name="before")
    receiver.of(both)
    deliveries = Deliveries(Outbox(both.engine, "https://e.example/"), POSTER)
    job_id = ended(both, name="first")
    both.submit(name="goes on")
    eve = both.tokens.create(owner="eve")
    others = both.ask("POST", JOBS, json=XOR, token=eve).get_json()["id"]
    both.ask("POST", f"{JOBS}/{others}/cancel", token=eve)
    space = {"base": XOR, "space": {"epochs": [3, 4]}, "method": "grid"}
    sweep_id = both.ask("POST", "/api/v1/sweeps", json=space).get_json()["id"]
    both.ask("POST", f"/api/v1/sweeps/{sweep_id}/cancel")
    assert [deliveries.round() for _ in range(4)] == [1, 1, 0, 0]
    (_, job), (_, sweep) = sorted(receiver.got, key=lambda one: str(one[1]["type"]))
    assert (job["type"], sweep["type"]) == ("job.ended", "sweep.ended")
    assert (job["data"]["id"], job["data"]["status"], job["data"]["name"]) == (job_id, "cancelled", "first")
    assert job["data"]["url"] == f"https://e.example/#/jobs/{job_id}"
    assert (sweep["data"]["id"], sweep["data"]["status"]) == (sweep_id, "cancelled")
    assert (listed(both)["waiting"], listed(both)["last_error"]) == (0, None)


@pytest.mark.both_databases
def test_a_sweep_that_is_cancelled_while_it_trains_is_told_once_when_it_has_ended(
    both: Service, receiver: Receiver
) -> None:
    receiver.of(both)
    deliveries, trials = Deliveries(Outbox(both.engine), POSTER), TrialStore(both.engine)
    space = {"base": XOR, "space": {"epochs": [3, 4]}, "method": "grid"}
    sweep_id = both.ask("POST", "/api/v1/sweeps", json=space).get_json()["id"]
    (sweep,) = trials.lease("controller", 10.0)
    both.ask("POST", f"/api/v1/sweeps/{sweep_id}/cancel")
    assert deliveries.round() == 0
    assert trials.release(sweep)
    assert [deliveries.round() for _ in range(3)] == [1, 0, 0]


@pytest.mark.both_databases
def test_a_message_is_tried_again_until_it_arrives_or_is_given_up(both: Service, receiver: Receiver) -> None:
    receiver.of(both)
    deliveries = Deliveries(Outbox(both.engine), POSTER)
    receiver.fails = 2
    ended(both)
    assert [deliveries.round(), deliveries.round()] == [1, 0]  # the pause is not over
    assert (listed(both)["waiting"], listed(both)["last_error"]) == (1, "HTTP 500")
    for _ in range(2):
        make_due(both)
        deliveries.round()
    assert (listed(both)["waiting"], listed(both)["last_error"]) == (0, None)
    assert len({message_id for message_id, _ in receiver.got}) == 1

    receiver.fails = 100
    ended(both)
    for _ in range(len(RETRIES_S) + 3):
        deliveries.round()
        make_due(both)
    assert (listed(both)["waiting"], listed(both)["given_up"]) == (0, 1)
    assert receiver.fails == 100 - len(RETRIES_S) - 1


def test_a_message_whose_sender_died_before_it_noted_it_is_sent_again_with_its_id(
    api: Service, receiver: Receiver
) -> None:
    receiver.of(api)
    outbox = Outbox(api.engine)
    ended(api)
    outbox.fill()
    [due] = outbox.take(8)
    assert POSTER.post(due.url, due.secret, due.id, due.body).arrived  # and here it died
    assert outbox.take(8) == []
    make_due(api)
    assert Deliveries(outbox, POSTER).round() == 1
    assert [message_id for message_id, _ in receiver.got] == [due.id, due.id]


def test_a_user_who_is_locked_out_hears_nothing_until_let_in_again(api: Service, receiver: Receiver) -> None:
    receiver.of(api)
    users, deliveries = UserStore(api.engine), Deliveries(Outbox(api.engine), POSTER)
    users.create("root", Role.admin, Quotas())
    users.create("ann", Role.member, Quotas())
    ended(api)
    users.change("ann", active=False)
    assert (deliveries.round(), receiver.got) == (0, [])
    users.change("ann", active=True)
    assert (deliveries.round(), len(receiver.got)) == (1, 1)
    ended(api)
    outbox = Outbox(api.engine)
    assert outbox.fill() == 1
    users.change("ann", active=False)
    assert outbox.take(8) == []  # nor what waited


def test_a_webhook_that_failed_for_five_days_is_disabled(api: Service, receiver: Receiver) -> None:
    receiver.of(api)
    deliveries = Deliveries(Outbox(api.engine), POSTER)
    receiver.fails = 100
    ended(api)
    deliveries.round()
    assert listed(api)["disabled_at"] is None
    with db.writing(api.engine) as connection:
        connection.execute(update(Webhook).values(failing_since=db.now(-5 * 86_400.0 - 1.0)))
    make_due(api)
    deliveries.round()
    assert listed(api)["disabled_at"] is not None
    assert (listed(api)["waiting"], listed(api)["given_up"]) == (0, 1)
    ended(api)
    make_due(api)
    assert deliveries.round() == 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]"]
)
def test_private_addresses_are_refused_when_registered_and_when_sent_to(api: Service, host: str) -> None:
    url = f"http://{host}:9/hook"
    assert "EPOCHAL_WEBHOOK_PRIVATE" in is_problem(api.ask("POST", HOOKS, json={"url": url}), 422)["detail"]
    with pytest.raises(BadAddressError, match="private"):
        Poster(private=False).address(url)
    answer = Poster(private=False).post(url, "whsec_" + "A" * 44, "id", "{}")
    assert not answer.arrived
    assert "private" in answer.detail


@pytest.mark.parametrize(
    "host",
    [
        *("::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808"),
        *("2002:7f00:1::1", "2002:a01:203::", "2001:0:808:808::1", "fe80::1%lo", "ff0e::1", "fec0::1"),
        *("2a00:1450::5efe:10.0.0.1", "2a00:1450::200:5efe:192.168.0.1"),
    ],
)
def test_an_address_that_stands_for_a_private_one_is_refused(host: str) -> None:
    with pytest.raises(BadAddressError, match="private"):
        Poster(private=False).address(f"http://[{host}]:9/hook")


@pytest.mark.parametrize("host", ["8.8.8.8", "2a00:1450:4001:81b::200e", "64:ff9b::8.8.8.8", "2002:808:808::1"])
def test_a_public_address_is_not_refused(host: str) -> None:
    assert Poster(private=False).address(f"http://{host if '.' in host and ':' not in host else f'[{host}]'}/")[1] == 80


def test_other_urls_are_refused(api: Service) -> None:
    for url in ("ftp://example.org", "http://me:pw@example.org/", "http://:1", "http://1.1.1.1:99999/", "x"):
        assert is_problem(api.ask("POST", HOOKS, json={"url": url}), 422)["errors"][0]["path"] == "url"


@pytest.mark.parametrize(
    "url", ["http://1.1.1.1/größe", "http://1.1.1.1/?a=ä", "http://bücher.example/", "http://1.1.1.1/\x07"]
)
def test_a_url_to_which_nothing_could_be_sent_is_refused_with_the_cure(api: Service, url: str) -> None:
    refused = is_problem(api.ask("POST", HOOKS, json={"url": url}), 422)
    assert refused["errors"][0]["path"] == "url"
    assert "write others in its path as %C3%A4" in refused["detail"]


def test_a_few_webhooks_are_tried_at_once_and_others_are_asked_to_come_back(api: Service, receiver: Receiver) -> None:
    hook = receiver.of(api)
    with ExitStack() as tried:
        for _ in range(AT_ONCE):
            tried.enter_context(TRIES.slot())
        is_problem(api.ask("POST", f"{HOOKS}/{hook.id}/test"), 503)
        is_problem(api.ask("POST", HOOKS, json={"url": "http://1.1.1.1/"}), 503)
    assert api.ask("POST", f"{HOOKS}/{hook.id}/test").status_code == 200


def test_a_webhook_is_made_tried_and_removed_over_http(tmp_path: Path, receiver: Receiver) -> None:
    api = service(tmp_path, EPOCHAL_WEBHOOK_PRIVATE="1")
    answer = api.ask("POST", HOOKS, json={"url": receiver.url})
    assert answer.status_code == 201
    made = answer.get_json()
    receiver.known["SECRET"] = made["secret"]
    assert "secret" not in json.dumps(listed(api))
    tried = api.ask("POST", f"{HOOKS}/{made['id']}/test").get_json()
    assert tried == {"arrived": True, "detail": "HTTP 204"}
    receiver.known["SECRET"] = "whsec_" + "A" * 43 + "="
    assert api.ask("POST", f"{HOOKS}/{made['id']}/test").get_json() == {"arrived": False, "detail": "HTTP 401"}
    assert api.ask("DELETE", f"{HOOKS}/{made['id']}").status_code == 204
    assert api.ask("GET", HOOKS).get_json() == {"webhooks": []}
    api.engine.dispose()


def test_an_administrator_of_a_project_hears_of_its_jobs_and_a_member_may_not(api: Service, receiver: Receiver) -> None:
    admin = api.tokens.create(owner="root", scopes=["admin"])
    assert api.ask("POST", "/api/v1/users", token=admin, json={"name": "ann"}).status_code in (201, 409)
    api.ask("POST", "/api/v1/users", token=admin, json={"name": "eve"})
    eve = api.tokens.create(owner="eve")
    assert api.ask("POST", "/api/v1/projects", json={"name": "vision"}).status_code == 201
    api.ask("PUT", "/api/v1/projects/vision/members/eve", json={"role": "member"})
    asked = {"url": "http://1.1.1.1/", "project": "vision"}
    is_problem(api.ask("POST", HOOKS, token=eve, json=asked), 403)
    made = api.ask("POST", HOOKS, json=asked).get_json()
    assert made["project"] == "vision"
    job_id = api.ask("POST", JOBS, token=eve, json=XOR | {"project": "vision"}).get_json()["id"]
    api.ask("POST", f"{JOBS}/{job_id}/cancel", token=eve)
    assert Outbox(api.engine).fill() == 1
    assert api.ask("GET", HOOKS, token=eve).get_json() == {"webhooks": []}

    api.ask("PUT", "/api/v1/projects/vision/members/eve", json={"role": "admin"})
    api.ask("DELETE", f"{HOOKS}/{made['id']}")
    assert api.ask("POST", HOOKS, token=eve, json=asked).status_code == 201
    api.ask("DELETE", "/api/v1/projects/vision/members/eve")
    job_id = api.ask("POST", JOBS, json=XOR | {"project": "vision"}).get_json()["id"]
    api.ask("POST", f"{JOBS}/{job_id}/cancel")
    assert Outbox(api.engine).fill() == 0  # she is gone


@pytest.mark.both_databases
def test_an_answer_with_a_zero_byte_is_noted(both: Service, receiver: Receiver) -> None:
    receiver.of(both)
    ended(both)
    outbox = Outbox(both.engine)
    outbox.fill()
    [due] = outbox.take(8)
    outbox.mark(due, Answer(arrived=False, detail="\x15\x03\x00"))
    assert listed(both)["last_error"] == "\x15\x03\N{REPLACEMENT CHARACTER}"
