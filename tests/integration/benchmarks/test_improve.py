"""`improve` finds what is wrong with bad jobs, and nothing with a good one."""

import pytest

from benchmarks import improve
from spec.job import JobSpec

from ...unit.arithmetic import as_a_trainer_process

pytestmark = pytest.mark.thorough

__all__ = ["as_a_trainer_process"]


@pytest.mark.parametrize(
    ("name", "change"),
    [("no standardisation", "standardize true instead of false"), ("too few epochs", "epochs 3 instead of 1")],
)
def test_the_fault_of_a_bad_job_is_found(name: str, change: str) -> None:
    found = improve.improve(JobSpec.model_validate(improve.BAD[name]), seeds=5)
    assert found.changes[1].change == change
    assert found.changes[1].helps
    assert found.sentence.startswith(f"{change} raises validation accuracy from ")


def test_nothing_helps_a_good_job() -> None:
    found = improve.improve(JobSpec.model_validate(improve.GOOD["iris"]), seeds=5)
    assert found.suggestion is None
    assert found.sentence.startswith("Nothing helped: none of ")
