"""The machine of `tests/integration/store/test_machine.py`, for longer, with other examples each time."""

import pytest
from hypothesis import HealthCheck, settings

from tests.integration.store.test_machine import connections, run


@pytest.mark.timeout(1800)
def test_any_order_of_verbs_leaves_the_record_as_the_model(postgres_url: str) -> None:
    more = settings(
        max_examples=100,
        stateful_step_count=60,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    with connections(postgres_url) as engines:
        run(engines, more)
