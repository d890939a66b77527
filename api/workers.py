"""Who trains, and how much waits."""

from dataclasses import asdict

from flask import Blueprint, Response

from spec.views import QueueView, Training, Workers, WorkerView
from store.queue import Queue
from store.workers import TrainingRecord, WorkerRecord, WorkerStore

from .answers import PREFIX
from .auth import principal
from .openapi import documented
from .parsing import answered


def blueprint(workers: WorkerStore, queue: Queue) -> Blueprint:
    """The routes about the service as a whole; of foreign jobs they tell the number only."""
    service = Blueprint("workers", __name__, url_prefix=PREFIX)

    @service.get("/workers")
    @documented("List the workers that are up", answer=Workers)
    def list_workers() -> Response:
        training = workers.training(owner=principal().sees)
        return answered(Workers(workers=[_view(worker, training) for worker in workers.live()]))

    @service.get("/queue")
    @documented("Show how long the queue is and how fast it moves", answer=QueueView)
    def show_queue() -> Response:
        return answered(QueueView(**asdict(queue.overview())))

    return service


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
