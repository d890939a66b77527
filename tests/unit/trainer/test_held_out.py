"""The rows that a job does not train on are those of its split, as the data set has them."""

import io
import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

from spec.job import JobSpec
from trainer import held_out
from trainer.data import split


@pytest.mark.parametrize(
    "fields",
    [
        {"dataset": "digits", "test_fraction": 0.1, "split_seed": 3},
        {"dataset": "diabetes", "loss": "mse", "validation_fraction": 0.3},
        {"dataset": {"x": [[float(row)] for row in range(9)], "y": [0, 1, 2] * 3}, "folds": 3, "fold": 1},
    ],
)
def test_they_are_the_rows_of_the_split(fields: dict[str, Any]) -> None:
    spec = JobSpec.model_validate(fields)
    assert spec.info is not None
    whole = split(spec, spec.info, torch.device("cpu"), torch.float64)
    found = held_out.held_out(spec)
    for part, x, y in (("validation", whole.x["val"], whole.y["val"]), ("test", whole.x["test"], whole.y["test"])):
        features = whole.preprocessing.features(found[f"{part}_x"])
        np.testing.assert_array_equal(features, x.numpy())
        np.testing.assert_array_equal(whole.preprocessing.targets(found[f"{part}_y"]), y.numpy())
    assert len(found["validation_x"]) > 0
    assert (len(found["test_x"]) > 0) == (spec.test_fraction > 0)


class Standard:
    """Standard output that keeps bytes."""

    def __init__(self) -> None:
        self.buffer = io.BytesIO()


def asked(monkeypatch: pytest.MonkeyPatch, spec: JobSpec) -> bytes:
    out = Standard()
    question = json.dumps({"spec": spec.model_dump(mode="json"), "table": None})
    monkeypatch.setattr(sys, "stdin", io.StringIO(question))
    monkeypatch.setattr(sys, "stdout", out)
    held_out.main()
    return out.buffer.getvalue()


def test_a_process_is_asked_in_json_and_answers_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    with np.load(io.BytesIO(asked(monkeypatch, JobSpec.model_validate({"dataset": "iris"})))) as arrays:
        assert set(arrays.files) == {"validation_x", "validation_y", "test_x", "test_y"}
        assert arrays["validation_x"].shape == (30, 4)


def test_such_a_process_imports_no_pytorch() -> None:
    asks = "import sys, trainer.held_out; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asks], check=False).returncode == 0


def test_data_that_cannot_be_used_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    inline = {"x": [[1.0]] * 6, "y": [0, 1] * 3, "time": [1.0] * 6}
    spec = JobSpec.model_validate({"dataset": inline})
    with pytest.raises(SystemExit, match="no rows are left"):
        asked(monkeypatch, spec)
