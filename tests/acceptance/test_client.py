"""The Python client as people use it: the notebook, the page of the documentation, frames, and the loaded model."""

import ast
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from epochal import Client
from epochal.client import Job
from epochal.errors import BadSpecError, ConflictError, NotEndedError
from spec.schema import ColumnKind
from spec.states import JobStatus, StopReason

from ..services import PATIENCE
from .embedded import ROOT, Embedded, await_value

NOTEBOOK = ROOT / "examples" / "first_lesson.ipynb"


@pytest.fixture
def people(stack: Embedded, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client that finds the stack by itself, as a user's does."""
    monkeypatch.setenv("EPOCHAL_URL", stack.endpoints.api)
    monkeypatch.setenv("EPOCHAL_TOKEN", stack.endpoints.token)
    mpl.use("agg")
    with Client() as client:
        await_value(client.workers)  # without one, a submit warns
        yield client
    pyplot.close("all")


def run(code: str, names: dict[str, Any]) -> Any:
    """Run a cell; the value of its last line, if it is an expression, as a notebook shows it."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)  # noqa: S102 - the examples that users run
    if not isinstance(last, ast.Expr):
        return None
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # noqa: S307
    shown = getattr(value, "_repr_html_", value.__repr__)()
    assert shown
    return value


@pytest.mark.thorough
@pytest.mark.usefixtures("people")
def test_the_notebook_teaches_what_it_says() -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells:
        run("".join(cell["source"]), names)
    names["client"].close()
    assert names["perceptron"].verdict.kind == "underfit"
    assert names["mlp"].best.metrics["val_accuracy"] == 1.0
    assert names["overfit"].verdict.kind == "overfit"
    assert names["gap"][-1] > names["gap"][0] + 0.2
    assert names["stopped"].view.stop_reason is StopReason.early_stopping
    assert list(names["predictions"]) == [0, 1, 1, 0]
    assert names["difference"] < 1e-6
    assert names["logits"].argmax(dim=1).tolist() == [0, 1, 1, 0]


@pytest.mark.thorough
@pytest.mark.parametrize("page", ["docs/client.md", "README.md"])
def test_the_examples_of_the_pages(people: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "__main__"}
    for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        run(code, names)
    names["client"].close()
    assert people.job(names["job"].id).status is JobStatus.succeeded


FRAME = pd.DataFrame(
    {
        "age": [30.5, None, 41.0, 55.0, 23.0, 60.0] * 20,
        "city": ["Oslo", "Rome", None, "Oslo", "Rome", "Rome"] * 20,
        "member": [True, False, True, True, False, False] * 20,
        "since": pd.to_datetime(["2020-01-01", "2021-05-02", "2022-03-03"] * 40),
        "kind": ["a", "b", "b", "a", "b", "a"] * 20,
    }
)


def test_a_frame_is_a_data_set_and_rows_to_predict(people: Client) -> None:
    job = people.submit(dataset=FRAME, target="kind", hidden=[8], epochs=30, learning_rate=0.02).wait(60 * PATIENCE)
    assert job.status is JobStatus.succeeded
    uploaded = people.dataset("frame")
    assert uploaded.types == {
        "age": ColumnKind.number,
        "city": ColumnKind.category,
        "member": ColumnKind.boolean,
        "since": ColumnKind.date,
    }
    assert uploaded.gaps == {"age": 20, "city": 20}
    assert uploaded.classes == {"a": 60, "b": 60}
    assert people.upload(FRAME, target="kind").id == uploaded.id
    first = uploaded.head(3)
    assert list(first) == ["age", "city", "member", "since", "kind"]
    assert first["age"].isna().tolist() == [False, True, False]
    assert first.iloc[1, 1:].tolist() == ["Rome", False, "2021-05-02", "b"]
    predicted = job.predict(FRAME)
    assert (predicted.values == FRAME["kind"].to_numpy()).mean() > 0.9
    in_torch = job.load().predict(FRAME)
    assert list(in_torch) == list(predicted)
    assert in_torch.probabilities is not None
    assert predicted.probabilities is not None
    np.testing.assert_allclose(in_torch.probabilities, predicted.probabilities, atol=1e-5)
    with pytest.raises(BadSpecError) as refused:
        job.predict(FRAME.drop(columns="city"))
    assert refused.value.errors[0].path == "rows.0.city"


@pytest.mark.thorough
@pytest.mark.parametrize(
    "spec",
    [
        {
            "dataset": "diabetes",
            "loss": "huber",
            "architecture": {"type": "resmlp", "width": 12},
            "precision": "float64",
        },
        {"dataset": "diabetes", "loss": "poisson_nll", "output_activation": None},
        {"dataset": "digits", "architecture": {"type": "cnn", "channels": [4]}, "normalization": "batch"},
        {"dataset": "breast_cancer", "loss": "binary_cross_entropy", "normalization": "layer"},
        {"dataset": "breast_cancer", "loss": "hinge"},
    ],
    ids=lambda spec: f"{spec['dataset']}-{spec.get('loss', 'cnn')}",
)
def test_a_loaded_model_predicts_as_the_service_does(people: Client, spec: dict[str, Any]) -> None:
    from sklearn import datasets

    options = {"scaled": False} if spec["dataset"] == "diabetes" else {}
    rows = getattr(datasets, f"load_{spec['dataset']}")(**options).data
    job = people.submit(epochs=3, **spec).wait(60 * PATIENCE)
    assert job.status is JobStatus.succeeded, job.failure
    ours, theirs = job.load().predict(rows), job.predict(rows)
    if ours.classes is None:
        np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-4)
        return
    assert list(ours) == list(theirs)
    assert (ours.probabilities is None) == (theirs.probabilities is None)
    if ours.probabilities is not None and theirs.probabilities is not None:
        np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-5)


def test_a_job_that_goes_on_is_told_apart_from_one_that_has_ended(people: Client, tmp_path: Path) -> None:
    job = people.submit({"dataset": "xor", "epochs": 1_000_000}, name="long")
    with pytest.raises(NotEndedError, match="goes on"):
        job.wait(timeout=0.1)
    with pytest.raises(ConflictError):
        job.download("onnx", tmp_path)
    assert people.wait(job.cancel().id, timeout=30 * PATIENCE).status is JobStatus.cancelled
    assert job.refresh().ended
    assert people.job(job.id[-8:]) == job == next(people.jobs(name="long", status="cancelled"))


def test_open_files_and_files_of_specs(people: Client, tmp_path: Path) -> None:
    with (ROOT / "examples" / "diabetes.csv").open("rb") as stream:
        uploaded = people.upload(stream, target="progression")
    assert uploaded.name == "diabetes"
    text = io.StringIO("a;b;y\n" + "1,5;2;x\n2,5;3;z\n" * 20)
    german = people.upload(text, target="y", name="german", decimal=",", types={"b": "category"})
    assert german.types == {"a": ColumnKind.number, "b": ColumnKind.category}
    jobs: list[Job] = people.submit_many(ROOT / "examples" / "xor.yaml", epochs=2)
    jobs.append(people.submit(ROOT / "examples" / "diabetes.yaml", dataset=uploaded, epochs=2))
    assert [job.status for job in people.wait(jobs, timeout=60 * PATIENCE)] == [JobStatus.succeeded] * 3
    for form in ("zip", "onnx"):
        assert jobs[0].download(form, tmp_path).stat().st_size > 100
