"""The nemesis: strikes at random and heals, for as long as it is let.

A fault is a function that strikes one target and says how it is healed; to add one, write it and add a line to
`FAULTS`. A target that is struck is left alone until it is healed; different targets may be struck at the same time.
"""

import logging
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlsplit

from store.doorbell import TASK
from tests.slow_clients import FIRST_BYTES, SlowClients

from .load import Load
from .site import Api, Mirrored, Program, Site, Worker
from .watch import Watch

log = logging.getLogger(__name__)


def nothing() -> None:
    """What a fault without an end needs to be healed."""


@dataclass(frozen=True)
class Wound:
    """A fault that lasts, and what ends it."""

    lasts_s: float = 0.0
    heal: Callable[[], object] = nothing


@dataclass(frozen=True)
class Arena:
    """What a fault may strike, and who watches."""

    site: Site
    api: Api
    mlflow: Mirrored
    controller: Program
    load: Load
    watch: Watch
    random: Random
    lease_s: float


@dataclass(frozen=True)
class Fault:
    """A kind of fault."""

    kind: str
    weight: int
    target: str
    """worker, trainer, broker, record, files, mlflow, mirror, sweeps, api, clients or bells."""
    strike: Callable[[Arena, str, Worker], Wound]
    """Gets the kind, to measure by, and the worker that is struck: faults of services leave that aside."""
    goal_s: float | None = None
    """What p99 of its recovery is to stay below."""


# --- trainers and workers -----------------------------------------------------------------------------------------


def trainer_killed(arena: Arena, kind: str, worker: Worker) -> Wound:
    held = arena.watch.held_by(worker.pid)
    for trainer in worker.trainers():
        trainer.kill()
    arena.watch.trained(kind, held)
    return Wound()


def trainer_frozen(arena: Arena, kind: str, worker: Worker) -> Wound:
    held, trainers, struck_at = arena.watch.held_by(worker.pid), worker.trainers(), time.monotonic()
    for trainer in trainers:
        trainer.suspend()

    def heal() -> None:
        for trainer in trainers:
            if trainer.is_running():
                trainer.resume()
        arena.watch.trained(kind, held, struck_at)

    return Wound(arena.random.uniform(1.0, 6.0), heal)


def _dies(kill: Callable[[Worker], object], longest_s: float) -> Callable[[Arena, str, Worker], Wound]:
    """A worker dies, and is started again some time later."""

    def strike(arena: Arena, kind: str, worker: Worker) -> Wound:
        pid = worker.pid
        kill(worker)
        arena.watch.trained(kind, arena.watch.held_by(pid))  # the dead claim no more
        return Wound(arena.random.uniform(0.5, longest_s), worker.start)

    return strike


def worker_stopped(arena: Arena, kind: str, worker: Worker) -> Wound:
    held = arena.watch.held_by(worker.pid)
    worker.stop()
    arena.watch.trained(kind, held)

    def heal() -> None:
        worker.wait(within_s=25.0)
        worker.start()

    return Wound(2.0, heal)


def worker_stopped_then_killed(arena: Arena, kind: str, worker: Worker) -> Wound:
    pid, held = worker.pid, arena.watch.held_by(worker.pid)
    worker.stop()
    time.sleep(arena.random.uniform(0.0, 0.3))
    worker.kill()
    arena.watch.trained(kind, held | arena.watch.held_by(pid))
    return Wound(1.0, worker.start)


def worker_paused(arena: Arena, kind: str, worker: Worker) -> Wound:
    """Shorter than a lease: nobody else may take over."""
    held, struck_at = arena.watch.held_by(worker.pid), time.monotonic()
    worker.freeze()

    def heal() -> None:
        worker.thaw()
        arena.watch.trained(kind, held, struck_at)

    return Wound(arena.random.uniform(1.0, 0.4 * arena.lease_s), heal)


def worker_frozen(arena: Arena, kind: str, worker: Worker) -> Wound:
    """Longer than a lease: somebody else takes over, and the one that wakes writes nothing."""
    worker.freeze()
    arena.watch.trained(kind, arena.watch.held_by(worker.pid))
    return Wound(arena.lease_s * arena.random.uniform(1.1, 1.4), worker.thaw)


def worker_parted(arena: Arena, kind: str, worker: Worker) -> Wound:
    """Nothing passes between a worker and the record, for longer than a lease."""
    arena.random.choice((worker.record.cut, worker.record.stall))()
    arena.watch.trained(kind, arena.watch.held_by(worker.pid))
    return Wound(arena.lease_s * arena.random.uniform(1.1, 1.4), worker.record.heal)


def worker_slowed(arena: Arena, kind: str, worker: Worker) -> Wound:
    """The record is far away."""
    worker.record.delay(arena.random.uniform(0.05, 0.3))
    return Wound(arena.random.uniform(3.0, 10.0), worker.record.heal)


def worker_cut_off_the_broker(arena: Arena, kind: str, worker: Worker) -> Wound:
    arena.random.choice((worker.broker.cut, worker.broker.stall, worker.broker.reset))()
    return Wound(arena.random.uniform(3.0, 20.0), worker.broker.heal)


# --- the broker and its bells -------------------------------------------------------------------------------------


def message_lost(arena: Arena, kind: str, _: Worker) -> Wound:
    """The answer that brings a bell to a worker vanishes on the wire."""
    for worker in arena.site.workers:
        worker.broker.swallow(TASK.encode())
    arena.load.one_more(lambda job_id: arena.watch.claimed(kind, {job_id}))

    def heal() -> None:
        for worker in arena.site.workers:
            worker.broker.heal()

    return Wound(2.0, heal)


def bells_doubled(arena: Arena, kind: str, _: Worker) -> Wound:
    """Every bell is rung five times over, those of jobs that run or are done too."""
    for job_id in arena.random.sample(sorted(arena.load.accepted), min(8, len(arena.load.accepted))):
        for _again in range(5):
            arena.site.doorbell.ring(job_id)
    return Wound()


def bells_forgotten(arena: Arena, kind: str, _: Worker) -> Wound:
    arena.site.broker.flush()
    arena.watch.claimed(kind, arena.watch.queued())
    return Wound()


def broker_killed(arena: Arena, kind: str, _: Worker) -> Wound:
    struck_at = time.monotonic()
    arena.site.broker.kill()

    def heal() -> None:
        arena.site.broker.start()
        arena.watch.claimed(kind, arena.watch.queued(), struck_at)

    return Wound(arena.random.uniform(0.5, 8.0), heal)


def broker_frozen(arena: Arena, kind: str, _: Worker) -> Wound:
    struck_at = time.monotonic()
    arena.site.broker.freeze()

    def heal() -> None:
        arena.site.broker.thaw()
        arena.watch.claimed(kind, arena.watch.queued(), struck_at)

    return Wound(arena.random.uniform(1.0, 15.0), heal)


# --- the record ---------------------------------------------------------------------------------------------------


def record_killed(arena: Arena, kind: str, _: Worker) -> Wound:
    arena.site.postgres.kill()

    def heal() -> None:
        arena.site.postgres.start()
        arena.watch.moved(kind)

    return Wound(arena.random.uniform(0.0, 5.0), heal)


def record_restarted(arena: Arena, kind: str, _: Worker) -> Wound:
    arena.site.postgres.stop()
    arena.site.postgres.start()
    arena.watch.moved(kind)
    return Wound()


def record_frozen(arena: Arena, kind: str, _: Worker) -> Wound:
    arena.site.postgres.freeze()

    def heal() -> None:
        arena.site.postgres.thaw()
        arena.watch.moved(kind)

    return Wound(arena.random.uniform(1.0, 0.3 * arena.lease_s), heal)


def record_connections_reset(arena: Arena, kind: str, _: Worker) -> Wound:
    for wire in (arena.api.record, arena.mlflow.record, *(worker.record for worker in arena.site.workers)):
        wire.reset()
    arena.watch.moved(kind)
    return Wound()


# --- disks --------------------------------------------------------------------------------------------------------


def files_disk_full(arena: Arena, kind: str, _: Worker) -> Wound:
    """Models and checkpoints cannot be stored, and no job is accepted or started."""
    assert arena.site.disks is not None
    disk, since = arena.site.disks.files, time.monotonic()
    disk.fill()

    def heal() -> None:
        disk.empty()
        arena.watch.uncharge(since)
        arena.watch.moved(kind)

    return Wound(arena.random.uniform(2.0, 20.0), heal)


def record_disk_full(arena: Arena, kind: str, _: Worker) -> Wound:
    """PostgreSQL can store nothing; it may end by itself when it cannot write its log."""
    assert arena.site.disks is not None
    disk, since = arena.site.disks.record, time.monotonic()
    disk.fill()

    def heal() -> None:
        disk.empty()
        arena.watch.uncharge(since)
        arena.site.postgres.revive()
        arena.watch.moved(kind)

    return Wound(arena.random.uniform(2.0, 0.5 * arena.lease_s), heal)


# --- MLflow, the mirror, the API ----------------------------------------------------------------------------------


def mlflow_killed(arena: Arena, kind: str, _: Worker) -> Wound:
    arena.mlflow.server.kill()

    def heal() -> None:
        arena.mlflow.server.start()
        arena.watch.mirrored(kind)

    return Wound(arena.random.uniform(0.0, 5.0), heal)


def mlflow_frozen(arena: Arena, kind: str, _: Worker) -> Wound:
    arena.mlflow.server.signal(signal.SIGSTOP)

    def heal() -> None:
        arena.mlflow.server.signal(signal.SIGCONT)
        arena.watch.mirrored(kind)

    return Wound(arena.random.uniform(1.0, 20.0), heal)


def mlflow_cut_off(arena: Arena, kind: str, _: Worker) -> Wound:
    arena.random.choice((arena.mlflow.wire.cut, arena.mlflow.wire.stall))()

    def heal() -> None:
        arena.mlflow.wire.heal()
        arena.watch.mirrored(kind)

    return Wound(arena.random.uniform(1.0, 10.0), heal)


def mlflow_answer_lost(arena: Arena, kind: str, _: Worker) -> Wound:
    """MLflow does what is asked, and nobody hears so."""
    for word in ("runs/create", "runs/log-batch", "runs/update", "mlflow-artifacts"):
        arena.mlflow.wire.lose_answer(word.encode())
    arena.watch.mirrored(kind)
    return Wound()


def mirror_killed(arena: Arena, kind: str, _: Worker) -> Wound:
    arena.mlflow.mirror.kill()

    def heal() -> None:
        arena.mlflow.mirror.start()
        arena.watch.mirrored(kind)

    return Wound(arena.random.uniform(0.0, 5.0), heal)


def controller_killed(arena: Arena, kind: str, _: Worker) -> Wound:
    arena.controller.kill()
    return Wound(arena.random.uniform(0.0, 5.0), arena.controller.start)


def api_killed(arena: Arena, kind: str, _: Worker) -> Wound:
    arena.api.kill()
    return Wound(arena.random.uniform(0.0, 3.0), arena.api.start)


def api_reset(arena: Arena, kind: str, _: Worker) -> Wound:
    arena.api.record.reset()
    arena.api.broker.reset()
    return Wound()


# --- clients ------------------------------------------------------------------------------------------------------


def slow_clients(arena: Arena, kind: str, _: Worker) -> Wound:
    """A hundred clients without a token hold their connections."""
    port = urlsplit(arena.api.url).port
    assert port is not None
    clients = SlowClients(port, arena.random.choice(list(FIRST_BYTES.values())), count=100)
    clients.start()
    return Wound(arena.random.uniform(5.0, 20.0), clients.stop)


FAULTS: Sequence[Fault] = (
    Fault("trainer killed", 16, "trainer", trainer_killed, goal_s=10.0),
    Fault("trainer frozen, 1 to 6 s", 4, "trainer", trainer_frozen),
    Fault("worker killed", 6, "worker", _dies(Worker.kill_alone, 3.0), goal_s=45.0),
    Fault("node killed", 6, "worker", _dies(Worker.kill, 10.0), goal_s=45.0),
    Fault("worker stopped (SIGTERM)", 5, "worker", worker_stopped, goal_s=45.0),
    Fault("worker stopped, then killed", 3, "worker", worker_stopped_then_killed, goal_s=45.0),
    Fault("worker frozen, less than a lease", 4, "worker", worker_paused),
    Fault("worker frozen, more than a lease", 3, "worker", worker_frozen, goal_s=45.0),
    Fault("worker cut off the record, more than a lease", 3, "worker", worker_parted, goal_s=45.0),
    Fault("worker's line to the record slow", 3, "worker", worker_slowed),
    Fault("worker cut off the broker", 5, "worker", worker_cut_off_the_broker),
    Fault("message lost", 12, "bells", message_lost, goal_s=15.0),
    Fault("bells rung five times", 6, "broker", bells_doubled),
    Fault("broker flushed", 6, "broker", bells_forgotten, goal_s=60.0),
    Fault("broker killed", 5, "broker", broker_killed, goal_s=60.0),
    Fault("broker frozen", 4, "broker", broker_frozen, goal_s=60.0),
    Fault("record killed", 4, "record", record_killed, goal_s=30.0),
    Fault("record restarted", 4, "record", record_restarted, goal_s=30.0),
    Fault("record frozen", 3, "record", record_frozen, goal_s=30.0),
    Fault("record's connections reset", 5, "record", record_connections_reset, goal_s=30.0),
    Fault("disk of the files full", 4, "files", files_disk_full, goal_s=60.0),
    Fault("disk of the record full", 4, "record", record_disk_full, goal_s=60.0),
    Fault("MLflow killed", 2, "mlflow", mlflow_killed, goal_s=120.0),
    Fault("MLflow frozen", 3, "mlflow", mlflow_frozen, goal_s=120.0),
    Fault("MLflow cut off", 3, "mlflow", mlflow_cut_off, goal_s=120.0),
    Fault("MLflow's answers lost", 5, "mlflow", mlflow_answer_lost, goal_s=120.0),
    Fault("mirror killed", 3, "mirror", mirror_killed, goal_s=120.0),
    Fault("controller of sweeps killed", 5, "sweeps", controller_killed),
    Fault("API killed", 5, "api", api_killed),
    Fault("API's connections reset", 3, "api", api_reset),
    Fault("slow clients", 4, "clients", slow_clients),
)


NEED_DISKS = ("disk of the files full", "disk of the record full")


def possible(site: Site) -> Sequence[Fault]:
    """The faults that can be injected here."""
    return FAULTS if site.disks is not None else [fault for fault in FAULTS if fault.kind not in NEED_DISKS]


@dataclass
class Nemesis:
    """Strikes every `every_s` seconds or so."""

    arena: Arena
    every_s: float
    faults: Sequence[Fault] = FAULTS
    struck: Counter[str] = field(default_factory=Counter)
    """How often there was a fault of each kind."""
    fallen: list[str] = field(default_factory=list)
    """Processes that ended though nobody had struck them."""

    def run(self, for_s: float) -> None:
        """Strike and heal for so long, and leave everything healed."""
        random, ends = self.arena.random, time.monotonic() + for_s
        wounds: dict[str, tuple[float, Wound]] = {}
        next_at = time.monotonic()
        while (now := time.monotonic()) < ends:
            for target in [target for target, (until, _) in wounds.items() if until <= now]:
                wounds.pop(target)[1].heal()
                log.info("%s is healed", target)
            if now >= next_at:
                next_at = now + self.every_s * random.uniform(0.5, 1.5)
                self._strike(wounds)
            self._look_for_fallen(wounds)
            time.sleep(0.05)
        for _, wound in wounds.values():
            wound.heal()

    def _strike(self, wounds: dict[str, tuple[float, Wound]]) -> None:
        left = list(self.faults)
        while left:
            (fault,) = self.arena.random.choices(left, [fault.weight for fault in left])
            left.remove(fault)
            if (target := self._target(fault, wounds)) is None:
                continue
            name, worker = target
            log.info("%s: %s, pid %d", fault.kind, name, worker.pid)
            wound = fault.strike(self.arena, fault.kind, worker)
            self.struck[fault.kind] += 1
            wounds[name] = (time.monotonic() + wound.lasts_s, wound)
            return

    def _target(self, fault: Fault, wounds: dict[str, tuple[float, Wound]]) -> tuple[str, Worker] | None:
        """Whom this fault strikes, if there is somebody; a worker that trains at this moment where there is one."""
        if fault.target not in ("worker", "trainer"):
            same = {"broker", "bells"} if fault.target in ("broker", "bells") else {fault.target}
            return None if same & wounds.keys() else (fault.target, self.arena.site.workers[0])
        free = [worker for worker in self.arena.site.workers if worker.name not in wounds and worker.trainers()]
        busy = [worker for worker in free if self.arena.watch.trains(worker.pid)]
        among = busy if fault.target == "trainer" else busy or free
        if not among or (fault.target == "worker" and len(free) < 2):  # somebody must be there to take over
            return None
        worker = self.arena.random.choice(among)
        return worker.name, worker

    def _look_for_fallen(self, wounds: dict[str, tuple[float, Wound]]) -> None:
        arena = self.arena
        programs: Sequence[Program] = (*arena.site.workers, arena.api, arena.mlflow.mirror, arena.controller)
        for program in programs:
            if not program.pid and program.name not in wounds and not {"mirror", "api", "sweeps"} & wounds.keys():
                self.fallen.append(f"{program.name} ended by itself; its log is {program.log}")
                program.start()
