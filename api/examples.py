"""Requests and answers as the description shows them, each valid: a test sends them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from spec.job import JobSpec
from store.records import new_job

from .answers import job_view

JOBS: Mapping[str, Any] = {
    "digits with dropout": {
        "name": "digits",
        "dataset": "digits",
        "architecture": {"type": "mlp", "hidden": [64, 32]},
        "activation": "relu",
        "loss": "cross_entropy",
        "optimizer": {"type": "adam"},
        "learning_rate": 0.003,
        "dropout": 0.3,
        "patience": 10,
    },
    "noisy spirals": {
        "dataset": {"name": "spirals", "n": 600, "noise": 0.15, "seed": 1},
        "architecture": {"type": "mlp", "hidden": [16, 16]},
        "activation": "tanh",
        "learning_rate": 0.01,
        "batch_size": 32,
        "epochs": 300,
    },
    "a regression": {
        "dataset": "diabetes",
        "loss": "mse",
        "optimizer": {"type": "sgd", "momentum": 0.9},
        "learning_rate": 0.01,
        "tags": {"course": "intro"},
    },
}

SWEEPS: Mapping[str, Any] = {
    "a grid with seeds": {
        "base": {"dataset": "digits", "epochs": 30},
        "space": {"dropout": [0.0, 0.2, 0.5], "learning_rate": [0.001, 0.01]},
        "method": "grid",
        "seeds": 3,
    },
    "random search": {
        "base": {"dataset": "wine", "epochs": 50},
        "space": {"learning_rate": {"log_uniform": [0.0001, 0.1]}},
        "method": "random",
        "trials": 20,
    },
}


def _submitted(body: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to the submission of a job, with an id and a time that do not change."""
    job = new_job(JobSpec.model_validate(body), "ada", datetime(2026, 1, 1, tzinfo=UTC), id=_ID)
    return job_view(job, "").model_dump(mode="json")


_ID = "01990000-0000-7000-8000-000000000000"
SUBMITTED: Mapping[str, Any] = {name: _submitted(body) for name, body in JOBS.items()}
LISTED: Mapping[str, Any] = {"one job": {"jobs": [SUBMITTED["digits with dropout"]], "next": None, "total": 1}}
ROWS: Mapping[str, Any] = {
    "two flowers": {
        "columns": ["petal length", "colour", "picked"],
        "targets": ["kind"],
        "rows": [[1.4, "white", "2026-04-03", "setosa"], [None, "(other)", "2026-04-05", "virginica"]],
    }
}
IMAGES: Mapping[str, Any] = {
    "an image of each of two classes": {
        "image": [3, 64, 64],
        "rows": 70,
        "classes": [{"value": "cat", "count": 31}, {"value": "dog", "count": 39}],
        "black": 0.0,
        "white": 255.0,
        "images": [
            {"row": row, "label": label, "href": f"/api/v1/datasets/ds_{'0' * 32}/images/{row}.png"}
            for row, label in ((0, "cat"), (31, "dog"))
        ],
    }
}
CURVE: Mapping[str, Any] = {"two epochs": {"epoch": [1, 2], "train_loss": [0.9, 0.5], "val_loss": [1.0, 0.7]}}
