from collections.abc import Iterator

import pytest

from epochal.client import Api

from .embedded import Embedded


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """One stack for all tests that leave it as they found it."""
    embedded = Embedded(tmp_path_factory.mktemp("stack"))
    try:
        embedded.start()
        yield embedded
    finally:
        embedded.stop()


@pytest.fixture
def client(stack: Embedded) -> Iterator[Api]:
    with stack.client() as made:
        yield made
    stack.slow_motion.end()
