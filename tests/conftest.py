import gc
from collections.abc import Iterator

import pytest

from . import services

pytest_plugins = ("tests.selection", "tests.distribution")


def pytest_collection_finish() -> None:
    """Keep the garbage collector from all that was imported: it would look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A fresh PostgreSQL database for this session."""
    with services.postgres_server() as server, services.fresh_database(server) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A broker for this session."""
    with services.broker() as url:
        yield url
