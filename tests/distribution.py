"""How the processes of `pytest -n` share the tests: a server that many use starts once, the longest groups go first."""

import os
from contextlib import ExitStack

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from . import services

TOGETHER = ("tests/acceptance/", "tests/integration/tracking/")
"""The tests of these folders share a server that takes seconds to start: one process runs them all."""

APART = ("tests/acceptance/test_stack.py",)
"""But for these, which start servers of their own."""

FIRST = (*TOGETHER, "tests/integration/worker/", "tests/integration/")
"""Where the longest groups are, longest first."""


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """One process runs a group: the tests of a file, or of files that share a server.

    By path, because the marks of `--dist=loadgroup` do nothing with pytest 9.2 (pytest-xdist#1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return path if path in APART else next((folder for folder in TOGETHER if path.startswith(folder)), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    return Groups(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    return next((place for place, folder in enumerate(FIRST) if item.nodeid.startswith(folder)), len(FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Start, before the processes, the PostgreSQL that they share where no other answers."""
    if any(not path.startswith(("tests/unit", "tests/repo")) for path in config.args):
        stack = ExitStack()
        config.add_cleanup(stack.close)
        os.environ["TEST_POSTGRES_URL"] = stack.enter_context(services.postgres_server())
