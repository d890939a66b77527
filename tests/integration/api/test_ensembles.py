"""Ensembles over HTTP: members of a trained sweep, their scores, predictions, zip and ONNX."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnxruntime import InferenceSession
from sklearn.datasets import load_iris

from api import ensemble_services
from api.ensemble_services import Ensembles
from api.held_out import HeldOutRows
from api.models import LoadedModels
from spec.job import JobSpec
from spec.states import StopReason
from spec.views import Metrics
from store.control import JobControl
from store.files import files_at
from store.records import ArtifactRecord, Success
from store.sweep_results import SweepResults
from store.sweeps import SweepStore
from trainer.export import save
from trainer.fit import fit
from trainer.member import Entry

from ...unit.trainer.recording import Recorder
from .conftest import JOBS, Service, is_problem
from .sweeping import BASE, SWEEPS, controller, submitted
from .test_sweeps import shown

TESTED: Mapping[str, Any] = {**BASE, "test_fraction": 0.2, "split_seed": 1}


def trained(api: Service, folder: Path, **fields: Any) -> str:
    """The id of a sweep that a trainer has trained, and whose models are stored."""
    sweep_id = submitted(api, **{"base": TESTED, "trials": 4, "generation": 4, "seeds": 2, **fields})
    files = files_at(f"{api.home.as_uri()}/files")
    while controller(api).round():
        claims = api.store.claim(worker="w", device="cpu", limit=1000, lease_s=60)
        recorder = Recorder()
        if claims:
            entries = [Entry(claim.job_id, claim.spec) for claim in claims]
            fit(entries, recorder, device=torch.device("cpu"), limit=len(entries))
        for claim in claims:
            outcome, home = recorder.outcomes[claim.job_id], folder / claim.job_id
            home.mkdir()
            save(outcome, claim.spec, home)
            artifacts = []
            for file in home.iterdir():
                content, path = file.read_bytes(), f"jobs/{claim.job_id}/a1/{file.name}"
                files.put(path, content)
                sha256 = hashlib.sha256(content).hexdigest()
                artifacts.append(ArtifactRecord(file.name, files.uri(path), sha256, len(content)))
            best: Metrics = dict(outcome.best_metrics or {})
            end = Success(claim.job_id, 1, StopReason.max_epochs, outcome.best_epoch, best, artifacts=artifacts)
            assert api.store.succeed(end)
    return sweep_id


@pytest.mark.thorough
def test_the_models_of_a_sweep_answer_together(both: Service, tmp_path: Path) -> None:
    sweep_id = trained(both, tmp_path)
    found = shown(both, f"{SWEEPS}/{sweep_id}/ensemble")
    assert (found["metric"], found["candidates"]) == ("log_loss", 8)
    weights = [member["weight"] for member in found["members"]]
    assert sum(weights) == pytest.approx(1.0)
    assert weights == sorted(weights, reverse=True)
    validation, test = found["validation"], found["test"]
    assert (validation["rows"], test["rows"]) == (30, 30)
    assert validation["ensemble"]["log_loss"] <= validation["best"]["log_loss"]
    heaviest = found["members"][0]
    job = shown(both, f"{JOBS}/{heaviest['job']}")
    assert job["sweep"]["trial"] == heaviest["trial"]
    assert heaviest["configuration"] == {"learning_rate": job["spec"]["learning_rate"]}
    # The best model alone has the metrics that its own report has.
    reports = [json.loads((folder / "report.json").read_text()) for folder in tmp_path.iterdir()]
    alone = min(reports, key=lambda report: report["validation"]["log_loss"])
    for part in ("validation", "test"):
        for name in ("accuracy", "macro_f1", "log_loss"):
            assert found[part]["best"][name] == pytest.approx(alone[part][name], rel=1e-4)

    rows = load_iris().data
    said = both.ask("POST", found["links"]["predict"], json={"rows": rows.tolist()}).get_json()
    each = [
        both.ask("POST", f"{JOBS}/{member['job']}/predict", json={"rows": rows.tolist()}).get_json()["probabilities"]
        for member in found["members"]
    ]
    np.testing.assert_allclose(said["probabilities"], np.tensordot(weights, np.array(each), axes=1), atol=1e-6)

    graph = both.ask("GET", f"{found['links']['model']}?format=onnx")
    session = InferenceSession(graph.get_data(), providers=["CPUExecutionProvider"])
    feed = {one.name: rows[:, [place]] for place, one in enumerate(session.get_inputs())}
    np.testing.assert_allclose(session.run(["probabilities"], feed)[0], said["probabilities"], atol=1e-5)

    with both.ask("GET", found["links"]["model"]) as packed:
        content = packed.get_data()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert json.loads(archive.read("ensemble.json")) == found
        for number in range(len(weights)):
            assert archive.read(f"members/{number}/model.safetensors")
            assert b"load_file" in archive.read(f"members/{number}/README.md")


def test_of_rows_with_several_targets_as_many_are_taken_as_answers_fit_in_memory(
    api: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ensemble_services, "MOST_NUMBERS", 2 * 3 * 5)
    rows = np.random.default_rng(0).normal(size=(60, 3)).tolist()
    base = {**BASE, "dataset": {"x": rows, "y": rows}, "loss": "mse", "monitor": "val_rmse", "epochs": 1}
    sweep_id = trained(api, tmp_path, base=base, trials=2, generation=2, seeds=1)
    found = shown(api, f"{SWEEPS}/{sweep_id}/ensemble")
    assert (found["metric"], found["candidates"], found["validation"]["rows"]) == ("rmse", 2, 5)


class Counted(HeldOutRows):
    """Counts how often rows are read."""

    asked = 0

    def read(self, spec: JobSpec) -> Any:
        self.asked += 1
        return super().read(spec)


@pytest.mark.thorough
def test_an_ensemble_that_many_ask_for_at_once_is_chosen_once(api: Service, tmp_path: Path) -> None:
    services, rows = api.app.extensions["epochal.services"], Counted(files_at(f"{api.home.as_uri()}/files"))
    ensembles = Ensembles(services[SweepResults], services[JobControl], services[LoadedModels], rows)
    sweep = services[SweepStore].get(trained(api, tmp_path, trials=2, generation=2, seeds=1), owner=None)
    with ThreadPoolExecutor(3) as threads:
        first, *others = threads.map(ensembles.of, [sweep] * 3)
    assert all(one is first for one in others)
    assert rows.asked == 1


def test_a_sweep_without_an_ensemble_says_why(api: Service, tmp_path: Path) -> None:
    running = submitted(api)
    problem = is_problem(api.ask("GET", f"{SWEEPS}/{running}/ensemble"), 409)
    assert problem["detail"].startswith("A sweep that is running cannot be asked for its ensemble")
    api.ask("POST", f"{SWEEPS}/{running}/cancel")
    problem = is_problem(api.ask("GET", f"{SWEEPS}/{running}/model"), 404)
    assert problem["detail"] == "The sweep has no configuration that was trained to its end, and so no ensemble."
    is_problem(api.ask("POST", f"{SWEEPS}/{running}/predict", token=api.tokens.create(owner="eve")), 404)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"seeds": 1, "folds": 3}, "Each fold has validation rows of its own"),
        (
            {"base": {**BASE, "validation_fraction": 0.0, "monitor": "train_accuracy"}},
            "Members are chosen by validation rows, and there are none",
        ),
        (
            {"space": {"split_seed": [0, 1]}, "method": "grid"},
            "The configurations differ in split_seed, and so in their validation rows.",
        ),
    ],
)
def test_models_that_were_measured_on_other_rows_are_not_combined(
    api: Service, tmp_path: Path, fields: dict[str, Any], why: str
) -> None:
    sweep_id = trained(api, tmp_path, **{"trials": 2, **fields})
    assert why in is_problem(api.ask("GET", f"{SWEEPS}/{sweep_id}/ensemble"), 409)["detail"]
