from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from store import db, schema
from tests.record import Record, empty

from .status_writes import only_transitions_write


@pytest.fixture(autouse=True)
def one_writer() -> Iterator[None]:
    """No module but the writer of states writes one, in any test of the store."""
    with only_transitions_write():
        yield


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[dict[str, Engine]]:
    """Both databases, with the schema that the migrations make."""
    urls = {"sqlite": f"sqlite:///{tmp_path_factory.mktemp('record')}/epochal.db", "postgresql": postgres_url}
    made = {}
    for name, url in urls.items():
        schema.migrate(url)
        made[name] = db.connect(url)
    yield made
    for engine in made.values():
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, engines: dict[str, Engine]) -> Engine:
    """An empty record: every test that takes it runs on both databases."""
    chosen = engines[request.param]
    empty(chosen)
    return chosen


@pytest.fixture
def store(engine: Engine) -> Record:
    return Record(engine)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/epochal.db"
