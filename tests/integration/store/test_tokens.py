from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select, update

from store import db
from store.tables import Token
from store.tokens import SCOPES, TokenStore


def test_a_token_is_found_by_its_text_only(engine: Engine) -> None:
    tokens = TokenStore(engine)
    made = tokens.create(owner="ada")
    found = tokens.find(made)
    assert found is not None
    assert found.owner == "ada"
    assert found.scopes == {"jobs:read", "jobs:write"}
    assert tokens.find(made + "x") is None


def test_the_text_of_a_token_is_not_stored(engine: Engine) -> None:
    made = TokenStore(engine).create(owner="ada")
    with db.reading(engine) as connection:
        row = connection.execute(select(Token.__table__)).one()
    assert made not in str(tuple(row))


def test_a_token_is_ensured_once(engine: Engine) -> None:
    tokens = TokenStore(engine)
    for _ in range(2):
        tokens.ensure("epo_given", owner="admin")
    found = tokens.find("epo_given")
    assert found is not None
    assert found.scopes == set(SCOPES)


def test_services_that_start_together_ensure_one_token(engine: Engine) -> None:
    tokens = TokenStore(engine)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: tokens.ensure("epo_given", owner="admin"), range(8)))
    with db.reading(engine) as connection:
        assert len(connection.execute(select(Token.id)).all()) == 1


def test_a_revoked_token_stays_revoked(engine: Engine) -> None:
    tokens = TokenStore(engine)
    tokens.ensure("epo_given", owner="admin")
    found = tokens.find("epo_given")
    assert found is not None
    tokens.revoke(found.id)
    tokens.ensure("epo_given", owner="admin")
    assert tokens.find("epo_given") is None


def test_a_revoked_token_is_refused(engine: Engine) -> None:
    tokens = TokenStore(engine)
    made = tokens.create(owner="ada")
    found = tokens.find(made)
    assert found is not None
    assert tokens.revoke(found.id)
    assert tokens.find(made) is None
    assert not tokens.revoke(found.id)


def test_an_expired_token_is_refused(engine: Engine) -> None:
    tokens = TokenStore(engine)
    made = tokens.create(owner="ada")
    with db.writing(engine) as connection:
        connection.execute(update(Token).values(expires_at=datetime.now(UTC) - timedelta(minutes=1)))
    assert tokens.find(made) is None


@pytest.mark.both_databases
def test_a_session_that_is_opened_while_its_token_is_revoked_is_refused(engine: Engine) -> None:
    tokens = TokenStore(engine)
    found = tokens.find(tokens.create(owner="ada"))
    _, classroom = tokens.create_classroom(owner="ada", lasts_s=60.0)
    assert found is not None
    assert tokens.revoke(found.id)
    assert tokens.revoke(classroom.id)
    guest, _ = tokens.open_guest(classroom, most=1)
    assert [tokens.find(session) for session in (tokens.open_session(found), guest)] == [None, None]
