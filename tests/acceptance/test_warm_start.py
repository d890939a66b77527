"""Fine-tuning over HTTP: a network goes on with another file of the same columns."""

import io
from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from .embedded import Embedded, await_value

JOB: dict[str, Any] = {"architecture": {"type": "mlp", "hidden": [8]}, "epochs": 5, "batch_size": 32, "seed": 3}


def people(rows: int, seed: int, cities: Sequence[str], *, gaps: bool) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    age, city = random.normal(45.0, 15.0, rows).round(1), random.choice(cities, rows)
    ill = np.where(age + 20.0 * (city == "Rome") + random.normal(0.0, 5.0, rows) > 50.0, "yes", "no")
    age[: rows // 10 if gaps else 0] = np.nan
    return pd.DataFrame({"age": age, "city": city, "ill": ill})


def uploaded(http: httpx.Client, frame: pd.DataFrame) -> str:
    content = io.BytesIO(frame.to_csv(index=False).encode())
    answer = http.post("/datasets", data={"target": "ill"}, files={"file": ("people.csv", content)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def trained(http: httpx.Client, dataset: str, **fields: Any) -> str:
    answer = http.post("/jobs", json={"dataset": dataset, **JOB, **fields})
    assert answer.status_code == 201, answer.text
    assert answer.json()["warnings"] == []
    path = f"/jobs/{answer.json()['id']}"
    assert await_value(lambda: http.get(path).json()["status"] in ("succeeded", "failed"))
    return path


@pytest.mark.thorough
def test_a_network_goes_on_with_another_file_of_its_columns(stack: Embedded) -> None:
    old = people(300, 1, ["Oslo", "Rome", "Lima"], gaps=True)
    new = people(200, 2, ["Rome", "Bonn", "Oslo"], gaps=False)[["city", "age", "ill"]]
    rows = new.head(50).drop(columns="ill").to_dict("records")
    with stack.http() as http:
        assert await_value(lambda: http.get("/workers").json()["workers"])  # else a job is told that none is up
        first = trained(http, uploaded(http, old), keep_optimizer=True)
        base, other = first.rpartition("/")[2], uploaded(http, new)
        same = trained(http, other, init_from=base, epochs=1, learning_rate=1e-300)
        before, after = (http.post(f"{path}/predict", json={"rows": rows}).json() for path in (first, same))
        assert after["predictions"] == before["predictions"]
        np.testing.assert_allclose(after["probabilities"], before["probabilities"], rtol=1e-6)

        better = trained(http, other, init_from=base, learning_rate=0.01, epochs=20)
        losses = [http.get(f"{path}/curve").json()["val_loss"][-1] for path in (same, better)]
        assert losses[1] < losses[0]

        without = uploaded(http, new.drop(columns="age"))
        refused = http.post("/jobs", json={"dataset": without, **JOB, "init_from": base})
        assert refused.status_code == 422
        assert refused.json()["errors"] == [
            {"path": "init_from", "message": "was trained on a column age, and this data set has none"}
        ]
    flags = ("--hidden", "8", "--init-from", base, "--epochs", "1")
    submitted = stack.epochal("submit", "--dataset", other, *flags, "--watch")
    assert submitted.returncode == 0, submitted.stderr


def test_a_file_with_gaps_can_be_predicted_where_the_first_one_had_none(stack: Embedded) -> None:
    old, new = (people(rows, 3, ["Oslo", "Rome"], gaps=gaps) for rows, gaps in ((300, False), (200, True)))
    with stack.http() as http:
        assert await_value(lambda: http.get("/workers").json()["workers"])  # else a job is told that none is up
        base = trained(http, uploaded(http, old), keep_optimizer=True).rpartition("/")[2]
        path = trained(http, uploaded(http, new), init_from=base)
        answer = http.post(f"{path}/predict", files={"file": ("people.csv", new.to_csv(index=False).encode())})
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["predictions"]) == 200
