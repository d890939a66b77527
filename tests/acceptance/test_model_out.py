"""One model, used in every way there is: HTTP, plain PyTorch, ONNX, MLflow's loader, its server and its registry."""

import csv
import io
import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import mlflow
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from onnxruntime import InferenceSession

from model.preprocessing import Preprocessing
from model.rows import numbers_of
from tests.pyfunc import load
from tests.services import eventually, free_port

from .embedded import ROOT, Embedded, await_value

Array = npt.NDArray[Any]
ROWS = 1000
JOBS: dict[str, dict[str, Any]] = {
    "classification": {"loss": "cross_entropy", "activation": "gelu", "architecture": {"type": "mlp", "hidden": [16]}},
    "regression": {"loss": "mse", "architecture": {"type": "resmlp", "width": 12, "normalization": "layer"}},
}


def table(kind: str) -> str:
    """People in CSV, with words, truths, dates and gaps; the target follows from them, but for some noise."""
    random = np.random.default_rng(7)
    age = random.normal(45.0, 15.0, ROWS)
    income = random.lognormal(10.0, 0.6, ROWS)
    city = random.choice(["Oslo", "Århus", "São Paulo", "Rome"], ROWS, p=[0.4, 0.3, 0.25, 0.05])
    member = random.choice(["yes", "no"], ROWS)
    since = np.datetime64("2020-01-01") + random.integers(0, 2000, ROWS)
    worth = income / 100 + 3 * age + 200 * (city == "Oslo") + 150 * (member == "yes") + random.normal(0, 20, ROWS)
    target = worth if kind == "regression" else np.array(["low", "middle", "high"])[np.digitize(worth, [400.0, 700.0])]
    gaps = random.random((3, ROWS)) < 0.1
    columns = {
        "age": np.where(gaps[0], "", age.round(1).astype(str)),
        "income": income.round(2),
        "city": np.where(gaps[1], "NA", city),
        "member": np.where(gaps[2], "", member),
        "since": since,
        "worth": target,
    }
    text = io.StringIO()
    csv.writer(text).writerows([columns.keys(), *zip(*columns.values(), strict=True)])
    return text.getvalue()


@dataclass(frozen=True)
class Trained:
    """A job that has ended, and what its model says over HTTP."""

    path: str
    run_id: str
    csv: str
    rows: list[dict[str, str]]
    predictions: list[Any]
    probabilities: Array | None

    def agrees(self, predictions: Any, probabilities: Any = None) -> None:
        """Whether another way to use the model says the same, to 1e-5 of the numbers' scale."""
        if self.probabilities is None:
            np.testing.assert_allclose(predictions, self.predictions, rtol=1e-5)
        else:
            assert list(predictions) == self.predictions
            np.testing.assert_allclose(probabilities, self.probabilities, rtol=1e-5, atol=1e-5)

    def frame(self) -> pd.DataFrame:
        """The rows as people read them."""
        return pd.read_csv(io.StringIO(self.csv))


@pytest.fixture(scope="module", params=JOBS)
def trained(stack: Embedded, request: pytest.FixtureRequest) -> Trained:
    text = table(request.param)
    with stack.http() as http:
        file = {"file": (f"{request.param}.csv", text.encode())}
        dataset = http.post("/datasets", data={"target": "worth"}, files=file).json()
        assert [column["type"] for column in dataset["columns"]] == ["number", "number", "category", "boolean", "date"]
        job = {"dataset": dataset["id"], "epochs": 20, "learning_rate": 0.01, **JOBS[request.param]}
        path = f"/jobs/{http.post('/jobs', json=job).raise_for_status().json()['id']}"
        assert await_value(lambda: http.get(path).json()["status"] in ("succeeded", "failed"))
        rows = list(csv.DictReader(io.StringIO(text)))
        predicted = http.post(f"{path}/predict", json={"rows": rows}).raise_for_status().json()
        run_id = await_mirrored(stack, http, path)
    shares = predicted["probabilities"]
    return Trained(path, run_id, text, rows, predicted["predictions"], None if shares is None else np.array(shares))


@pytest.fixture
def tracked(stack: Embedded, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """MLflow's client, which knows where the stack's server is."""
    url = stack.endpoints.mlflow
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", stack.endpoints.token)
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    mlflow.set_tracking_uri(url)
    yield url
    mlflow.set_tracking_uri("")


def test_plain_pytorch(stack: Embedded, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with stack.http() as http:
        content = http.get(f"{trained.path}/model").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path)
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", (tmp_path / "README.md").read_text(), flags=re.DOTALL)
    page: dict[str, Any] = {"__name__": "page"}
    exec(code, page)  # noqa: S102 - the lines that the page says to run
    prepared = Preprocessing.model_validate_json((tmp_path / "preprocessing.json").read_text())
    features = prepared.features(numbers_of(trained.rows, prepared))
    with torch.no_grad():
        z = page["net"](torch.from_numpy(features).float()).double()
    if trained.probabilities is None:
        trained.agrees(prepared.answers(z.numpy())[:, 0])
    else:
        trained.agrees([prepared.output.labels[place] for place in z.argmax(dim=1)], z.softmax(dim=1).numpy())


def test_onnx(stack: Embedded, trained: Trained) -> None:
    with stack.http() as http:
        content = http.get(f"{trained.path}/model", params={"format": "onnx"}).raise_for_status().content
    session = InferenceSession(content, providers=["CPUExecutionProvider"])
    frame = trained.frame()
    feed = {
        "age": frame["age"],
        "income": frame["income"],
        "city": frame["city"].fillna("").astype(object),
        "member": frame["member"].map({"yes": 1.0, "no": 0.0}),
        "since": frame["since"].map(lambda day: datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() / 86_400),
    }
    trained.agrees(*session.run(None, {name: cells.to_numpy()[:, None] for name, cells in feed.items()}))


@pytest.mark.thorough
@pytest.mark.usefixtures("tracked")
def test_mlflow_loads_it(trained: Trained) -> None:
    model = load(f"runs:/{trained.run_id}/model")
    predicted = model.predict(trained.frame())
    assert list(predicted.columns) == model.metadata.signature.outputs.input_names()
    trained.agrees(predicted.pop("prediction"), predicted.to_numpy() if len(predicted.columns) else None)
    assert len(model.predict(model.input_example)) == 1


@pytest.mark.usefixtures("tracked")
def test_mlflow_registers_it(trained: Trained) -> None:
    name = f"model-of-{trained.run_id[:8]}"
    version = mlflow.register_model(f"runs:/{trained.run_id}/model", name)
    assert version.run_id == trained.run_id
    predicted = load(f"models:/{name}/{version.version}").predict(trained.frame())
    trained.agrees(predicted.pop("prediction"), predicted.to_numpy() if len(predicted.columns) else None)


@pytest.mark.thorough
@pytest.mark.parametrize("trained", ["classification"], indirect=True)  # the server loads it as MLflow's client does
def test_mlflow_serves_it(trained: Trained, tracked: str, tmp_path: Path) -> None:
    with served(f"runs:/{trained.run_id}/model", tracked, tmp_path / "log") as server:
        frame = trained.frame()
        records = frame.astype(object).where(frame.notna(), None).to_dict("records")
        answer = server.post("/invocations", json={"dataframe_records": records})
        assert answer.status_code == 200, answer.text
        predicted = pd.DataFrame(answer.json()["predictions"])
        trained.agrees(predicted.pop("prediction"), predicted.to_numpy() if len(predicted.columns) else None)

        answer = server.post("/invocations", content=trained.csv.encode(), headers={"Content-Type": "text/csv"})
        assert answer.status_code == 200, answer.text
        assert pd.DataFrame(answer.json()["predictions"]).shape[0] == ROWS


@pytest.mark.thorough
def test_the_lines_of_the_page(
    stack: Embedded, tracked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uploaded = stack.epochal("datasets", "upload", "examples/diabetes.csv", "--target", "progression")
    job = stack.epochal(
        "submit", "examples/diabetes.yaml", "--dataset", uploaded.stdout.strip(), "--watch"
    ).stdout.strip()
    predicted = stack.epochal("predict", job, "examples/new-patients.csv").stdout.split()[1:]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    downloaded = stack.epochal("download", job, str(tmp_path / "my-model"), "--format", "onnx")
    assert downloaded.returncode == 0, downloaded.stderr
    assert downloaded.stdout.strip() == str(tmp_path / "my-model" / "model.onnx")
    with stack.http() as http:
        run_id = await_mirrored(stack, http, f"/jobs/{job}")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    for code in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(code.replace("RUN_ID", run_id).replace("http://127.0.0.1:8000/mlflow", tracked), {})  # noqa: S102
        shown = [float(number) for number in re.findall(r"\d+\.\d+", capsys.readouterr().out)]
        np.testing.assert_allclose(shown, [float(number) for number in predicted], rtol=1e-5)


def await_mirrored(stack: Embedded, http: httpx.Client, path: str) -> str:
    """The id of the job's run, once it has the whole model."""
    run_id = str(await_value(lambda: http.get(path).json()["mlflow"])["run_id"])
    query = {"run_id": run_id, "path": "model/MLmodel"}
    described = f"{stack.endpoints.mlflow}/get-artifact"
    await_value(lambda: http.get(described, params=query).is_success, 60.0, 0.3)
    return run_id


@contextmanager
def served(uri: str, tracking: str, log: Path) -> Iterator[httpx.Client]:
    """A client of `mlflow models serve`, which is started as a user does."""
    port = free_port()
    where = ["--model-uri", uri, "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    environ = {**os.environ, "MLFLOW_TRACKING_URI": tracking, "PYTHONPATH": str(ROOT)}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    with log.open("wb") as written:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "models", "serve", *where],
            stdout=written, stderr=written, env=environ, start_new_session=True, cwd=log.parent,
        )  # fmt: skip
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60.0, trust_env=False) as client:
                eventually(lambda: _answers(client), within_s=120.0, what=f"the model is served; see {log}")
                yield client
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(10)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/ping").is_success
    except httpx.HTTPError:
        return False
