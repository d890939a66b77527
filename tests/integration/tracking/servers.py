"""A real MLflow server, and what it knows."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.services import PATIENCE, eventually, free_port


class MlflowServer:
    """The server of the embedded stack, in a folder of its own."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(base_url=self.url, timeout=60.0, trust_env=False)

    def start(self) -> None:
        """Start it and wait until it answers."""
        where = ["--bind", f"127.0.0.1:{self.port}", "--home", str(self.home)]
        command = [sys.executable, "-m", "tracking", "serve", *where]
        self.home.mkdir(exist_ok=True)
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        eventually(self._answers, within_s=90.0, what=f"MLflow answers; see {self.home / 'log'}")

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self._http.get("/health").is_success
        return False

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all its processes."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGKILL)
            self._process.wait(10 * PATIENCE)
            self._process = None

    def close(self) -> None:
        """End it for good."""
        self.kill()
        self._http.close()

    def ask(self, verb: str, **query: str) -> Any:
        """What its API answers."""
        answer = self._http.get(f"/api/2.0/mlflow/{verb}", params=query)
        assert answer.is_success, answer.text
        return answer.json()

    def post(self, verb: str, body: Mapping[str, object]) -> None:
        """Ask it to change something."""
        answer = self._http.post(f"/api/2.0/mlflow/{verb}", json=dict(body))
        assert answer.is_success, answer.text

    def runs(self, project: str) -> list[dict[str, Any]]:
        """The runs of a project's experiment, whether deleted or not."""
        answer = self._http.get("/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": project})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        body = {
            "experiment_ids": [answer.json()["experiment"]["experiment_id"]],
            "max_results": 1000,
            "run_view_type": "ALL",
        }
        found: list[dict[str, Any]] = self._http.post("/api/2.0/mlflow/runs/search", json=body).json().get("runs", [])
        return found

    def run(self, run_id: str) -> Any:
        """A run."""
        return self.ask("runs/get", run_id=run_id)["run"]

    def history(self, run_id: str, metric: str = "train_loss") -> list[tuple[int, float]]:
        """Every point of a metric, as step and value, in order of the steps."""
        points: list[tuple[int, float]] = []
        query = {"run_id": run_id, "metric_key": metric, "max_results": "20000"}
        while True:
            answer = self.ask("metrics/get-history", **query)
            points += [(int(point["step"]), point["value"]) for point in answer.get("metrics", [])]
            if not answer.get("next_page_token"):
                return sorted(points)
            query["page_token"] = answer["next_page_token"]

    def points(self, run_id: str) -> dict[str, list[tuple[int, float | None]]]:
        """Every point of every metric, as step and value, in order of the steps; the value of NaN is None.

        Read from its database: over HTTP each metric would be a request.
        """
        query = "SELECT key, step, CASE WHEN is_nan THEN NULL ELSE value END FROM metrics WHERE run_uuid = ?"
        found: dict[str, list[tuple[int, float | None]]] = {}
        with contextlib.closing(sqlite3.connect(self.home / "mlflow.db")) as database:
            for name, step, value in database.execute(f"{query} ORDER BY step, value", [run_id]):
                found.setdefault(name, []).append((step, value))
        return found

    def artifact(self, run_id: str, name: str) -> bytes:
        """An artifact's content."""
        answer = self._http.get("/get-artifact", params={"run_id": run_id, "path": name})
        assert answer.is_success, answer.text
        return answer.content
