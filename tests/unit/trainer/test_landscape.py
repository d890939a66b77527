import math

import pytest
import torch

from model.report import Landscape
from spec.job import JobSpec
from trainer.landscape import SIDE, directions, landscape
from trainer.models import Network

from .recording import Recorder, job, train

MIDDLE = SIDE // 2


def found(recorder: Recorder, member: str = "0") -> Landscape:
    report = recorder.outcomes[member].report
    assert report is not None
    assert report.landscape is not None
    return report.landscape


def test_a_direction_is_as_long_as_the_weights_filter_by_filter_and_spares_biases() -> None:
    spec = JobSpec.model_validate(
        {"dataset": "digits", "architecture": {"type": "cnn", "channels": [4], "normalization": "batch"}}
    )
    assert spec.info is not None
    network = Network(spec, spec.info)
    weights = network.first_parameters(spec).unsqueeze(0)
    along = directions(weights, network.parameters, seed=3)
    arrays = network.parameters.views(weights)
    for name, array in network.parameters.views(along).items():
        if name.startswith("layers.") and name.endswith("weight"):
            lengths = torch.linalg.vector_norm(array.flatten(2), dim=2)
            wanted = torch.linalg.vector_norm(arrays[name].flatten(2), dim=2)
            assert torch.allclose(lengths, wanted.expand(2, -1)), name
        else:
            assert not array.any(), name
    assert not torch.equal(along[0], along[1])
    assert torch.equal(along, directions(weights, network.parameters, seed=3))


def test_losses_are_those_of_the_places_row_by_row() -> None:
    spec = job()
    assert spec.info is not None
    network = Network(spec, spec.info)
    weights = network.first_parameters(spec).unsqueeze(0)
    along = directions(weights, network.parameters, seed=0)
    asked: list[int] = []

    def coordinates(rows: torch.Tensor) -> torch.Tensor:
        asked.append(len(rows))
        away: torch.Tensor = torch.linalg.lstsq(along.T, (rows - weights).T).solution
        return 10.0 * away[0] + away[1]

    losses = landscape(weights, network.parameters, 0, coordinates)
    steps = torch.linspace(-1.0, 1.0, SIDE, dtype=torch.float64)
    for row, first in enumerate(steps.tolist()):
        assert losses[row] == pytest.approx((10.0 * first + steps).tolist(), abs=1e-9)
    assert set(asked) == {SIDE}


@pytest.mark.parametrize("fields", [{}, {"dataset": "diabetes", "loss": "mse"}, {"validation_fraction": 0}], ids=str)
def test_the_finished_weights_are_in_the_middle(fields: dict[str, object]) -> None:
    recorder = train(job(loss_landscape=True, **fields))
    seen = found(recorder)
    best = recorder.outcomes["0"].best_metrics
    assert best is not None
    part = "train" if fields == {"validation_fraction": 0} else "val"
    assert seen.part == {"train": "train", "val": "validation"}[part]
    assert seen.losses[MIDDLE][MIDDLE] == pytest.approx(best[f"{part}_loss"], rel=1e-5)
    losses = [loss for row in seen.losses for loss in row if loss is not None]
    assert len(losses) == SIDE * SIDE
    assert all(map(math.isfinite, losses))
    assert max(losses) > 2.0 * best[f"{part}_loss"]


def test_a_landscape_is_the_same_alone_and_in_a_pack_and_only_there_when_it_is_asked_for() -> None:
    wanted = job(loss_landscape=True, seed=4)
    pack = train(job(seed=1), wanted)
    assert found(pack, "1") == found(train(wanted))
    report = pack.outcomes["0"].report
    assert report is not None
    assert report.landscape is None
    assert wanted.pack_key == job().pack_key
