"""Figures for Prometheus: those of the whole service, from the record, and the requests of this API.

Whichever process is asked, it answers for all: the record is one, and gunicorn's processes write their requests into
files of one folder (`api/gunicorn.py`), which prometheus-client adds up.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from spec import VERSION
from store.disk_space import DiskSpace
from store.errors import StoreUnavailableError
from store.figures import Figures

from .openapi import documented
from .services import service

KEPT_S = 5.0
"""How long figures of the record are kept: whoever asks more often gets the same."""
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus-client's own variable: where the processes of one API keep their counters."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""A client may send any word as its method, and each label that was counted stays: others are counted as one."""

metrics = Blueprint("metrics", __name__, static_folder=None)


class Exposition:
    """What Prometheus reads."""

    def __init__(
        self,
        read: Callable[[], Figures],
        space: DiskSpace,
        queue_limit: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._space, self._queue_limit, self._clock = read, space, queue_limit, clock
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._figures: Figures | None = None
        self._registry = CollectorRegistry()
        self._registry.register(self)
        shared = os.environ.get(SHARED_FOLDER)
        own = CollectorRegistry() if shared else self._registry
        if shared:
            MultiProcessCollector(self._registry, shared)  # type: ignore[no-untyped-call]
        self._requests = Histogram(
            "epochal_http_request_seconds",
            "Seconds until an answer began, by route.",
            ("route", "method", "status"),
            buckets=BUCKETS,
            registry=own,
        )

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(route, method, f"{status // 100}xx").observe(seconds)

    def text(self) -> bytes:
        """All figures, in Prometheus' format."""
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Nothing: prometheus-client would read the record to learn the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures of the record; without an answer of it, only that it does not answer."""
        version = GaugeMetricFamily("epochal_build_info", "The release of this API.", labels=["version"])
        version.add_metric([VERSION], 1.0)
        yield version
        figures = self._kept()
        yield GaugeMetricFamily("epochal_record_up", "Whether the record answers.", value=float(figures is not None))
        yield GaugeMetricFamily("epochal_queue_limit", "Most jobs that may wait; 0: any.", value=self._queue_limit)
        for free, (what, unit) in enumerate((("size", "in all"), ("free", "that are free"))):
            disks = {(name,): float(sizes[1 - free]) for name, sizes in self._space.disks().items()}
            yield _gauge(f"epochal_disk_{what}_bytes", f"Bytes {unit}, where the API keeps this.", ("of",), disks)
        if figures is not None:
            yield from _families(figures)

    def _kept(self) -> Figures | None:
        """The figures of the last seconds; None while the record does not answer."""
        with self._lock:
            if self._clock() - self._read_at > KEPT_S:
                try:
                    self._figures = self._read()
                except StoreUnavailableError:
                    self._figures = None
                self._read_at = self._clock()
            return self._figures


def _families(figures: Figures) -> Iterator[Metric]:
    asked = {(one.owner, one.device): one for one in figures.waiting}
    labels = ("owner", "device")
    jobs = {key: float(one.work.jobs) for key, one in asked.items()}
    yield _gauge("epochal_jobs_queued", "Jobs that wait, by the device that they ask for.", labels, jobs)
    ages = {key: one.oldest_s for key, one in asked.items()}
    yield _gauge("epochal_queue_oldest_seconds", "How long the first of them has waited.", labels, ages)
    yield _gauge("epochal_jobs_running", "Jobs that train.", labels, figures.running)
    if figures.backlog_s is not None:
        about = "How long one slot would train what waits, at the speed of those that train."
        yield GaugeMetricFamily("epochal_backlog_seconds", about, value=figures.backlog_s)
    kind = ("device",)
    yield _gauge("epochal_packs_running", "Slots that train a pack.", kind, _keyed(figures.packs))
    yield _gauge(
        "epochal_model_steps_per_second",
        "Optimizer steps of all jobs together in a second.",
        kind,
        _keyed(figures.steps_per_s),
    )
    yield GaugeMetricFamily("epochal_workers", "Workers that are up.", value=figures.workers)
    yield _gauge("epochal_slots", "Slots of workers that are up.", kind, _keyed(figures.slots))
    yield _gauge("epochal_slots_free", "Slots that train nothing.", kind, _keyed(figures.free_slots))
    yield GaugeMetricFamily(
        "epochal_mirror_jobs_behind", "Jobs of which MLflow lacks epochs or the end.", value=figures.mirror_behind
    )
    yield GaugeMetricFamily(
        "epochal_mirror_lag_seconds", "Age of the oldest of what MLflow lacks.", value=figures.mirror_lag_s
    )
    ended = CounterMetricFamily("epochal_jobs_ended", "Jobs that ended.", labels=("status", "reason"))
    for key, count in figures.ended.items():
        ended.add_metric(key, count)
    yield ended
    yield CounterMetricFamily(
        "epochal_leases_lost", "Leases that expired because a worker was lost.", value=figures.leases_lost
    )


def _gauge(
    name: str, about: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float] | Mapping[Any, float]
) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family


def _keyed(values: Mapping[str, float]) -> dict[tuple[str], float]:
    return {(key,): value for key, value in values.items()}


def install(app: Flask, exposition: Exposition) -> None:
    """Count every request."""

    @app.after_request
    def _count(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in METHODS else "other"
        exposition.count(route, method, response.status_code, time.monotonic() - g.began)
        return response


@metrics.get("/metrics")
@documented("Show the service in figures, for Prometheus", answer=bytes, media=("text/plain",))
def show_metrics() -> Response:
    """All figures, for a token with the scope metrics:read, or an administrator's."""
    return Response(service(Exposition).text(), content_type=CONTENT_TYPE_LATEST)
