import logging
from collections.abc import Iterator

import pytest

from epochal.client import Api

from .stack import Compose

log = logging.getLogger("compose")


@pytest.fixture(scope="session")
def compose(request: pytest.FixtureRequest) -> Iterator[Compose]:
    """The stack, up; what it said is shown when a test failed."""
    compose = Compose()
    try:
        compose.up()
        yield compose
        if request.session.testsfailed:
            log.warning(compose.logs())
    except AssertionError:
        log.warning(compose.logs())
        raise
    finally:
        compose.down()


@pytest.fixture
def client(compose: Compose) -> Iterator[Api]:
    """A client of the stack."""
    with compose.client() as client:
        yield client
