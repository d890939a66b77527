"""Commands of the embedded stack and its parts: up, down, status, worker."""

import json
import os
import signal
import sys
import tempfile
import time
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from spec.settings import BadSettingsError, Settings
from spec.states import JobStatus

from ..client import Api
from ..client.address import address
from ..errors import NotAllowedError, NotUpError, StackError, WrongUseError
from ..stack.embedded import Stack, as_service, await_ready
from ..stack.file_system import network_warning
from ..stack.home import Endpoints, Home
from ..stack.process import Child
from .console import Json, print_result, remark, screen
from .help import add
from .render_service import services_table

DOWN_WITHIN_S = 25.0
"""Seconds, beyond those that its workers may take, until `down` repeats its signal: the stack then ends at once."""

WORKERS_WITHIN_S = 30.0
"""Seconds that `up --detach` waits for the workers, once the API is ready."""

OF_A_CLUSTER = ("EPOCHAL_DATABASE_URL", "EPOCHAL_BROKER_URL", "EPOCHAL_FILES_URL")
"""What a worker on another machine must know: by themselves, record and files are those of an embedded stack."""

STATUS_S = 5.0
"""How long the API may take to answer `status`, which is asked when something is wrong."""

COUNTED = 1000
"""Most jobs of a state that `status` counts."""


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    for command in (up, down, status, worker):
        add(app, command, panel=panel)
    add(app, open_page, panel=panel, name="open")


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when it is ready; leave it up.")] = False,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Worker processes.")] = 1,
    as_json: Json = False,
) -> None:
    """Start the embedded stack: API, broker, workers, MLflow. Ctrl-C ends it.

    On a terminal it prints a link that opens the page signed in. The link
    holds the token of this stack: do not pass it on.

    Examples:
      epochal up
      epochal up --detach --workers 2
      EPOCHAL_PORT=0 EPOCHAL_HOME=/data/epochal epochal up

    """
    settings = read_settings()
    os.umask(0o077)  # the record, uploads, models and logs are for their owner only; all services inherit this
    _demand_home(settings.home)
    if found := network_warning(settings):
        remark(f"{found.says} {found.fix}")
    if detach:
        answer_endpoints(_detach(settings, workers), as_json=as_json)
        return
    report = _ignore if as_json else typer.echo
    report("Starting; Ctrl-C stops everything.")
    on_ready = _show_link if screen.is_terminal and not as_json else _ignore
    Stack(settings, workers=workers, report=report, on_ready=on_ready).run()


def down(as_json: Json = False) -> None:
    """Stop the embedded stack of this home.

    Example:
      epochal down

    """
    settings = read_settings()
    home = Home(settings.home)
    pid = home.owner()
    if pid is None:
        raise NotUpError(f"No stack is up on {home.path}.")
    if machine := home.other_machine():
        raise StackError(
            f"The stack on {home.path} is up on the machine {machine} (process {pid}): run `epochal down` there."
        )
    os.kill(pid, signal.SIGTERM)
    for hurry in (False, True):
        patience_ends = time.monotonic() + settings.stop_s + DOWN_WITHIN_S
        while time.monotonic() < patience_ends:
            if home.owner() != pid:
                print_result({"stopped": True}, "Stopped.", as_json)
                return
            time.sleep(0.05)
        if not hurry:
            os.kill(pid, signal.SIGTERM)  # a second signal means: at once
    raise StackError(f"The stack did not end (process {pid}). Its log: {home.logs / 'stack.log'}")


def status(as_json: Json = False) -> None:
    """Show the embedded stack: services, addresses, jobs. Exit 3 if it is down.

    Examples:
      epochal status
      epochal status --json | jq .queue

    """
    home = Home(read_settings().home)
    pid = home.owner()
    endpoints = home.endpoints()
    if pid is None or endpoints is None:
        what = "is starting" if pid is not None else "is not up: start it with `epochal up`"
        raise NotUpError(f"The stack on {home.path} {what}.")
    services = home.services()
    if not as_json:  # they matter most when the API does not answer
        screen.print(services_table(services), soft_wrap=True)
    with Api(endpoints.api, endpoints.token, timeout_s=STATUS_S) as client:
        queue = _queue(client)
    where = {"home": str(home.path), "api": endpoints.api, "mlflow": endpoints.mlflow}
    if as_json:
        typer.echo(json.dumps({**where, "queue": queue, "services": [vars(service) for service in services]}, indent=2))
        return
    typer.echo("")
    for name, value in where.items():
        typer.echo(f"{name:<8} {value}")
    counts = (f"{count}{'+' if count == COUNTED else ''} {name}" for name, count in queue.items())
    typer.echo(f"jobs     {', '.join(counts)}")


def open_page(as_json: Json = False) -> None:
    """Open the page in a browser, signed in.

    It is the page of the stack that is up here, or of EPOCHAL_URL with
    EPOCHAL_TOKEN.

    Example:
      epochal open

    """
    url, token = address(None, None)
    if not token:
        raise WrongUseError("No token is known: set EPOCHAL_TOKEN, which the page signs in with.")
    if not webbrowser.open(Home(read_settings().home).redirect(sign_in_link(url, token)).as_uri()):
        raise StackError(f"No browser was found here. Open {url} in one, and sign in with the token.")
    print_result({"opened": url}, f"Opened {url} in a browser.", as_json)


def worker(
    devices: Annotated[
        str | None,
        typer.Option(help="auto, cpu, cpu:4 (four slots), cuda, or cuda:0,cuda:1. Default: EPOCHAL_DEVICES."),
    ] = None,
    leave_when_idle: Annotated[
        float | None,
        typer.Option(min=1.0, metavar="SECONDS", help="End after so long without a job. Default: never."),
    ] = None,
) -> None:
    """Start a worker that joins a cluster from this machine.

    Ctrl-C or SIGUSR1 ends it; its jobs go back to the queue.

    Example:
      export EPOCHAL_DATABASE_URL=postgresql+psycopg://...
      export EPOCHAL_BROKER_URL=redis://...
      export EPOCHAL_FILES_URL=s3://bucket/prefix
      export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...
      epochal worker --devices cuda

    """
    settings = read_settings()
    missing = [name for name in OF_A_CLUSTER if not os.environ.get(name)]
    record = settings.database_file
    if missing and not (settings.broker_url and record is not None and record.exists()):
        raise WrongUseError(
            f"{', '.join(missing)}: not set. A worker needs the database, the broker and the files of its cluster: see "
            "docs/operations.md. On one machine, `epochal up --workers N` starts workers of its own."
        )
    # Else files of the user's own in this folder, such as worker.py, would be imported, also by the trainers.
    environ = {**os.environ, "PYTHONSAFEPATH": "1", **({"EPOCHAL_DEVICES": devices} if devices else {})}
    # This process becomes the worker, so signals and its exit status are the worker's own.
    leave = [] if leave_when_idle is None else ["--leave-when-idle", f"{leave_when_idle:g}"]
    os.execve(sys.executable, [sys.executable, "-m", "worker", *leave], environ)  # noqa: S606


def read_settings() -> Settings:
    """The settings of this process. Raises `WrongUseError`, which names the setting at fault."""
    try:
        return Settings.read()
    except BadSettingsError as error:
        raise WrongUseError(f"A setting is not valid: {error}.") from error


def _demand_home(home: Path) -> None:
    """Make the folder of the stack. Raises `WrongUseError` when nothing can be written there."""
    try:
        Home(home).create()
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"x")  # a full disk takes a file, and no byte of it
            file.flush()
    except OSError as error:
        raise WrongUseError(
            f"Cannot write to {home}: {error.strerror}. EPOCHAL_HOME names another folder for the stack."
        ) from error


def _detach(settings: Settings, workers: int) -> Endpoints:
    home = Home(settings.home)
    home.refuse_if_up()
    stack = Child(as_service(home, workers=workers, environ={}, outlives=True))
    stack.start()
    try:
        endpoints = await_ready(home, stack)
        _await_workers(endpoints, workers)
    except BaseException:  # Ctrl-C, too: who is not told that it is up looks for no stack
        if stack.pid is not None:
            remark("Stopping ...")
        stack.end()
        raise
    return endpoints


def _await_workers(endpoints: Endpoints, count: int) -> None:
    """Wait for the workers, so that no job is told that there is none; say so if they are slow."""
    patience_ends = time.monotonic() + WORKERS_WITHIN_S
    with suppress(NotAllowedError), Api(endpoints.api, endpoints.token) as client:  # its user may be locked out
        while len(client.workers()) < count:
            if time.monotonic() > patience_ends:
                remark("The workers are still starting; jobs wait for them. `epochal status` shows how they are.")
                return
            time.sleep(0.1)


def answer_endpoints(endpoints: Endpoints, *, as_json: bool) -> None:
    """Print where the stack is."""
    if as_json:
        typer.echo(json.dumps({"api": endpoints.api, "mlflow": endpoints.mlflow}))
        return
    typer.echo(f"API      {endpoints.api}  (ready)\nMLflow   {endpoints.mlflow}  (starts in the background)")
    if screen.is_terminal:
        _show_link(endpoints)
    typer.echo("`epochal status` shows how it is, `epochal down` stops it.")


def _show_link(endpoints: Endpoints) -> None:
    """Print the link that signs a browser in; only on a terminal, since logs must not hold a token."""
    page = read_settings().public_url.rstrip("/") or endpoints.api
    typer.echo(f"Page     {sign_in_link(page, endpoints.token)}")


def sign_in_link(url: str, token: str) -> str:
    """The page with the token in its fragment, which a browser sends to no server."""
    return f"{url}/#token={quote(token, safe='')}"


def _queue(client: Api) -> dict[str, int]:
    """How many jobs wait and run, counted up to `COUNTED`."""
    states = (JobStatus.queued, JobStatus.running)
    return {state.value: sum(1 for _ in client.jobs(status=state, limit=COUNTED)) for state in states}


def _ignore(_: object) -> None:
    return
