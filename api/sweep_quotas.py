"""Sweeps that a quota of queued jobs would keep waiting for ever: they are refused when they are submitted."""

from spec.sweep import SweepSpec
from store.errors import IllegalSweepStateError
from store.sweep_records import SweepRecord
from store.sweep_results import SweepResults
from store.sweeps import SweepStore

from .errors import BadFieldsError

CURE = "ask an administrator for a larger quota"


def demand_quota(store: SweepStore, spec: SweepSpec, owner: str) -> None:
    """Raise `BadFieldsError` if the jobs of one configuration, which wait together, may never wait."""
    most = store.most_jobs(spec.base.project, owner=owner)
    if most is not None and spec.replicates > most.jobs:
        field = "seeds" if spec.folds is None else "folds"
        raise BadFieldsError.of(
            field,
            f"is {spec.replicates}, so {spec.replicates} jobs of a configuration wait together, and {most.sentence}: "
            f"use fewer {field}, or {CURE}",
        )


def demand_quota_again(store: SweepStore, results: SweepResults, sweep: SweepRecord) -> None:
    """Raise `IllegalSweepStateError` if a generation of a sweep is larger than what may wait now."""
    jobs = results.largest_generation(sweep.id) * sweep.spec.replicates
    most = store.most_jobs(sweep.project, owner=sweep.owner)
    if most is not None and jobs > most.jobs:
        cure = f"{jobs:,} of its jobs wait together, and {most.sentence}: {CURE}"
        raise IllegalSweepStateError(sweep.state.value, "replayed now", cure)
