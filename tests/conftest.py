import gc
import uuid
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings

from . import services
from .examples import FEW, MANY

pytest_plugins = ("tests.selection", "tests.distribution")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile(MANY if config.getoption("--all-databases") else FEW)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from all that is imported: it would look through it again and again."""
    gc.disable()
    found = yield
    gc.collect()
    gc.freeze()
    gc.enable()
    return found


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A fresh PostgreSQL database for this session."""
    with services.postgres_server() as server, services.fresh_database(server) as url:
        yield url


@pytest.fixture(scope="session")
def s3() -> Iterator[services.OwnBucket]:
    """A server that speaks S3, for this session."""
    with services.own_bucket() as server:
        yield server


@pytest.fixture
def bucket(s3: services.OwnBucket, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty file store in a bucket, with the keys to it in the environment."""
    for name, value in s3.environ.items():
        monkeypatch.setenv(name, value)
    return f"{s3.url}/{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A broker for this session."""
    with services.broker() as url:
        yield url
