"""A supervisor with a scripted trainer, over a real record, on a clock that moves only when somebody waits."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import update

from spec.job import JobSpec
from spec.states import JobStatus, StopReason
from store import db, tables
from store.files import Files, files_at
from tests.record import Record, migrate
from worker.context import WorkerContext
from worker.devices import Device
from worker.errors import TrainerDied
from worker.heartbeat import Heartbeat
from worker.messages import (
    CHECKPOINTS,
    Ended,
    Order,
    Points,
    Report,
    Saved,
    Train,
)
from worker.packing import PackSizes
from worker.supervisor import Supervisor
from worker.trainer_process import Trainer

CPU = Device("cpu", "cpu")
SMALL = {"dataset": "xor", "epochs": 3}
STALL_S = 100.0

Answer = Callable[["Scripted", Order], Sequence[Report | Exception]]


@dataclass
class Clock:
    """A clock that moves only when somebody waits."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Scripted:
    """A trainer that answers orders by a script; waiting for it moves the clock."""

    folder: Path
    clock: Clock
    answer: Answer
    orders: list[Order] = field(default_factory=list)
    reports: deque[Report | Exception] = field(default_factory=deque)
    killed: bool = False
    while_waiting: Callable[[], None] = lambda: None

    def send(self, order: Order) -> None:
        self.orders.append(order)
        self.reports.extend(self.answer(self, order))

    def receive(self, timeout_s: float) -> Report | None:
        if not self.reports:
            if self.killed:
                raise TrainerDied(-9)
            self.clock.now += timeout_s
            self.while_waiting()
            return None
        report = self.reports.popleft()
        if isinstance(report, Exception):
            self.killed = True
            raise report
        return report

    def kill(self) -> None:
        self.killed = True

    def close(self) -> None:
        self.killed = True

    def alive(self) -> bool:
        return not self.killed


def points(job_id: str, *epochs: int) -> Points:
    values: list[float | None] = [1.0 / epoch for epoch in epochs]
    return Points(curves={job_id: {"epoch": [float(epoch) for epoch in epochs], "train_loss": values}})


def done(trainer: Scripted, job_id: str) -> Ended:
    """The member succeeded and its model lies in the trainer's folder."""
    content = b"weights of " + job_id.encode()
    trainer.folder.mkdir(parents=True, exist_ok=True)
    (trainer.folder / job_id).write_bytes(content)
    return Ended(
        id=job_id,
        end="succeeded",
        stop_reason=StopReason.max_epochs,
        best_epoch=3,
        best_metrics={"train_loss": 0.25},
        files={"model.safetensors": len(content)},
    )


def saved(trainer: Scripted, job_id: str, epoch: int) -> Saved:
    """A checkpoint lies in the trainer's folder."""
    (trainer.folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    file = f"{CHECKPOINTS}/{job_id}-{epoch}"
    (trainer.folder / file).write_bytes(b"%d epochs of " % epoch + job_id.encode())
    return Saved(epochs={job_id: epoch}, files={job_id: file})


def staged(trainer: Scripted) -> list[bytes]:
    """The checkpoints that came with the trainer's first order, newest first."""
    order = trainer.orders[0]
    assert isinstance(order, Train)
    return [(trainer.folder / file).read_bytes() for job in order.jobs for file in job.checkpoints]


def succeeds(trainer: Scripted, order: Order) -> list[Report | Exception]:
    if not isinstance(order, Train):
        return []
    return [report for job in order.jobs for report in (points(job.id, 1, 2, 3), done(trainer, job.id))]


def drops_on_request(trainer: Scripted, order: Order) -> list[Report | Exception]:
    """Trains one epoch and then for ever, until it is told to drop a member."""
    if not isinstance(order, Train):
        return [Ended(id=job_id, end="cancelled") for job_id in order.ids]
    return [points(job.id, 1) for job in order.jobs]


class Bench:
    """A supervisor with a scripted trainer, over a real record."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'record.db'}"
        migrate(self.url)
        self.engine = db.connect(self.url)
        self.store = Record(self.engine)
        self.files: Files = files_at(f"file://{folder / 'files'}")
        self.clock = Clock()
        self.heartbeat = Heartbeat(self.store, worker="bench", lease_s=30.0, clock=self.clock)
        self.trainers: list[Scripted] = []
        self.rung: list[str] = []
        self.demand_place: Callable[[], object] = lambda: None

    def supervisor(self, *answers: Answer, pack_limit: int = 0, time_slice_s: float = 0.0) -> Supervisor:
        """Its first trainer answers by the first script, the next by the second, further ones by the last."""

        def start(device: Device) -> Trainer:
            number = len(self.trainers)
            script = answers[min(number, len(answers) - 1)]
            self.trainers.append(Scripted(self.folder / f"trainer-{number}", self.clock, script))
            self.trainers[-1].while_waiting = self.heartbeat.beat
            return self.trainers[-1]

        context = WorkerContext(
            worker="bench",
            claims=self.store,
            store=self.store,
            artifacts=self.store,
            files=self.files,
            heartbeat=self.heartbeat,
            start_trainer=start,
            ring=self.rung.append,
            announce=lambda: None,
            demand_place=self.demand_place,
            sizes=PackSizes(pack_limit),
            stall_s=STALL_S,
            time_slice_s=time_slice_s,
            clock=self.clock,
        )
        return Supervisor(CPU, context)

    def submit(self, *specs: dict[str, object], owner: str = "ada") -> list[str]:
        submitted = self.store.submit([JobSpec.model_validate(spec) for spec in specs], owner=owner)
        return [job.id for job in submitted.jobs]

    def checkpoints(self) -> list[str]:
        """The files of checkpoints that there are."""
        return sorted(path.name for path in (self.folder / "files" / "checkpoints").rglob("*.safetensors"))

    def status(self, job_id: str) -> JobStatus:
        return self.store.get(job_id, owner=None).status

    def ready_now(self) -> None:
        """Let no job wait any longer."""
        with db.writing(self.engine) as connection:
            connection.execute(update(tables.Job).values(not_before=None))

    def trained_together(self) -> list[int]:
        """How many jobs came with each order to train, over all trainers."""
        return [len(order.jobs) for trainer in self.trainers for order in trainer.orders if isinstance(order, Train)]
