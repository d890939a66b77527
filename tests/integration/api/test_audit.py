"""Every change leaves an entry in the audit log; device time and what is used of quotas are reported."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from api.auth import BAD_TOKENS_PER_MINUTE
from store import db
from store.tables import Attempt

from .conftest import JOBS, XOR, Service, is_problem, service

AUDIT, USAGE, QUOTAS = "/api/v1/audit", "/api/v1/usage", "/api/v1/quotas"


def test_every_change_leaves_an_entry_and_reading_leaves_none(both: Service) -> None:
    admin = both.tokens.create(owner="root", scopes=["admin"])
    job_id = both.submit()
    both.ask("POST", f"{JOBS}/{job_id}/cancel")
    both.ask("POST", f"{JOBS}/{job_id}/retry")  # refused
    both.ask("POST", f"{JOBS}/check", json=XOR)
    both.ask("GET", f"{JOBS}/{job_id}")
    both.ask("POST", JOBS, json=XOR, token="epo_unknown")
    entries = both.ask("GET", AUDIT, token=admin).get_json()["entries"]
    assert [(one["actor"], one["action"], one["status"]) for one in entries] == [
        ("ann", "control.retry", 409),
        ("ann", "control.cancel", 200),
        ("ann", "jobs.submit", 201),
    ]
    cancelled = entries[1]
    assert (cancelled["path"], cancelled["address"]) == (f"{JOBS}/{job_id}/cancel", "127.0.0.1")
    found = both.tokens.find(both.token)
    assert found is not None
    assert cancelled["token_id"] == found.id

    page = both.ask("GET", f"{AUDIT}?limit=2", token=admin).get_json()
    rest = both.ask("GET", f"{AUDIT}?limit=2&cursor={page['next']}", token=admin).get_json()
    assert [*page["entries"], *rest["entries"]] == entries
    assert rest["next"] is None
    only = both.ask("GET", f"{AUDIT}?action=control.&actor=ann", token=admin).get_json()["entries"]
    assert len(only) == 2
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat().replace("+", "%2B")
    assert both.ask("GET", f"{AUDIT}?since={tomorrow}", token=admin).get_json()["entries"] == []
    is_problem(both.ask("GET", AUDIT), 403)


@pytest.mark.both_databases
@pytest.mark.parametrize("field", ["actor", "action", "cursor"])
def test_a_question_with_nul_is_refused(both: Service, field: str) -> None:
    admin = both.tokens.create(owner="root", scopes=["admin"])
    refused = is_problem(both.ask("GET", f"{AUDIT}?{field}=a%00b", token=admin), 422)
    assert refused["errors"][0]["path"] == field


def test_addresses_behind_a_proxy_are_those_of_its_clients_and_cannot_be_forged(tmp_path: Path) -> None:
    api = service(tmp_path, EPOCHAL_TRUSTED_PROXIES="127.0.0.0/8, fd00::/8")
    admin = api.tokens.create(owner="root", scopes=["admin"])

    def ask(peer: str, forwarded: str, token: str = "") -> int:
        headers = {"X-Forwarded-For": forwarded}
        return api.ask(
            "POST", JOBS, json=XOR, token=token, headers=headers, environ_base={"REMOTE_ADDR": peer}
        ).status_code

    assert ask("127.0.0.1", "6.6.6.6, 203.0.113.7") == ask("203.0.113.8", "6.6.6.6") == 201
    entries = api.ask("GET", AUDIT, token=admin).get_json()["entries"]
    assert [one["address"] for one in entries] == ["203.0.113.8", "203.0.113.7"]
    tries = [ask("127.0.0.1", f"6.6.6.{n}, 203.0.113.7", token="epo_wrong") for n in range(BAD_TOKENS_PER_MINUTE + 1)]
    assert set(tries[:-1]) == {401}
    assert tries[-1] == 429
    assert ask("127.0.0.1", "203.0.113.9", token="epo_wrong") == 401  # another client of the same proxy
    api.engine.dispose()


def test_device_time_by_user_project_and_tag(both: Service) -> None:
    both.submit(project="p", tags={"team": "a"})
    both.submit(project="q")
    both.store.claim(worker="w", device="cuda:0", limit=1, lease_s=60)
    both.store.claim(worker="w", device="cpu", limit=1, lease_s=60)
    with db.writing(both.engine) as connection:
        connection.execute(update(Attempt).values(started_at=db.now(-3600.0)))
    made = both.ask("GET", USAGE).get_json()
    assert [line["name"] for line in made["lines"]] == ["ann"]
    assert made["gpu_hours"] == pytest.approx(1.0, abs=0.01)
    assert made["cpu_hours"] == pytest.approx(1.0, abs=0.01)
    by_project = both.ask("GET", f"{USAGE}?by=project").get_json()["lines"]
    assert [(line["name"], round(line["gpu_hours"]), round(line["cpu_hours"])) for line in by_project] == [
        ("p", 1, 0),
        ("q", 0, 1),
    ]
    table = both.ask("GET", f"{USAGE}?by=tag:team&format=csv")
    assert table.content_type == "text/csv"
    assert table.text.splitlines()[0] == "tag:team,gpu_hours,cpu_hours,attempts"
    assert [line.split(",")[0] for line in table.text.splitlines()[1:]] == ["a", ""]
    eve = both.tokens.create(owner="eve")
    assert both.ask("GET", USAGE, token=eve).get_json()["lines"] == []
    for wrong in ("by=moon", "since=yesterday", "since=2026-01-01T00:00:00", "since=2000-01-01T00:00:00Z"):
        is_problem(both.ask("GET", f"{USAGE}?{wrong}"), 422)


@pytest.mark.parametrize("moment", ["2026-01-01", "2026-01-01T00:00:00+01:00", "yesterday", "2026-02-30T00:00:00Z"])
def test_what_is_no_moment_is_refused_with_one_that_is(api: Service, moment: str) -> None:
    (error,) = is_problem(api.ask("GET", f"{USAGE}?since={moment}"), 422)["errors"]
    assert error["path"] == "since"
    assert error["message"].startswith(
        "must be a moment with its zone, such as 2026-01-31T08:30:00Z (in an address, + is"
    )


@pytest.mark.both_databases
def test_a_quota_is_no_larger_than_the_record_can_keep(both: Service) -> None:
    admin = both.tokens.create(owner="root", scopes=["admin"])
    both.ask("POST", "/api/v1/users", json={"name": "ann"}, token=admin)
    for name in ("running", "queued"):
        for most, status in ((2**31 - 1, 200), (2**31, 422)):
            answer = both.ask("PATCH", "/api/v1/users/ann", json={"quotas": {name: most}}, token=admin)
            assert answer.status_code == status
    assert both.ask("POST", JOBS, json=XOR).status_code == 201


def test_what_is_used_of_quotas_by_user_and_project(both: Service) -> None:
    admin = both.tokens.create(owner="root", scopes=["admin"])
    for user in ("ann", "eve"):
        both.ask("POST", "/api/v1/users", json={"name": user}, token=admin)
    both.ask("POST", "/api/v1/projects", json={"name": "vision"})
    both.ask("PATCH", "/api/v1/users/ann", json={"quotas": {"gpu_hours": 2.5, "bytes": 10}}, token=admin)
    both.ask("PATCH", "/api/v1/projects/vision", json={"quotas": {"queued": 7}}, token=admin)
    both.submit(project="vision")
    both.submit()
    both.submit(project="vision")
    both.store.claim(worker="w", device="cuda:0", limit=1, lease_s=60)
    with db.writing(both.engine) as connection:
        connection.execute(update(Attempt).values(started_at=db.now(-36.0)))
    uses = {(one["kind"], one["name"]): one for one in both.ask("GET", QUOTAS, token=admin).get_json()["uses"]}
    ann, vision, eve = uses["user", "ann"], uses["project", "vision"], uses["user", "eve"]
    assert (ann["quotas"]["gpu_hours"], ann["quotas"]["bytes"], vision["quotas"]["queued"]) == (2.5, 10, 7)
    assert eve["quotas"]["bytes"] > 10  # the default of the service
    assert eve["used"] == {"running": 0, "queued": 0, "gpu_hours": 0.0, "bytes": 0}
    assert ann["used"] == {"running": 1, "queued": 2, "gpu_hours": pytest.approx(0.01, abs=0.005), "bytes": 0}
    assert vision["used"] == {**ann["used"], "queued": 1, "gpu_hours": pytest.approx(0.01, abs=0.005)}
    own = both.ask("GET", QUOTAS).get_json()["uses"]
    assert [(one["kind"], one["name"]) for one in own] == [("user", "ann"), ("project", "vision")]
