"""Sweeps whose jobs could never wait together, by a quota: refused when they are submitted, with the cure."""

import pytest

from spec.access import Quotas, Role
from store.users import UserStore

from .conftest import JOBS, Service, is_problem
from .sweeping import SWEEPS, asked, finished
from .test_improvements import trained


@pytest.fixture
def users(both: Service) -> UserStore:
    """Ann, who may have three jobs that wait."""
    users = UserStore(both.engine)
    users.create("ann", Role.member, Quotas(queued=3))
    return users


@pytest.mark.parametrize("path", ["", "/check"])
@pytest.mark.parametrize("field", ["seeds", "folds"])
def test_more_seeds_or_folds_than_may_wait_are_refused(both: Service, users: UserStore, field: str, path: str) -> None:
    (error,) = is_problem(both.ask("POST", SWEEPS + path, json=asked(**{field: 4})), 422)["errors"]
    assert error["path"] == field
    assert error["message"] == (
        "is 4, so 4 jobs of a configuration wait together, and the quota of queued jobs of ann is 3: "
        f"use fewer {field}, or ask an administrator for a larger quota"
    )
    assert both.ask("POST", SWEEPS + path, json=asked(**{field: 3})).status_code in (200, 201)


def test_a_sweep_whose_generations_are_larger_than_the_quota_now_is_is_not_replayed(
    both: Service, users: UserStore
) -> None:
    sweep_id = finished(both, trials=3, seeds=1)
    users.change("ann", quotas=Quotas(queued=2))
    detail = is_problem(both.ask("POST", f"{SWEEPS}/{sweep_id}/replay"), 409)["detail"]
    assert "3 of its jobs wait together, and the quota of queued jobs of ann is 2: ask an" in detail
    users.change("ann", quotas=Quotas(queued=3))
    assert both.ask("POST", f"{SWEEPS}/{sweep_id}/replay").status_code == 201


def test_a_job_is_not_improved_with_more_seeds_than_may_wait(both: Service, users: UserStore) -> None:
    job_id = trained(both)
    (error,) = is_problem(both.ask("POST", f"{JOBS}/{job_id}/improve", json={"seeds": 4}), 422)["errors"]
    assert (error["path"], error["message"][:5]) == ("seeds", "is 4,")
    assert both.ask("POST", f"{JOBS}/{job_id}/improve", json={"seeds": 3}).status_code == 201


def test_more_jobs_than_may_ever_wait_are_not_told_to_come_later(both: Service, users: UserStore) -> None:
    detail = is_problem(both.ask("POST", f"{JOBS}/bulk", json={"jobs": [{"dataset": "xor"}] * 4}), 429)["detail"]
    assert detail.startswith("The quota of queued jobs of ann is 3, so 4 can never wait together: submit fewer at a")
