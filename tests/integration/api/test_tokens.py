"""Who may ask for what."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from api.auth import BAD_TOKENS_PER_MINUTE
from store import db
from store.tables import Token

from .conftest import JOBS, XOR, Service, is_problem, service

BAD = {
    "none": {},
    "no token": {"Authorization": "Bearer"},
    "no scheme": {"Authorization": "epo_abc"},
    "basic": {"Authorization": "Basic YW5uOng="},
    "unknown": {"Authorization": "Bearer epo_unknown"},
    "empty": {"Authorization": "Bearer   "},
    "odd letters": {"Authorization": "Bearer \xff\xfe"},
    "long": {"Authorization": "Bearer " + "x" * 8000},
}


@pytest.fixture
def fresh(tmp_path: Path) -> Service:
    """A service that nobody has tried to guess tokens of."""
    return service(tmp_path)


@pytest.mark.parametrize("given", ["{}", "Token {}", "Basic {}", "Bearer"])
def test_a_token_that_is_not_sent_as_a_bearer_is_said_to_be_needed(api: Service, given: str) -> None:
    answer = api.ask("GET", JOBS, token=None, headers={"Authorization": given.format(api.token)})
    assert "send the header Authorization: Bearer TOKEN" in is_problem(answer, 401)["detail"]


@pytest.mark.parametrize("headers", BAD.values(), ids=BAD.keys())
def test_no_good_token(api: Service, headers: dict[str, str]) -> None:
    answer = api.ask("POST", JOBS, json=XOR, token=None, headers=headers)
    is_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert api.stored() == 0


def test_a_token_in_the_query_is_not_looked_at(api: Service) -> None:
    is_problem(api.ask("GET", f"{JOBS}?token={api.token}&access_token={api.token}", token=None), 401)


def test_an_unknown_address_of_the_api_needs_a_token_too(api: Service) -> None:
    is_problem(api.ask("GET", "/api/v1/nothing", token=None), 401)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json", "/"])
def test_what_needs_no_token(api: Service, path: str) -> None:
    with api.ask("GET", path, token=None) as answer:
        assert answer.status_code == 200


def test_a_revoked_token_is_dead_at_once(both: Service) -> None:
    token = both.tokens.create(owner="eve")
    assert both.ask("GET", JOBS, token=token).status_code == 200
    found = both.tokens.find(token)
    assert found is not None
    both.tokens.revoke(found.id)
    is_problem(both.ask("GET", JOBS, token=token), 401)


def test_an_expired_token_is_dead(both: Service) -> None:
    token = both.tokens.create(owner="eve")
    found = both.tokens.find(token)
    assert found is not None
    with db.writing(both.engine) as connection:
        gone = datetime.now(UTC) - timedelta(seconds=2)
        connection.execute(update(Token).where(Token.id == found.id).values(expires_at=gone))
    is_problem(both.ask("GET", JOBS, token=token), 401)


def test_scopes(api: Service) -> None:
    reads = api.tokens.create(owner="ann", scopes=["jobs:read"])
    writes = api.tokens.create(owner="ann", scopes=["jobs:write"])
    assert "jobs:write" in is_problem(api.ask("POST", JOBS, json=XOR, token=reads), 403)["detail"]
    assert "jobs:read" in is_problem(api.ask("GET", JOBS, token=writes), 403)["detail"]
    assert api.stored() == 0
    assert api.ask("GET", JOBS, token=reads).status_code == 200
    assert api.ask("OPTIONS", JOBS, token=reads).status_code == 200
    assert api.ask("POST", JOBS, json=XOR, token=writes).status_code == 201


FOREIGN = (
    ("GET", ""),
    ("GET", "/curve"),
    ("GET", "/events"),
    ("GET", "/stream"),
    ("GET", "/files"),
    ("GET", "/files/model.safetensors"),
    ("POST", "/cancel"),
    ("POST", "/retry"),
)


@pytest.mark.parametrize(("method", "verb"), FOREIGN)
def test_a_foreign_job_is_as_an_unknown_one(both: Service, method: str, verb: str) -> None:
    job_id = both.submit()
    bob = both.tokens.create(owner="bob")
    unknown = "01990000-0000-7000-8000-000000000000"
    foreign = is_problem(both.ask(method, f"{JOBS}/{job_id}{verb}", token=bob), 404)
    nothing = is_problem(both.ask(method, f"{JOBS}/{unknown}{verb}", token=bob), 404)
    assert foreign["detail"].replace(job_id, unknown) == nothing["detail"]
    assert both.ask("GET", f"{JOBS}/{job_id}").get_json()["status"] == "queued"


def test_a_list_holds_ones_own_jobs(both: Service) -> None:
    job_id = both.submit()
    bob = both.tokens.create(owner="bob")
    admin = both.tokens.create(owner="root", scopes=["admin"])
    assert both.ask("GET", JOBS, token=bob).get_json() == {"jobs": [], "newer": [], "next": None, "total": 0}
    for cursor in ("", "?cursor=ffffffff-ffff-ffff-ffff-ffffffffffff"):
        assert both.ask("GET", JOBS + cursor, token=bob).get_json()["jobs"] == []
        assert [job["id"] for job in both.ask("GET", JOBS + cursor, token=admin).get_json()["jobs"]] == [job_id]


def test_a_key_is_its_owners(api: Service) -> None:
    bob = api.tokens.create(owner="bob")
    headers = {"Idempotency-Key": "k"}
    mine = api.ask("POST", JOBS, json=XOR, headers=headers).get_json()["id"]
    answer = api.ask("POST", JOBS, json=XOR, headers=headers, token=bob)
    assert (answer.status_code, answer.get_json()["id"] == mine) == (201, False)


def test_guessing_is_slowed_down(fresh: Service) -> None:
    for _ in range(BAD_TOKENS_PER_MINUTE):
        is_problem(fresh.ask("GET", JOBS, token="epo_guess"), 401)
    answer = fresh.ask("GET", JOBS, token="epo_guess")
    is_problem(answer, 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 120
    assert fresh.ask("GET", JOBS).status_code == 200  # whoever shares the address is not locked out
    assert fresh.ask("GET", "/healthz").status_code == 200
    fresh.engine.dispose()


def test_no_other_site_may_ask_in_a_users_name(api: Service) -> None:
    answer = api.ask("GET", JOBS, headers={"Origin": "https://evil.example"})
    assert not [name for name in dict(answer.headers) if name.startswith("Access-Control")]
    assert "Set-Cookie" not in answer.headers
    preflight = api.ask(
        "OPTIONS", JOBS, token=None, headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    )
    assert preflight.status_code == 401


def test_tokens_are_neither_stored_nor_answered(api: Service) -> None:
    with db.reading(api.engine) as connection:
        rows = connection.execute(select(Token.__table__)).all()
    assert rows
    assert api.token not in str(rows)
    assert api.token not in api.ask("GET", JOBS).text
