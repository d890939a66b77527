"""The process of a worker: it trains queued jobs on this machine until it is told to stop.

SIGTERM, SIGINT, SIGHUP (its terminal is closed) or SIGUSR1 (which Slurm sends before it ends a job) stops the trainers,
gives their jobs back uncharged and ends within EPOCHAL_STOP_S seconds. Another of the first three, `AGAIN_S` later or
more, ends it now, and the jobs come back when their leases expire.
"""

import argparse
import logging
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Sequence
from functools import partial

from celery import Celery

from spec.settings import BadSettingsError, Settings
from store import db
from store.artifacts import ArtifactStore
from store.checkpoints import CheckpointStore
from store.claims import ClaimStore
from store.disk_space import DiskSpace
from store.doorbell import Doorbell
from store.errors import StoreError
from store.failpoints import Failpoints
from store.files import BadFilesUrlError, FilesUnavailableError, MarkedFiles, ScratchError, files_at, scratch_folder
from store.leases import LeaseStore
from store.limits import Limits
from store.live import LivePictures
from store.mark import MarkStore
from store.notifications import NotificationStore
from store.service import kept_up
from store.signals import heard
from store.trouble import Trouble
from store.uploads import UploadStore
from store.workers import WorkerRecord, WorkerStore

from . import tasks
from .app import OnceAMinute, create_app
from .context import WorkerContext
from .devices import Device, devices, this_machine, trainer_memory
from .errors import BadDevicesError
from .heartbeat import Heartbeat
from .packing import PackSizes
from .pod_cost import PodCost
from .reaper import Reaper
from .slots import Slots
from .supervisor import Supervisor
from .sweeper import Sweeper
from .trainer_process import TrainerProcess

log = logging.getLogger("worker")

GIVE_BACK_SHARE = 0.6
"""Of the time in which it must have stopped: so long its slots may save their jobs and give them back one by one."""

END_SHARE = 0.95
"""Of the same: then it ends, whatever it still waits for."""

REGISTER_EVERY_S = 5.0

AGAIN_S = 3.0
"""A signal so soon after the first says the same: systemd tells each process, and the stack then tells its workers."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until a signal ends it; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m worker", description="Trains queued jobs on this machine.")
    parser.add_argument("--devices", help="auto, cpu, cpu:4 (four slots), cuda, or cuda:0,cuda:1")
    parser.add_argument("--leave-when-idle", type=float, metavar="SECONDS", help="end after so long without a job")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.read()
        slots_of = devices(options.devices or settings.devices, this_machine())
        logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        scratch_folder()
        files_at(settings.files_url).check()
    except (BadSettingsError, BadDevicesError, BadFilesUrlError, ScratchError) as error:
        parser.error(str(error))
    except FilesUnavailableError as error:
        log.warning("%s Until then no job can train.", error)
    logging.getLogger("celery").setLevel(logging.WARNING)  # its two lines a bell would hide what happens to jobs
    logging.getLogger("celery.worker.consumer.consumer").addFilter(OnceAMinute())
    return Worker(settings, slots_of, leave_when_idle_s=options.leave_when_idle).run()


class Worker:
    """One worker process: its slots, and the threads that look after them."""

    def __init__(
        self, settings: Settings, devices: Sequence[Device], *, leave_when_idle_s: float | None = None
    ) -> None:
        engine = db.connect(settings.database_url)
        store, artifacts = LeaseStore(engine, gpu_weight=settings.gpu_weight), ArtifactStore(engine)
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._workers = WorkerStore(engine)
        self._devices = tuple(device.name for device in devices)
        self._heartbeat = Heartbeat(store, worker=self.name, lease_s=settings.lease_s)
        doorbell = Doorbell(settings.broker_url)
        self._reaper = Reaper(store, NotificationStore(engine), doorbell.ring, lease_s=settings.lease_s)
        self._files = files = MarkedFiles(files_at(settings.files_url), MarkStore(engine).known)
        self._space = DiskSpace(engine, files, settings.disk_reserve_mib, scratch_folder())
        self._sweeper = Sweeper(
            CheckpointStore(engine), artifacts, UploadStore(engine), files, upload_kept_s=settings.upload_kept_s
        )
        context = WorkerContext(
            worker=self.name,
            claims=ClaimStore(engine, Limits.of(settings)),
            store=store,
            artifacts=artifacts,
            files=files,
            heartbeat=self._heartbeat,
            start_trainer=lambda device: TrainerProcess.start(
                device, dict(os.environ), settings.log_level, settings.checkpoint_s, trainer_memory(device)
            ),
            ring=doorbell.ring,
            announce=self._beat,
            show=LivePictures(settings.broker_url).show,
            demand_place=self._demand_place,
            sizes=PackSizes(settings.pack_limit),
            stall_s=settings.stall_s,
            time_slice_s=settings.time_slice_s,
            stop_s=settings.stop_s,
            failpoints=Failpoints(settings.failpoints),
        )
        self.slots = Slots([Supervisor(device, context) for device in devices])
        self._app = create_app(settings.broker_url)
        tasks.register(self._app, self.slots.answer)
        self._pod = PodCost.of(settings.pod)
        self._stop_s = settings.stop_s
        self._leave_when_idle_s = leave_when_idle_s
        self._stop_requested = threading.Event()
        self._told_at: float | None = None
        self._unregistered = Trouble(log, "this worker is not registered, and no job trains here")
        self._stopped = threading.Event()

    def run(self) -> int:
        """Work until a signal; 0 when every job was given back."""
        numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup: it stays up after its user has gone
            numbers.append(signal.SIGHUP)
        with heard(numbers, self._told_to_stop):
            self._start()
            self._stop_requested.wait()
            return self._stop()

    def _start(self) -> None:
        bodies = {
            "heartbeat": lambda: self._heartbeat.run(self._stopped),
            "watchdog": lambda: self._heartbeat.run_watchdog(self._stopped),
            "reaper": lambda: self._reaper.run(self._stopped),
            "sweeper": lambda: self._sweeper.run(self._stopped),
            "register": self._register,
            "bells": lambda: consume_bells(self._app, len(self.slots), self._stop_requested),
            "bells-end": lambda: end_bells(self._stop_requested),
        }
        bodies |= {f"watch-{number}": self.slots.watch for number in range(len(self.slots))}
        if self._leave_when_idle_s is not None:
            bodies["idle"] = partial(self._leave_when_idle, self._leave_when_idle_s)
        self._beat()
        for name, body in bodies.items():
            keep_up = partial(kept_up, body, self._stopped, name=f"the thread {name}", log=log)
            threading.Thread(target=keep_up, name=name, daemon=True).start()
        log.info("worker %s trains on %s", self.name, ", ".join(self._devices))

    def _stop(self) -> int:
        log.info("worker %s stops: its jobs go back to the queue", self.name)
        late = threading.Timer(self._stop_s * END_SHARE, self._end_now)
        late.daemon = True
        late.start()
        given_back = self._give_back()
        late.cancel()
        return 0 if given_back else 1

    def _give_back(self) -> bool:
        """Give all jobs back, and sign off; whether the record knows of all of them."""
        self.slots.stop(within_s=self._stop_s * GIVE_BACK_SHARE)
        given_back = self._heartbeat.give_back()  # what slots still hold that had no time, or failed
        self._stopped.set()
        try:
            self._workers.gone(self.name)
        except StoreError as error:
            log.warning("this worker is not signed off: %s", error)
        return given_back

    def _end_now(self) -> None:
        """End though the record has not answered: it may hang for longer than whoever stops this worker waits."""
        log.error("the record does not answer in time: the jobs of this worker come back when their leases end")
        os._exit(1)

    def _told_to_stop(self, number: int) -> None:
        if number != signal.SIGUSR1:  # SIGTERM may follow it: Slurm sends it where somebody cancels a pilot that ends
            now = time.monotonic()
            self._told_at = self._told_at or now
            if now - self._told_at > AGAIN_S:
                os._exit(128 + number)  # trainers end when their input ends
        self._stop_requested.set()

    def _register(self) -> None:
        """Write to the record, every few seconds, that this worker lives."""
        while not self._stopped.wait(REGISTER_EVERY_S):
            self._beat()
            if self._pod is not None:
                self._pod.write(self._heartbeat.jobs)

    def _leave_when_idle(self, after_s: float) -> None:
        """Stop this worker once its slots have rested for so long since one of them trained.

        A slot that starts its trainer has no job, and does not rest: that may take longer than idle workers stay.
        """
        every_s, idle_s = min(1.0, after_s / 4), 0.0
        while not self._stop_requested.wait(every_s):
            if len(self.slots.free_devices) < len(self.slots):
                idle_s = 0.0
            elif self.slots.all_rest:
                idle_s += every_s
            if idle_s > after_s:
                log.info("worker %s has had no job for %g s, and leaves", self.name, after_s)
                self._stop_requested.set()

    def _demand_place(self) -> None:
        self._files.demand()
        self._space.demand_scratch()
        self._space.demand()

    def _beat(self) -> None:
        """Write to the record that this worker lives; not while it has no place for files, and claims nothing."""
        try:
            self._files.demand()
            self._space.demand_scratch()
            self._workers.heartbeat(
                WorkerRecord(
                    id=self.name,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    devices=self._devices,
                    free_devices=self.slots.free_devices,
                )
            )
            self._unregistered.is_over()
        except (StoreError, FilesUnavailableError) as error:
            self._unregistered.is_there(error)


def consume_bells(app: Celery, slots: int, stop: threading.Event) -> None:
    """Run Celery's consumer until `stop`, and again when it gives up: the watch trains on without bells."""
    from celery.app.trace import setup_worker_optimizations

    setup_worker_optimizations(app)  # threads of the pool would else look for their tasks in Celery's default app
    while not stop.is_set():
        # Mingle, gossip and heartbeats are messages between workers: they are ignored here, and leak on reconnects.
        controller = app.WorkController(
            app=app,
            concurrency=slots,
            without_mingle=True,
            without_gossip=True,
            without_heartbeat=True,
        )
        controller.start()
        stop.wait(5.0)


def end_bells(stop: threading.Event) -> None:
    """End Celery's consumer at `stop`."""
    from celery.worker import state

    stop.wait()
    state.should_stop = 0
