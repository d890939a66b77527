"""The embedded stack: every service of one home, as children of this process.

The order of starting: lock of the home, broker, migration, API, which makes the stack usable; then workers, the MLflow
server, the mirror, the controller of sweeps. A service that crashes is restarted. At the end those that
need others are told first, all at once; then the others. None outlives this process.
"""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TypeVar

from spec.disk import is_full
from spec.settings import Settings

from ..errors import ServiceFailedError
from . import services
from .home import Endpoints, Home, ServiceState
from .process import Child, Service, end_together

Shown = TypeVar("Shown")

PROBE_EVERY_S = 0.1
AGAIN_S = 1.0
"""A signal so soon after the first says the same: a session that ends sends SIGTERM and SIGHUP."""

TAIL_LINES = 15
"""Lines of a service's log that the message about its failure shows."""


class _StoppedError(Exception):
    """The stack was asked to end while it started."""


@dataclass(frozen=True)
class Addresses:
    """The sockets and URLs of one stack."""

    broker_socket: Path
    api_listener: socket.socket
    api: str
    mlflow_socket: Path
    mlflow: str
    """MLflow as our services reach it."""


class Stack:
    """All services of one home. `run` blocks until `stop`; both belong to the main thread (signals call `stop`)."""

    def __init__(
        self,
        settings: Settings,
        *,
        workers: int,
        report: Callable[[str], None],
        on_ready: Callable[[Endpoints], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._report = _even_unseen(report)
        self._on_ready = _even_unseen(on_ready)
        self._home = Home(settings.home)
        self._children: list[Child] = []
        self._noted: list[ServiceState] = []
        # No event: it has a lock, on which a signal's handler could wait for ever.
        self._told_at: float | None = None
        self._hurries = False

    def stop(self) -> None:
        """End all services in order; another call, `AGAIN_S` after the first or later, ends them at once."""
        now = time.monotonic()
        self._told_at = self._told_at or now
        self._hurries = now - self._told_at > AGAIN_S

    def run(self) -> None:
        """Start all services, keep them up, and end them after `stop`."""
        with self._signals(), self._home.lock(), self._addresses() as addresses:
            try:
                self._start(addresses)
                self._supervise()
            except _StoppedError:
                pass
            finally:
                self._end()

    def _start(self, addresses: Addresses) -> None:
        settings, home = self._settings, self._home
        page = settings.mlflow_public_url or f"{settings.public_url or addresses.api}/mlflow"
        endpoints = Endpoints(addresses.api, page, home.token(settings.token))
        environ = self._environ(addresses)
        if not settings.broker_url:
            self._start_and_wait(services.broker(home, addresses.broker_socket))
        self._run_to_end(services.migration(home, {**environ, "EPOCHAL_TOKEN": endpoints.token}))
        self._start_and_wait(services.api(home, environ, addresses.api_listener, addresses.api))
        if not settings.token and services.refuses(addresses.api, endpoints.token):
            endpoints = replace(endpoints, token=home.token(anew=True))
            self._run_to_end(services.migration(home, {**environ, "EPOCHAL_TOKEN": endpoints.token}))
            self._report("The token of this stack was refused, as one that somebody revoked: it has another one now.")
        home.publish(endpoints)
        self._report(f"API      {addresses.api}  (ready; token in {home.endpoints_file})")
        self._on_ready(endpoints)
        for number in range(1, self._workers + 1):
            self._launch(services.worker(home, environ, number, stop_s=settings.stop_s))
        if not settings.mlflow_url:
            self._launch(services.mlflow(home, environ, addresses.mlflow_socket))
            self._report(f"MLflow   {page}  (starts in the background, some 10 seconds; sign in on the page first)")
        self._launch(services.tracking(home, environ))
        self._launch(services.sweeps(home, environ))

    def _supervise(self) -> None:
        """Restart children that crash, until `stop`."""
        while self._told_at is None:
            time.sleep(PROBE_EVERY_S)
            for child in self._children:
                with _despite_a_full_disk():
                    self._look_after(child)
            with _despite_a_full_disk():  # what could not be written is written when there is space
                self._note()

    def _look_after(self, child: Child) -> None:
        """Restart it if it has ended; where that fails, for lack of memory or of processes, it is tried again."""
        try:
            self._check(child)
        except OSError as error:
            if is_full(error):
                raise
            self._report(f"{child.service.name} does not start: {error}. It is tried again.")

    def _check(self, child: Child) -> None:
        status = child.exit_status()
        wait_s = child.restart_after_crash()
        if wait_s is not None:
            self._report(f"{child.service.name} {_ended(status)}; restart in {wait_s:g} s (log: {child.service.log})")
        elif not child.ready and child.probe():
            self._report(f"{child.service.name} is up")

    def _end(self) -> None:
        if self._children:
            self._report("Stopping ...")
        for serves in (False, True):
            children = [child for child in self._children if child.service.serves is serves]
            end_together(children, hurry=lambda: self._hurries)
        self._home.withdraw()

    # --- single services -----------------------------------------------------------------------------------------

    def _launch(self, service: Service) -> Child:
        child = Child(service)
        self._children.append(child)
        child.start()
        self._note()
        return child

    def _start_and_wait(self, service: Service) -> None:
        """Start a service and wait until it is ready."""
        child = self._launch(service)
        while not child.probe():
            status = child.exit_status()
            if status is not None or child.start_timed_out():
                why = _ended(status) if status is not None else f"was not ready within {service.start_s:g} s"
                raise ServiceFailedError(f"{service.name} {why}. {_tail(service.log)}")
            self._pause()
        self._note()

    def _run_to_end(self, service: Service) -> None:
        """Start a service and wait for its successful end."""
        child = self._launch(service)
        while (status := child.exit_status()) is None:
            self._pause()
        self._children.remove(child)
        if status != 0:
            raise ServiceFailedError(f"{service.name} {_ended(status)}. {_tail(service.log)}")

    def _pause(self) -> None:
        time.sleep(PROBE_EVERY_S / 2)
        if self._told_at is not None:
            raise _StoppedError

    def _note(self) -> None:
        """Write down the states of the services when one has changed."""
        states = [
            ServiceState(child.service.name, child.state, child.pid, child.restarts, str(child.service.log))
            for child in self._children
        ]
        if states != self._noted:
            self._home.note(states)
            self._noted = states

    # --- surroundings --------------------------------------------------------------------------------------------

    def _environ(self, addresses: Addresses) -> Mapping[str, str]:
        """The environment of every service: this process's settings, with the addresses that were chosen."""
        settings = self._settings
        return {
            "EPOCHAL_HOME": str(settings.home),
            "EPOCHAL_DATABASE_URL": settings.database_url,
            "EPOCHAL_BROKER_URL": settings.broker_url or services.broker_url(addresses.broker_socket),
            "EPOCHAL_FILES_URL": settings.files_url,
            "EPOCHAL_LESSONS": settings.lessons and str(Path(settings.lessons).absolute()),  # services run in the home
            "EPOCHAL_MLFLOW_URL": addresses.mlflow,
            "EPOCHAL_MLFLOW_PUBLIC_URL": settings.mlflow_public_url,
            "EPOCHAL_PUBLIC_URL": settings.public_url or addresses.api,
            "EPOCHAL_WEBHOOK_PRIVATE": "1",  # it is its user's own machine
            "EPOCHAL_TOKEN": "",  # only the migration stores it; no other service needs it
            "PYTHONSAFEPATH": "1",  # nor do processes that a service starts import a file of the folder they are in
        }

    @contextlib.contextmanager
    def _addresses(self) -> Iterator[Addresses]:
        settings = self._settings
        name = services.reachable(settings.host)
        with (
            services.listen(settings.host, settings.port, "EPOCHAL_PORT") as listener,
            self._home.socket("valkey.sock") as broker_socket,
            self._home.socket("mlflow.sock") as mlflow_socket,
        ):
            yield Addresses(
                broker_socket,
                listener,
                f"http://{name}:{listener.getsockname()[1]}",
                mlflow_socket,
                settings.mlflow_url or f"unix://{mlflow_socket}",
            )

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def on_signal(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        kinds = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup: it stays up after its user has gone
            kinds.append(signal.SIGHUP)
        before = [signal.signal(kind, on_signal) for kind in kinds]
        try:
            yield
        finally:
            for kind, handler in zip(kinds, before, strict=True):
                signal.signal(kind, handler)


def _even_unseen(show: Callable[[Shown], None]) -> Callable[[Shown], None]:
    """`show`, which may fail: a closed terminal, an ended reader or a full disk changes nothing in how a stack ends."""

    def shown(what: Shown) -> None:
        with contextlib.suppress(OSError):
            show(what)

    return shown


@contextlib.contextmanager
def _despite_a_full_disk() -> Iterator[None]:
    """Go on where a file of the home or a log could not be written: the services still run."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise


def as_service(home: Home, *, workers: int, environ: Mapping[str, str], outlives: bool) -> Service:
    """A whole stack as one process."""
    home.create()  # before its log is in it
    command = services.python("epochal", "up", "--workers", str(workers))
    log = home.logs / "stack.log"
    environ = {**environ, "EPOCHAL_HOME": str(home.path), "PYTHONUNBUFFERED": "1"}
    grace_s = Settings.read({**os.environ, **environ}).stop_s + 40.0  # its workers end first, then the others
    return Service("stack", command, log, environ, start_s=90.0, grace_s=grace_s, outlives=outlives)


def await_ready(home: Home, stack: Child) -> Endpoints:
    """The addresses of `stack`, when it is ready. Raises `ServiceFailedError` when it does not become ready."""
    while not stack.start_timed_out():
        if home.owner() == stack.pid and (endpoints := home.endpoints()) is not None:
            return endpoints
        if stack.exit_status() is not None:
            raise ServiceFailedError(f"The stack {_ended(stack.exit_status())}. {_tail(stack.service.log)}")
        time.sleep(PROBE_EVERY_S)
    raise ServiceFailedError(f"The stack was not ready in time. {_tail(stack.service.log)}")


def _ended(status: int | None) -> str:
    """An exit status in words."""
    if status is None:
        return "runs"
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    except FileNotFoundError:
        return f"It wrote no log ({log})."
    return "\n".join([f"The end of {log}:", *(f"  {line}" for line in lines)])
