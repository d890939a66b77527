"""Tokens on the command line: they are listed without their secrets, and revoked by a short id."""

import json
from pathlib import Path

import pytest

from store import db
from store.tokens import TokenStore

from .conftest import Commands


@pytest.fixture
def tokens(epochal: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TokenStore:
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path))
    monkeypatch.delenv("EPOCHAL_DATABASE_URL", raising=False)
    return epochal.service.tokens


def test_tokens_are_created_listed_and_revoked(epochal: Commands, tokens: TokenStore) -> None:
    made = epochal("token", "create", "--owner", "bob").out.strip()
    assert tokens.find(made) is not None
    [bob, ann] = json.loads(epochal("token", "list", "--json").out)
    assert (bob["user"], ann["user"], bob["revoked_at"]) == ("bob", "ann", None)
    assert made not in json.dumps(bob)

    assert epochal("token", "revoke", bob["id"][-8:]).out == f"{bob['id'][-8:]} bob: revoked\n"
    assert tokens.find(made) is None
    assert tokens.find(epochal.service.token) is not None

    shown = epochal("token", "list").out.splitlines()
    assert shown[1].split()[:3] == [bob["id"][-8:], "bob", "revoked"]
    assert shown[2].split()[:3] == [ann["id"][-8:], "ann", "valid"]
    assert epochal("token", "revoke", "0000").code == 1


def test_an_end_that_several_tokens_have_is_refused(epochal: Commands, tokens: TokenStore) -> None:
    tokens.create(owner="bob")
    ran = epochal("token", "revoke", "")
    assert ran.code == 2
    assert "fits 2 tokens" in ran.err
    with db.reading(epochal.service.engine):
        assert all(one.revoked_at is None for one in tokens.listed())
