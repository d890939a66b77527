from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from epochal.client import Api
from tests.browser import launched

from .embedded import Embedded


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """One stack for all tests that leave it as they found it, in a folder whose name means something in a URL."""
    embedded = Embedded(tmp_path_factory.mktemp("stack") / "a #1 50%25?x")
    try:
        embedded.start()
        yield embedded
    finally:
        embedded.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all walks."""
    with launched() as made:
        yield made


@pytest.fixture
def client(stack: Embedded) -> Iterator[Api]:
    with stack.client() as made:
        yield made
    stack.slow_motion.end()
