"""How the processes of `pytest -n` share the tests: a server that many use starts once, the longest groups go first."""

import os
from contextlib import ExitStack

import pytest

from . import services

SERVERS = ("stack", "mlflow_server")
"""Fixtures of a session that take seconds to start: all their tests run in one process."""

FIRST = ("tests/acceptance", "tests/integration/worker", "tests/integration/tracking", "tests/integration")
"""Where the longest groups are, longest first."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=_place)


def _group(item: pytest.Item) -> str:
    """The tests of a file, or of all files, that one process runs."""
    used = getattr(item, "fixturenames", ())
    return next((server for server in SERVERS if server in used), item.location[0])


def _place(item: pytest.Item) -> int:
    return next((place for place, folder in enumerate(FIRST) if item.location[0].startswith(folder)), len(FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Start, before the processes, the PostgreSQL that they share where no other answers."""
    if any(not path.startswith(("tests/unit", "tests/repo")) for path in config.args):
        stack = ExitStack()
        config.add_cleanup(stack.close)
        os.environ["TEST_POSTGRES_URL"] = stack.enter_context(services.postgres_server())
