"""The decision boundary of a member that trains: drawing it changes no bit."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from model.boundary import Boundary, frame
from spec.job import JobSpec
from trainer.callbacks import NullCallbacks
from trainer.fit import fit
from trainer.member import Entry, Outcome, Point


class Drawing(NullCallbacks):
    """Draws every member after every epoch, or none."""

    def __init__(self, size: int | None) -> None:
        self.size = size
        self.drawn: list[Boundary] = []
        self.losses: list[float] = []
        self.models: list[bytes] = []

    def on_epoch_end(self, points: Sequence[Point]) -> None:
        self.losses += [point.metrics["train_loss"] for point in points]
        if self.size is not None:
            self.drawn += [found for point in points if (found := point.boundary(self.size)) is not None]

    def on_member_end(self, outcome: Outcome) -> None:
        self.models.append(b"".join(outcome.model[name].numpy().tobytes() for name in outcome.model))


def trained(size: int | None, **fields: Any) -> Drawing:
    body = {"dataset": {"name": "moons", "n": 60}, "dropout": 0.2, "batch_size": 16, "epochs": 4, "learning_rate": 0.01}
    specs = [JobSpec.model_validate({**body, "seed": seed, "live_boundary": {"size": 12}} | fields) for seed in (1, 2)]
    drawing = Drawing(size)
    entries = [Entry(str(number), spec) for number, spec in enumerate(specs)]
    fit(entries, drawing, device=torch.device("cpu"), limit=2)
    return drawing


def test_drawing_changes_no_bit_of_the_training() -> None:
    with_pictures, without = trained(12), trained(None)
    assert len(with_pictures.drawn) == 8
    assert with_pictures.losses == without.losses
    assert with_pictures.models == without.models
    assert with_pictures.drawn[0] != with_pictures.drawn[-2]  # it moves


def test_a_frame_holds_a_byte_for_each_prediction() -> None:
    drawn = trained(12).drawn[-1]
    sent = frame(drawn, 4, {"val_loss": 0.5})
    values = np.frombuffer(base64.b64decode(sent.values), np.uint8).reshape(12, 12) / 255.0
    assert np.abs(values - np.array(drawn.values)).max() <= 0.5 / 255.0 + 1e-5
    assert (sent.kind, sent.low, sent.high, sent.size, sent.epoch) == ("probability", 0.0, 1.0, 12, 4)


def test_a_frame_holds_the_numbers_of_a_small_network_layer_by_layer() -> None:
    fields = {"restore_best": False, "seed": 1}
    drawing = trained(12, architecture={"type": "mlp", "hidden": [3]}, **fields)
    sent = base64.b64decode(frame(drawing.drawn[-1], 4, {}).weights)
    assert sent == drawing.models[-1]
    assert frame(trained(12, architecture={"type": "mlp", "hidden": [64, 64]}, **fields).drawn[-1], 4, {}).weights == ""
    assert "weights" not in drawing.drawn[-1].model_dump()


@pytest.mark.parametrize("dataset", ["iris", "digits"])
def test_only_data_with_two_inputs_have_a_boundary(dataset: str) -> None:
    with pytest.raises(ValueError, match="live_boundary"):
        JobSpec.model_validate({"dataset": dataset, "live_boundary": {}})
