"""A user cancels over HTTP at the moment at which a worker ends the job; `make chaos` runs 10,000 of these."""

from random import Random

import pytest

from tests.chaos.races import ENDS, counted, race

from .conftest import Service, emptied

pytestmark = pytest.mark.thorough


def test_a_cancel_that_meets_an_end_leaves_one_end_that_both_see(
    on_postgresql: Service, pytestconfig: pytest.Config
) -> None:
    count = 200 if pytestconfig.getoption("--all-databases") else 100
    api = emptied(on_postgresql)
    token = api.tokens.create(owner="ada")
    ended = race(api.store, api.app, token, Random(1), count)
    assert len(ended) == count
    assert [one for one in ended if not one.consistent] == []
    assert {verb for verb, _, _ in counted(ended)} == set(ENDS)
