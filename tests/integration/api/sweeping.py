"""Sweeps over HTTP whose jobs a test trains by a rule."""

from collections.abc import Callable, Mapping
from typing import Any

from spec.job import JobSpec
from spec.states import StopReason
from spec.views import Curve, Metrics
from store.records import Success
from store.trials import TrialStore
from sweeps.controller import Controller

from .conftest import Service

SWEEPS = "/api/v1/sweeps"
BASE: Mapping[str, Any] = {
    "dataset": "iris",
    "epochs": 9,
    "architecture": {"type": "mlp", "hidden": [4]},
    "monitor": "val_accuracy",
}
SPACE: Mapping[str, Any] = {"learning_rate": {"log_uniform": [1e-4, 0.5]}}


def asked(**fields: Any) -> dict[str, Any]:
    return {"base": BASE, "space": SPACE, "method": "random", "trials": 6, "generation": 6, **fields}


class Silent:
    """Rings nowhere: no worker listens in these tests."""

    def ring(self, *job_ids: str) -> bool:
        return True


def submitted(api: Service, **fields: Any) -> str:
    answer = api.ask("POST", SWEEPS, json=asked(**fields))
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])  # type: ignore[index]


def proposed(api: Service, **fields: Any) -> str:
    """The id of a sweep whose first generation is queued."""
    sweep_id = submitted(api, **fields)
    controller(api).round()
    return sweep_id


def controller(api: Service) -> Controller:
    return Controller(TrialStore(api.engine), Silent(), "here")  # type: ignore[arg-type]


def accuracy(spec: JobSpec) -> float:
    """The better the larger the learning rate, and a little by the seed."""
    return min(spec.learning_rate + 0.001 * spec.seed, 1.0)


def train(api: Service, score: Callable[[JobSpec], float] = accuracy) -> bool:
    """Propose once and train all that waits, halfway to half of its score; whether there was something to do."""
    moved = controller(api).round()
    for claim in api.store.claim(worker="w", device="cpu", limit=1000, lease_s=60):
        end = score(claim.spec)
        points: Curve = {"epoch": [1, 3, 9], "val_accuracy": [end / 3, end / 2, end]}
        best: Metrics = {"val_accuracy": end, "val_loss": 1.0 - end}
        success = Success(claim.job_id, claim.attempt, StopReason.max_epochs, 9, best, points=points)
        assert api.store.succeed(success)
    return moved


def finished(api: Service, **fields: Any) -> str:
    """The id of a sweep whose jobs have all been trained."""
    sweep_id = submitted(api, **fields)
    while train(api):
        pass
    return sweep_id
