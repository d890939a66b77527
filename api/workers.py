"""Workers and the queue over HTTP. Other owners' jobs appear as numbers only."""

from dataclasses import asdict

from flask import Blueprint, Response

from spec.views import QueueView, Training, Workers, WorkerView
from store.queue import Queue
from store.workers import TrainingRecord, WorkerRecord, WorkerStore

from .answers import PREFIX
from .auth import principal
from .openapi import documented
from .parsing import json_response
from .services import service

workers = Blueprint("workers", __name__, url_prefix=PREFIX)


@workers.get("/workers")
@documented("List the workers that are up", answer=Workers)
def list_workers() -> Response:
    """The workers that are up, with the asker's jobs that each trains."""
    store = service(WorkerStore)
    training = store.training(owner=principal().sees)
    return json_response(Workers(workers=[_view(worker, training) for worker in store.live()]))


@workers.get("/queue")
@documented("Show how long the queue is and how fast it moves", answer=QueueView)
def show_queue() -> Response:
    """The queue in figures."""
    return json_response(QueueView(**asdict(service(Queue).overview())))


def _view(worker: WorkerRecord, training: list[TrainingRecord]) -> WorkerView:
    return WorkerView(
        id=worker.id,
        host=worker.host,
        devices=list(worker.devices),
        free_devices=list(worker.free_devices),
        slots=len(worker.devices),
        free_slots=len(worker.free_devices),
        seen_at=worker.seen_at,
        training=[
            Training(device=held.device, jobs=held.jobs, yours=held.yours)
            for held in training
            if held.worker == worker.id
        ],
    )
