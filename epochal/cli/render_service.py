"""Tables of services, workers, the queue and tokens, for people."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from rich.table import Table

from spec.views import QueueView, WorkerView

from ..client.words import DASH
from ..stack.home import ServiceState
from .figures import duration


def services_table(services: Iterable[ServiceState]) -> Table:
    """The services of an embedded stack."""
    table = Table("service", "state", "process", "restarts", "log", box=None, header_style="bold", pad_edge=False)
    for service in services:
        pid = DASH if service.pid is None else str(service.pid)
        table.add_row(service.name, service.state, pid, str(service.restarts), service.log)
    return table


def workers_table(workers: Iterable[WorkerView], *, now: datetime) -> Table:
    """The workers that are up, one line each."""
    headings = ("worker", "host", "slots", "free", "training", "last seen")
    table = Table(*headings, box=None, header_style="bold", pad_edge=False)
    for worker in workers:
        training = ", ".join(f"{held.jobs} on {held.device}" for held in worker.training) or DASH
        seen = f"{duration((now - worker.seen_at).total_seconds())} ago"
        table.add_row(worker.id, worker.host, _kinds(worker.devices), _kinds(worker.free_devices), training, seen)
    return table


def queue_table(queue: QueueView) -> Table:
    """The queue in figures."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_row("queued", f"{sum(queue.queued.values())}{_split(queue.queued)}")
    table.add_row("running", str(queue.running))
    for kind, slots in queue.slots.items():
        if slots:
            table.add_row(f"{kind} slots", f"{queue.free_slots[kind]} of {slots} free")
    table.add_row("oldest wait", DASH if queue.oldest_wait_s is None else duration(queue.oldest_wait_s))
    if queue.backlog_s:
        table.add_row("work", f"{duration(queue.backlog_s)} for one slot")
    table.add_row("jobs ended", f"{queue.finished_per_min:.3g} per minute")
    return table


def _kinds(devices: Iterable[str]) -> str:
    """The number of devices of each kind."""
    counts = Counter(device.split(":", maxsplit=1)[0] for device in devices)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or DASH


def _split(queued: Mapping[str, int]) -> str:
    """The numbers of jobs that need a kind of device, in brackets."""
    asked = [f"{count} for {device}" for device, count in queued.items() if count and device != "auto"]
    return f" ({', '.join(asked)})" if asked else ""
