"""Whether the service of this container is of use: `python deploy/healthy.py api|mlflow|worker`; status 0 is yes."""

import json
import socket
import sys
import urllib.request

TIMEOUT_S = 5.0


def api() -> bool:
    """The API answers and reaches its record."""
    with urllib.request.urlopen("http://127.0.0.1:8000/readyz", timeout=TIMEOUT_S) as answer:
        return bool(answer.status == 200)


def mlflow() -> bool:
    """MLflow answers a question about its database, asked by the name the mirror uses: /health proves neither."""
    request = urllib.request.Request(
        "http://127.0.0.1:5000/api/2.0/mlflow/experiments/search",
        data=json.dumps({"max_results": 1}).encode(),
        headers={"Content-Type": "application/json", "Host": "mlflow:5000"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the address stands above
        return bool(answer.status == 200)


def worker() -> bool:
    """The record has heard of a worker on this host lately."""
    from spec.settings import Settings
    from store.db import connect
    from store.workers import WorkerStore

    workers = WorkerStore(connect(Settings.read().database_url)).live()
    return any(worker.host == socket.gethostname() for worker in workers)


if __name__ == "__main__":
    sys.exit(not {"api": api, "mlflow": mlflow, "worker": worker}[sys.argv[1]]())
