"""Your own data in, a model you can use out: on the command line, and with nothing but HTTP."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.preprocessing import Preprocessing
from model.rows import numbers_of

from .embedded import ROOT, Embedded, await_value

FILE, NEW = ROOT / "examples" / "diabetes.csv", ROOT / "examples" / "new-patients.csv"
JOB = {"loss": "mse", "architecture": {"type": "mlp", "hidden": [16]}, "epochs": 30, "learning_rate": 0.01}


@pytest.mark.thorough
def test_the_three_commands_of_the_readme(stack: Embedded) -> None:
    uploaded = stack.epochal("datasets", "upload", str(FILE), "--target", "progression")
    assert uploaded.returncode == 0, uploaded.stderr
    dataset = uploaded.stdout.strip()
    assert "age_group" in stack.epochal("datasets", "show", "diabetes").stdout
    assert dataset in stack.epochal("datasets", "list").stdout

    trained = stack.epochal("submit", "examples/diabetes.yaml", "--dataset", dataset, "--watch")
    assert trained.returncode == 0, trained.stderr
    job = trained.stdout.strip()

    predicted = stack.epochal("predict", job, str(NEW))
    assert predicted.returncode == 0, predicted.stderr
    heading, *values = predicted.stdout.split()
    assert heading == "prediction"
    assert len(values) == 6
    assert all(25.0 < float(value) < 346.0 for value in values)  # as far as the disease ever went


def test_rows_weigh_what_their_column_says(stack: Embedded) -> None:
    x = np.linspace(-1.0, 1.0, 60)
    y, w = x**2 + 0.1 * np.cos(40.0 * x), (np.arange(60) % 4).astype(float)
    lines = [f"{one:.6f},{weight:g},{value:.6f}" for one, weight, value in zip(x, w, y, strict=True)]
    content = "\n".join(["x,w,y", *lines]) + "\n"
    with stack.http() as http:
        answer = http.post("/datasets", data={"target": "y", "weight": "w"}, files={"file": ("rows.csv", content)})
        dataset = answer.json()["id"]
        asked = {"dataset": dataset, "validation_fraction": 0.0, **JOB}
        refused = http.post("/jobs", json={**asked, "batch_size": 1})
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "batch_size")
        path = f"/jobs/{http.post('/jobs', json=asked).json()['id']}"
        job = await_value(lambda: (found := http.get(path).json())["status"] == "succeeded" and found)
        rows = [{"x": float(one)} for one in x.round(6)]
        predicted = np.array(http.post(f"{path}/predict", json={"rows": rows}).json()["predictions"])
    assert isinstance(job, dict)
    assert job["spec"]["dataset"]["info"]["weighted"] is True
    wanted = np.average(((predicted - y) / y.std()) ** 2, weights=w)
    assert job["best"]["metrics"]["train_loss"] == pytest.approx(wanted, rel=1e-4)


def test_the_same_with_nothing_but_http(stack: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with stack.http() as http:
        form = {"target": "progression", "name": "patients"}
        answer = http.post("/datasets", data=form, files={"file": ("diabetes.csv", FILE.read_bytes())})
        assert answer.status_code in (200, 201), answer.text
        dataset = answer.json()
        assert (dataset["rows"], dataset["task"]) == (436, "regression")

        answer = http.post("/jobs", json={"dataset": {"id": dataset["id"]}, **JOB})
        assert answer.status_code == 201, answer.text
        path = f"/jobs/{answer.json()['id']}"
        job = await_value(lambda: (found := http.get(path).json())["status"] == "succeeded" and found)
        assert isinstance(job, dict)
        assert "preprocessing.json" in http.get(f"{path}/files").json()

        rows = list(csv.DictReader(FILE.read_text().splitlines())) * 3
        predicted = http.post(f"{path}/predict", json={"rows": rows[:1000]}).json()["predictions"]
        bad = http.post(f"{path}/predict", json={"rows": [{**rows[0], "bmi": "heavy"}]})
        assert bad.status_code == 422
        assert bad.json()["errors"] == [{"path": "rows.0.bmi", "message": "must be a number; it is 'heavy'"}]
        content = http.get(f"{path}/model").content

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path)
    assert json.loads((tmp_path / "spec.json").read_text())["dataset"]["id"] == dataset["id"]
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", (tmp_path / "README.md").read_text(), flags=re.DOTALL)
    page: dict[str, Any] = {"__name__": "page"}
    exec(code, page)  # noqa: S102 - the lines that the page says to run
    prepared = Preprocessing.model_validate_json((tmp_path / "preprocessing.json").read_text())
    with torch.no_grad():
        z = page["net"](torch.from_numpy(prepared.features(numbers_of(rows[:1000], prepared))).float())
    theirs = prepared.answers(z.double().numpy())[:, 0]
    np.testing.assert_allclose(predicted, theirs, rtol=1e-5)
