from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.services import fresh_database

from .site import Site


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'record.db'}"
    else:
        with fresh_database(request.getfixturevalue("postgres_url")) as url:
            yield url


@pytest.fixture
def site(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Site]:
    site = Site(tmp_path, database_url, redis_url)
    yield site
    site.close()


@pytest.fixture(scope="module")
def shared_site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_url: str, redis_url: str
) -> Iterator[Site]:
    """A site for the tests of a module, which share its workers: a new one takes seconds of a core to start.

    On PostgreSQL, unless the module asks for another database.
    """
    folder = tmp_path_factory.mktemp("site")
    on_sqlite = getattr(request, "param", "postgres") == "sqlite"
    with nullcontext(f"sqlite:///{folder / 'record.db'}") if on_sqlite else fresh_database(postgres_url) as url:
        site = Site(folder, url, redis_url)
        yield site
        site.close()
