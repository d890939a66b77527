"""Tokens and webhooks on the command line: listed without their secrets, and meant by the end of an id."""

import json
from pathlib import Path

import httpx
import pytest

from epochal.client import Api
from store import db
from store.tokens import TokenStore

from .conftest import Commands


@pytest.fixture
def tokens(epochal: Commands, monkeypatch: pytest.MonkeyPatch) -> TokenStore:
    monkeypatch.setenv("EPOCHAL_HOME", str(epochal.service.home))
    monkeypatch.delenv("EPOCHAL_DATABASE_URL", raising=False)
    return epochal.service.tokens


@pytest.mark.thorough
def test_a_token_of_ones_own_is_made_by_the_service(
    epochal: Commands, tokens: TokenStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EPOCHAL_DATABASE_URL", f"sqlite:///{tmp_path}/none/other.db")  # which is not there
    made = tokens.find(epochal("token", "create", "--name", "laptop", "--days", "3").out.strip())
    assert made is not None
    assert (made.owner, sorted(made.scopes)) == ("ann", ["jobs:read", "jobs:write"])
    [laptop, _] = json.loads(epochal("token", "list", "--json").out)
    assert (laptop["name"], laptop["expires_at"] is None) == ("laptop", False)
    assert epochal("token", "revoke", laptop["id"]).code == 0
    ran = epochal("token", "create", "--admin")
    assert (ran.code, "--admin needs --owner USER" in ran.err) == (2, True)
    ran = epochal("token", "create", "--owner", "bob")
    assert (ran.code, "EPOCHAL_DATABASE_URL" in ran.err) == (1, True)


def test_an_administrator_makes_a_token_for_another_user_without_the_database(
    epochal: Commands, tokens: TokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = epochal("token", "create", "--owner", "bob")
    assert (ran.code, "Only an administrator" in ran.err) == (1, True)
    tokens.create(owner="bob")
    root = tokens.create(owner="root", scopes=["jobs:read", "jobs:write", "admin"])
    transport = httpx.WSGITransport(app=epochal.service.app)
    monkeypatch.setattr("epochal.cli.tokens.Api", lambda: Api("http://localhost", root, transport=transport))
    made = tokens.find(epochal("token", "create", "--owner", "bob").out.strip())
    assert made is not None
    assert (made.owner, "admin" in made.scopes) == ("bob", False)


def test_tokens_are_created_listed_and_revoked(epochal: Commands, tokens: TokenStore) -> None:
    mine = epochal("token", "create").out.strip()
    [second, first] = json.loads(epochal("token", "list", "--json").out)  # a member's list has no others
    assert (second["user"], first["user"], second["revoked_at"]) == ("ann", "ann", None)
    assert mine not in json.dumps(second)

    assert epochal("token", "revoke", second["id"][-8:]).out == f"{second['id'][-8:]} ann: revoked\n"
    assert tokens.find(mine) is None
    assert tokens.find(epochal.service.token) is not None

    shown = epochal("token", "list").out.splitlines()
    assert shown[1].split()[:3] == [second["id"][-8:], "ann", "revoked"]
    assert shown[2].split()[:3] == [first["id"][-8:], "ann", "valid"]
    assert epochal("token", "revoke", "0000").code == 1


def test_an_end_that_several_tokens_have_is_refused(epochal: Commands, tokens: TokenStore) -> None:
    tokens.create(owner="ann")
    ran = epochal("token", "revoke", "")
    assert ran.code == 2
    assert "fits 2 tokens" in ran.err
    with db.reading(epochal.service.engine):
        assert all(one.revoked_at is None for one in tokens.listed())


def test_a_webhook_is_meant_by_the_end_of_its_id(epochal: Commands) -> None:
    whole = epochal("webhook", "add", "https://8.8.8.8/hook").out.splitlines()[0]
    assert epochal("webhook", "list").out.splitlines()[1].split()[:2] == [whole[-8:], "https://8.8.8.8/hook"]
    ran = epochal("webhook", "remove", "0000")
    assert (ran.code, "`epochal webhook list`" in ran.err) == (1, True)
    assert epochal("webhook", "remove", whole[-8:]).out == f"{whole}: removed\n"
