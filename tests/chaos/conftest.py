from collections.abc import Callable, Generator, Iterator

import pytest

from .site import Api, Site, Worker, site

LEASE_S = 4.0
"""Short, so that a lost worker is missed soon."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the record and the logs say while the site of a test that failed still stands."""
    report = yield
    here = item.funcargs.get("here")
    if report.failed and report.when == "call" and isinstance(here, Site):
        report.sections.append(("What the record and the logs say", here.account()))
    return report


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A record and a broker for the tests of a module."""
    with site(tmp_path_factory.mktemp("site"), lease_s=LEASE_S) as made:
        yield made


@pytest.fixture
def here(standing: Site) -> Iterator[Site]:
    """A site whose workers go with the test."""
    yield standing
    standing.slow_motion.end()
    for worker in standing.workers:
        for wire in (worker.record, worker.broker):
            wire.heal()
        worker.end()
    standing.workers.clear()


@pytest.fixture
def worker(here: Site) -> Worker:
    """A worker of the site."""
    return here.worker()


@pytest.fixture(scope="module")
def api(standing: Site) -> Api:
    """The API of the site."""
    return standing.api()


Strike = Callable[[Worker], object]
