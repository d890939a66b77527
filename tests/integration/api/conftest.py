from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from api.app import create_app
from spec.settings import Settings
from store.tokens import TokenStore
from tests.browser import launched
from tests.record import Record, empty, migrate
from tests.services import fresh_database

JOBS = "/api/v1/jobs"
XOR: dict[str, Any] = {"dataset": "xor"}
NOBODY = "redis://127.0.0.1:1/0"
"""A broker that refuses every connection: the bell is not heard, and nothing else happens."""


@dataclass(frozen=True)
class Service:
    """The API over a record, and a client that asks it as one of its users."""

    app: Flask
    engine: Engine
    store: Record
    tokens: TokenStore
    token: str
    home: Path

    def ask(self, method: str, path: str, *, token: str | None = "", **request: Any) -> TestResponse:
        """The answer; `token` None asks without one."""
        headers = {name.title(): value for name, value in dict(request.pop("headers", {})).items()}
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token or self.token}")
        client: FlaskClient = self.app.test_client(use_cookies=False)  # or it would drop the header
        return client.open(path, method=method, headers=headers, **request)

    def stored(self) -> int:
        """How many jobs the record holds."""
        return sum(self.store.counts().values())

    def submit(self, **fields: Any) -> str:
        """The id of a new job."""
        answer = self.ask("POST", JOBS, json=XOR | fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json["id"])  # type: ignore[index]

    def run(self, **fields: Any) -> str:
        """The id of a job that runs, in its first attempt."""
        job_id = self.submit(**fields)
        claims = self.store.claim(worker="w", device="cpu", limit=1, lease_s=60)
        assert [claim.job_id for claim in claims] == [job_id]
        return job_id


def service(home: Path, **settings: str) -> Service:
    """The API over the record in `home`, unless the settings name another."""
    read = Settings.read(
        {"EPOCHAL_HOME": str(home), "EPOCHAL_BROKER_URL": NOBODY, "EPOCHAL_MLFLOW_PUBLIC_URL": "http://mlflow:5000"}
        | settings
    )
    migrate(read.database_url)
    app = create_app(read)
    engine = app.extensions["epochal.engine"]
    tokens = TokenStore(engine)
    return Service(app, engine, Record(engine), tokens, tokens.create(owner="ann"), home)


@pytest.fixture(scope="session")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = service(tmp_path_factory.mktemp("home"))
    yield made
    made.engine.dispose()


@pytest.fixture(scope="session")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Service]:
    with fresh_database(postgres_url) as url:  # the tests of the store empty theirs, tokens and all
        made = service(tmp_path_factory.mktemp("home"), EPOCHAL_DATABASE_URL=url)
        yield made
        made.engine.dispose()


def emptied(made: Service) -> Service:
    """The service without a job."""
    empty(made.engine, but=frozenset({"token"}))
    return made


@pytest.fixture
def api(on_sqlite: Service) -> Service:
    """The API over an empty SQLite record."""
    return emptied(on_sqlite)


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest) -> Service:
    """The API over an empty record: the test runs on both databases."""
    return emptied(request.getfixturevalue(f"on_{request.param}"))


def is_problem(answer: TestResponse, status: int) -> dict[str, Any]:
    """Check that an answer is an error of this status as every client can read it; its fields."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    body: dict[str, Any] = answer.get_json(force=True)
    assert body["status"] == status
    assert body["detail"]
    assert "Traceback" not in answer.text
    assert body["request_id"] == answer.headers["X-Request-Id"] != ""
    return body


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a file."""
    with launched() as made:
        yield made
