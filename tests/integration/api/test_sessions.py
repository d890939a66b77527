"""A browser signs in with a token, and is known by a cookie afterwards."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from werkzeug.http import parse_cookie

from api.auth import COOKIE
from store import db
from store.tables import Token

from .conftest import JOBS, XOR, Service, is_problem, service

SESSION = "/api/v1/session"
OURS = {"X-Epochal-Page": "1", "Sec-Fetch-Site": "same-origin"}


def sign_in(api: Service, token: str = "") -> dict[str, str]:
    """The header of a browser that is signed in."""
    answer = api.ask("POST", SESSION, token=token)
    assert answer.status_code == 200, answer.text
    return {"Cookie": f"{COOKIE}={parse_cookie(answer.headers['Set-Cookie'])[COOKIE]}"}


def test_a_session_works_wherever_a_token_works_until_it_is_ended(both: Service) -> None:
    cookie = sign_in(both)
    who = both.ask("GET", SESSION, token=None, headers=cookie).json
    assert who is not None
    assert (who["owner"], who["admin"]) == ("ann", False)
    left = datetime.fromisoformat(who["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=11, minutes=59) < left <= timedelta(hours=12, seconds=1)
    assert both.ask("POST", JOBS, json=XOR, token=None, headers=cookie | OURS).status_code == 201
    assert len(both.ask("GET", JOBS, token=None, headers=cookie).json["jobs"]) == 1  # type: ignore[index]
    assert len(both.tokens.listed()) == len(stored(both)) - sessions(both)  # a list of tokens shows none

    out = both.ask("DELETE", SESSION, token=None, headers=cookie | OURS)
    assert out.status_code == 204
    assert "Max-Age=0" in out.headers["Set-Cookie"]
    assert "sign in" in is_problem(both.ask("GET", SESSION, token=None, headers=cookie), 401)["detail"]
    assert both.ask("GET", SESSION).status_code == 200  # the token itself goes on


@pytest.mark.parametrize(
    ("scheme", "secure"),
    [("http", False), ("https", True)],
)
def test_the_cookie_is_for_our_site_only_and_for_no_script(api: Service, scheme: str, secure: bool) -> None:
    answer = api.ask("POST", SESSION, base_url=f"{scheme}://localhost")
    flags = {flag.strip() for flag in answer.headers["Set-Cookie"].split(";")}
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} <= flags
    assert ("Secure" in flags) is secure
    assert not any(flag.startswith("Domain") for flag in flags)


@pytest.mark.parametrize(
    ("asked", "secure"),
    [
        ("http://lab.example.org", True),  # from the proxy to the API it is http
        ("http://lab.example.org:8000", False),  # past the proxy: a browser would drop a secure cookie
        ("http://localhost", False),
    ],
)
def test_the_cookie_of_a_public_url_with_https_is_secure_behind_its_proxy(
    tmp_path: Path, asked: str, *, secure: bool
) -> None:
    settings = {"EPOCHAL_PUBLIC_URL": "https://Lab.example.org:443", "EPOCHAL_TRUSTED_HOSTS": "lab.example.org"}
    api = service(tmp_path, **settings)
    answer = api.ask("POST", SESSION, base_url=asked)
    assert ("Secure" in answer.headers["Set-Cookie"]) is secure
    api.engine.dispose()


@pytest.mark.parametrize(
    "headers", [{}, {"X-Epochal-Page": "0"}, OURS | {"Sec-Fetch-Site": "cross-site"}, OURS | {"Sec-Fetch-Site": "none"}]
)
def test_no_other_site_can_make_a_browser_change_something(api: Service, headers: dict[str, str]) -> None:
    cookie = sign_in(api)
    refused = is_problem(api.ask("POST", JOBS, json=XOR, token=None, headers=cookie | headers), 403)
    assert "X-Epochal-Page" in refused["detail"]
    assert api.stored() == 0
    assert api.ask("DELETE", SESSION, token=None, headers=cookie | headers).status_code == 403
    assert api.ask("GET", JOBS, token=None, headers=cookie).status_code == 200
    asked_first = api.ask("OPTIONS", JOBS, token=None, headers=cookie | {"Origin": "http://elsewhere"})
    assert not any(name.startswith("Access-Control-") for name, _ in asked_first.headers)


def test_a_session_allows_what_its_token_allows_and_ends_with_it(both: Service) -> None:
    token = both.tokens.create(owner="eve", scopes=["jobs:read"])
    cookie = sign_in(both, token)
    is_problem(both.ask("POST", JOBS, json=XOR, token=None, headers=cookie | OURS), 403)
    is_problem(both.ask("POST", SESSION, token=None, headers=cookie | OURS), 401)  # or it would never end
    shown = cookie["Cookie"].partition("=")[2]
    assert "not a session" in is_problem(both.ask("POST", SESSION, token=shown), 401)["detail"]
    found = both.tokens.find(token)
    assert found is not None
    both.tokens.revoke(found.id)
    is_problem(both.ask("GET", JOBS, token=None, headers=cookie), 401)


def test_sessions_that_have_expired_are_dead_and_deleted(both: Service) -> None:
    cookie = sign_in(both)
    with db.writing(both.engine) as connection:
        gone = datetime.now(UTC) - timedelta(seconds=2)
        connection.execute(update(Token).where(Token.session_of.is_not(None)).values(expires_at=gone))
    is_problem(both.ask("GET", JOBS, token=None, headers=cookie), 401)
    sign_in(both)
    assert sessions(both) == 1


def test_a_bad_token_opens_no_session(api: Service) -> None:
    before = sessions(api)
    assert "Set-Cookie" not in api.ask("POST", SESSION, token="epo_wrong").headers
    assert sessions(api) == before


def stored(api: Service) -> list[str | None]:
    """Of each token in the record the token whose session it is."""
    with db.reading(api.engine) as connection:
        return list(connection.execute(select(Token.session_of)).scalars())


def sessions(api: Service) -> int:
    return len([of for of in stored(api) if of is not None])
