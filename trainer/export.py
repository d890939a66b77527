"""Export of a finished model as open formats: safetensors and JSON, no pickle.

`model.safetensors` holds `layers.<i>.weight` [out, in] (or [out, in, k, k] of a convolution) and `layers.<i>.bias`
[out], as `torch.nn.Linear` and `torch.nn.Conv2d` hold them, in the order of the layers; with normalisation also
`norms.<i>.weight`, `.bias` and, for batches, `.running_mean`, `.running_var` of hidden layer i. `preprocessing.json`
says how rows become the features of the first layer (`model.preprocessing`). `optimizer.safetensors` holds the state
of an optimizer that is kept (`trainer.optimizer_state`).
"""

import json
from pathlib import Path

from pydantic import BaseModel
from safetensors.torch import save as to_bytes

from model import OPTIMIZER, PREPROCESSING, REPORT, SPEC, WEIGHTS
from spec.job import JobSpec

from . import optimizer_state
from .member import Outcome


def files_of(outcome: Outcome, spec: JobSpec) -> dict[str, bytes]:
    """The files of a finished model by name: the model, its spec, preprocessing and report."""
    # One entry: safetensors writes several in any order, and the same model must give the same bytes.
    note = {"best": json.dumps({"epoch": outcome.best_epoch, "metrics": dict(outcome.best_metrics or {})})}
    arrays = {name: array.contiguous() for name, array in outcome.model.items()}
    files = {WEIGHTS: to_bytes(arrays, note), SPEC: _text(spec)}
    if outcome.preprocessing is not None:
        files[PREPROCESSING] = outcome.preprocessing.as_json.encode() + b"\n"
    if outcome.report is not None:
        files[REPORT] = _text(outcome.report)
    if outcome.optimizer is not None:
        files[OPTIMIZER] = optimizer_state.dump(outcome.optimizer)
    return files


def save(outcome: Outcome, spec: JobSpec, folder: Path) -> None:
    """Write the files of a finished model into `folder`, without syncing them to the disk."""
    for name, content in files_of(outcome, spec).items():
        (folder / name).write_bytes(content)


def _text(model: BaseModel) -> bytes:
    return model.model_dump_json(indent=2).encode() + b"\n"
