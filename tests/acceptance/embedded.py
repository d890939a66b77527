"""An embedded stack in a folder of its own, as a user would start it, and what a test does to it."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx

from epochal.client import Api
from epochal.stack.embedded import as_service, await_ready
from epochal.stack.home import Endpoints, Home
from epochal.stack.process import Child

from ..services import PATIENCE
from ..slow_motion import SlowMotion

Value = TypeVar("Value")

ROOT = Path(__file__).parents[2]
LEASE_S = 8.0
"""Short, so that a lost worker is missed soon; a worker on a busy machine renews it in time."""


class Embedded:
    """A stack on free ports: `epochal up` as a process."""

    def __init__(self, folder: Path, *, environ: Mapping[str, str] | None = None) -> None:
        self.home = Home(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.slow_motion = SlowMotion(folder)
        self.environ = {
            **self.slow_motion.environ,
            **{"EPOCHAL_PORT": "0", "EPOCHAL_DEVICES": "cpu"},
            **{"EPOCHAL_LEASE_S": str(LEASE_S), "EPOCHAL_URL": "", "EPOCHAL_TOKEN": ""},
            **(environ or {}),
        }
        # A session of its own: within that of pytest, MLflow and trainers, which are nice, come after every other test.
        service = as_service(self.home, workers=1, environ=self.environ, outlives=True)
        self.stack = Child(dataclasses.replace(service, start_s=service.start_s * PATIENCE))
        self.endpoints = Endpoints(api="", mlflow="", token="")

    def start(self) -> None:
        """Start it and wait until the API is ready."""
        self.stack.start()
        self.endpoints = await_ready(self.home, self.stack)

    def stop(self) -> None:
        """Stop it, and whatever it may have left."""
        self.stack.end()

    def client(self) -> Api:
        """A client of this stack."""
        return Api(self.endpoints.api, self.endpoints.token)

    def http(self) -> httpx.Client:
        """A plain HTTP client of this stack's API, with its token."""
        headers = {"Authorization": f"Bearer {self.endpoints.token}"}
        return httpx.Client(base_url=f"{self.endpoints.api}/api/v1", headers=headers, timeout=30.0, trust_env=False)

    def mlflow(self, path: str, **query: str) -> Any:
        """What MLflow's own API answers."""
        url = f"{self.endpoints.mlflow}/api/2.0/mlflow/{path}"
        headers = {"Authorization": f"Bearer {self.endpoints.token}"}
        # Over plain HTTP: reading the certificates of all authorities costs more than the answer.
        answer = httpx.get(url, params=query, headers=headers, timeout=30.0, trust_env=False, verify=False)  # noqa: S501
        return answer.raise_for_status().json()

    def epochal(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """The `epochal` command, as in a pipe."""
        environ = {**os.environ, **self.environ, "EPOCHAL_HOME": str(self.home.path)}
        command = [sys.executable, "-m", "epochal", *arguments]
        return subprocess.run(
            command,
            input=stdin,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120 * PATIENCE,
            check=False,
            cwd=ROOT,
        )

    def pid(self, service: str) -> int:
        """The process of one service, once it runs."""
        found = await_value(lambda: {state.name: state.pid for state in self.home.services()}.get(service))
        assert found is not None
        return found

    def processes(self) -> Sequence[int]:
        """Every process that belongs to this home, however it was started."""
        mark = f"EPOCHAL_HOME={self.home.path}".encode()
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _has(entry, mark)]

    def signal_session(self, service: str, kind: signal.Signals) -> None:
        """Send a signal to a service and all it started."""
        os.killpg(self.pid(service), kind)


def await_value(ask: Callable[[], Value], within_s: float = 30.0, every_s: float = 0.05) -> Value:
    """The first answer that is true; the deadline ends a test that hangs, and is no promise.

    Asked again after `every_s`, later after a tenth of the time that it has waited: each question costs the stack time.
    """
    began = time.monotonic()
    while not (answer := ask()):
        waited_s = time.monotonic() - began
        assert waited_s < within_s * PATIENCE, f"not within {within_s:g} s; the last answer was {answer!r}"
        time.sleep(max(every_s, waited_s / 10))
    return answer


def _has(entry: Path, mark: bytes) -> bool:
    """Whether the process lives and has `mark` in its environment; a zombie's is empty."""
    try:
        return mark in (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
