"""What differs between jobs: fields of their specs, and metrics of their best epochs."""

from collections.abc import Mapping, Sequence
from typing import Any

from spec.views import JobView, ListedJob

_OWN = ("name", "tags", "project", "priority", "version")
"""Fields that say nothing about the training."""


def differing(jobs: Sequence[JobView | ListedJob]) -> dict[str, list[Any]]:
    """The fields of the specs that are not the same in all jobs; a field that a job lacks is None."""
    specs = [_flat(job.spec.model_dump(mode="json", exclude=set(_OWN))) for job in jobs]
    names = dict.fromkeys(name for spec in specs for name in spec)
    rows = {name: [spec.get(name) for spec in specs] for name in names}
    return {name: values for name, values in rows.items() if any(value != values[0] for value in values)}


def best_metrics(jobs: Sequence[JobView | ListedJob]) -> dict[str, list[float | None]]:
    """The metrics of the best epochs that any of the jobs has."""
    best = [{} if job.best is None else job.best.metrics for job in jobs]
    names = dict.fromkeys(name for metrics in best for name in metrics if name != "learning_rate")
    return {name: [metrics.get(name) for metrics in best] for name in names}


def best_epochs(jobs: Sequence[JobView | ListedJob]) -> list[int | None]:
    """The best epoch of each job that has one."""
    return [None if job.best is None else job.best.epoch for job in jobs]


def _flat(spec: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """The fields with the path of each; the type of a part is the part's own value."""
    flat: dict[str, Any] = {}
    for name, value in spec.items():
        path = before.rstrip(".") if before and name in ("type", "name") else f"{before}{name}"
        flat |= _flat(value, f"{path}.") if isinstance(value, Mapping) else {path: value}
    return flat
