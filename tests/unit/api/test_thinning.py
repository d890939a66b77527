"""Curves with fewer points."""

import math

import pytest

from api.thinning import thinned
from spec.views import Curve


def curve(count: int) -> Curve:
    epochs = range(1, count + 1)
    spikes = [1.0 if epoch in (333, 777) else 0.01 * math.sin(epoch / 50) for epoch in epochs]
    return {"epoch": [*epochs], "val_loss": [*spikes], "train_loss": [-float(epoch) for epoch in epochs]}


def test_spikes_ends_and_the_best_epoch_stay_and_rows_stay_together() -> None:
    thin = thinned(curve(1000), 50, by="val_loss", keep={512})
    assert {1, 333, 512, 777, 1000} <= set(thin["epoch"])
    assert len(thin["epoch"]) <= 51
    assert thin["epoch"] == sorted(thin["epoch"], key=lambda epoch: epoch or 0)
    assert thin["train_loss"] == [-(epoch or 0) for epoch in thin["epoch"]]


def test_a_short_curve_stays_as_it_is() -> None:
    assert thinned(curve(50), 50, by="val_loss") == curve(50)
    assert thinned({"epoch": []}, 10, by="val_loss") == {"epoch": []}


@pytest.mark.parametrize("count", [11, 12, 19, 100, 101])
def test_any_number_of_points(count: int) -> None:
    for most in range(10, count):
        assert len(thinned(curve(count), most, by="unknown")["epoch"]) == most


def test_gaps_are_no_reason_to_fail() -> None:
    gaps = curve(100) | {"val_loss": [None] * 100}
    assert len(thinned(gaps, 20, by="val_loss")["epoch"]) == 20
