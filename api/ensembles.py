"""Ensembles of sweeps over HTTP: members and scores, predictions, and the ensemble as a model."""

from uuid import UUID

from flask import Blueprint, Response

from spec.ensemble import EnsembleView
from spec.views import ModelFormat, Predictions, Rows

from .answers import PREFIX
from .ensemble_services import Ensembles
from .models import GRAPH, ZIP, LoadedModels, PredictForm, predicted, sent
from .openapi import documented
from .parsing import json_response, parse_query
from .queries import ModelQuery
from .services import service
from .sweeps import visible_sweep

ensembles = Blueprint("ensembles", __name__, url_prefix=f"{PREFIX}/sweeps/<uuid:sweep_id>")


@ensembles.get("/ensemble")
@documented("Show the models of a sweep that answer best together", answer=EnsembleView)
def ensemble(sweep_id: UUID) -> Response:
    """Members with weights, and their scores beside the best model's."""
    return json_response(service(Ensembles).of(visible_sweep(sweep_id)).view)


@ensembles.post("/predict")
@documented("Predict rows with a sweep's ensemble", body=Rows, form=PredictForm, answer=Predictions)
def predict(sweep_id: UUID) -> Response:
    """Predictions of raw rows or of a file: the weighted mean of what the members say."""
    selected = service(Ensembles).of(visible_sweep(sweep_id))
    return json_response(predicted(selected.ensemble, selected.jobs[0].spec))


@ensembles.get("/model")
@documented("Fetch a sweep's ensemble", query=ModelQuery, answer=bytes, media=(ZIP, GRAPH))
def fetch(sweep_id: UUID) -> Response:
    """The ensemble as a zip with the model of each member, or as one ONNX graph."""
    sweep, asked = visible_sweep(sweep_id), parse_query(ModelQuery)
    selected = service(Ensembles).of(sweep)
    headers = {"Content-Disposition": f'attachment; filename="ensemble-{sweep_id}.{asked.format.value}"'}
    if asked.format is ModelFormat.onnx:
        from model.graph import ensemble_graph  # onnx is imported with the first graph

        graph = ensemble_graph(selected.ensemble, sweep.name or f"Ensemble of sweep {sweep.id}")
        return Response(graph, headers=headers, content_type=GRAPH)
    members = {f"members/{number}/": job for number, job in enumerate(selected.jobs)}
    more = {"ensemble.json": selected.view.model_dump_json(indent=2), "README.md": _README}
    return sent(service(LoadedModels).as_zip(members, more), headers)


_README = """# An ensemble

`members/` holds a model in each folder, with a README that loads it in plain PyTorch. `ensemble.json` has their
weights, in the same order, and their scores.

The ensemble's answer is the weighted mean of its members' answers: of classes their probabilities (1 for the predicted
class where a model gives none), of numbers the values in the target's units. The predicted class has the largest mean.
"""
