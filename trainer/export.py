"""Export of a finished model as open formats: safetensors and JSON, no pickle.

`model.safetensors` holds `layers.<i>.weight` [out, in] (or [out, in, k, k] of a convolution) and `layers.<i>.bias`
[out], as `torch.nn.Linear` and `torch.nn.Conv2d` hold them, in the order of the layers; with normalisation also
`norms.<i>.weight`, `.bias` and, for batches, `.running_mean`, `.running_var` of hidden layer i. `preprocessing.json`
says how rows become the features of the first layer (`model.preprocessing`). `optimizer.safetensors` holds the state
of an optimizer that is kept (`trainer.optimizer_state`).
"""

import json
from pathlib import Path

from safetensors.torch import save as to_bytes

from model import OPTIMIZER, PREPROCESSING, REPORT, SPEC, WEIGHTS
from spec.job import JobSpec

from . import optimizer_state
from .member import Outcome


def save(outcome: Outcome, spec: JobSpec, folder: Path) -> None:
    """Write the model, with all that is kept beside it, into `folder`, without syncing it to the disk."""
    # One entry: safetensors writes several in any order, and the same model must give the same bytes.
    note = {"best": json.dumps({"epoch": outcome.best_epoch, "metrics": dict(outcome.best_metrics or {})})}
    arrays = {name: array.contiguous() for name, array in outcome.model.items()}
    (folder / WEIGHTS).write_bytes(to_bytes(arrays, note))
    (folder / SPEC).write_text(spec.model_dump_json(indent=2) + "\n")
    if outcome.preprocessing is not None:
        (folder / PREPROCESSING).write_text(outcome.preprocessing.model_dump_json(indent=2) + "\n")
    if outcome.report is not None:
        (folder / REPORT).write_text(outcome.report.model_dump_json(indent=2) + "\n")
    if outcome.optimizer is not None:
        (folder / OPTIMIZER).write_bytes(optimizer_state.dump(outcome.optimizer))
