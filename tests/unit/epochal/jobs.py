"""Jobs as the API answers them, and a client of an API that answers what a test says."""

from collections.abc import Callable
from typing import Any

import httpx

from epochal.client import Api, Client
from spec.job import JobSpec
from spec.views import JobView

ID = "0193a5b2-7c1e-7d31-a7b4-5d0c4f2a91c7"


def view(**changed: Any) -> dict[str, Any]:
    """A job, as the API answers it."""
    return {
        "id": ID,
        **dict.fromkeys(("name", "stop_reason", "failure", "metrics", "best", "verdict", "queue", "worker", "device")),
        **dict.fromkeys(("pack_size", "mlflow", "started_at", "finished_at")),
        **{"project": "default", "tags": {}, "priority": 0, "status": "queued", "attempt": 0, "links": {}},
        **dict.fromkeys(("cancel_requested", "pause_requested"), False),
        "spec": JobSpec.model_validate({"dataset": "xor"}).model_dump(mode="json"),
        "progress": {"epoch": 0, "epochs": 100, "epochs_per_s": None, "eta_s": None},
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        **changed,
    }


def job(**changed: Any) -> JobView:
    """A job."""
    return JobView.model_validate(view(**changed))


def api_of(handle: Callable[[httpx.Request], httpx.Response]) -> Api:
    """A client whose server is `handle`."""
    return Api("http://api", "epo_x", transport=httpx.MockTransport(handle), sleep=lambda _: None)


def client_of(handle: Callable[[httpx.Request], httpx.Response]) -> Client:
    """The same for handles."""
    return Client("http://api", "epo_x", transport=httpx.MockTransport(handle), sleep=lambda _: None)


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now += seconds
