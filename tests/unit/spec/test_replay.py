"""Replays: every number beside the original's, and the first that differs."""

from dataclasses import replace
from typing import Any

import pytest

from spec.replay import Difference, ReplayView, Trained, job_replay, sweep_replay
from spec.states import FailureReason, JobStatus, StopReason

ORIGINAL = Trained(
    status=JobStatus.succeeded,
    epoch=3,
    curve={"epoch": [1, 2, 3], "train_loss": [0.9, 0.5, 0.1 + 0.2], "val_loss": [1.0, None, 0.0]},
    stop_reason=StopReason.max_epochs,
    best_epoch=3,
    best_metrics={"val_loss": 0.0, "test_loss": 0.25},
    files={"model.safetensors": "a" * 64, "report.json": "b" * 64},
    device="cpu",
)


def seen(replay: Trained, original: Trained = ORIGINAL) -> ReplayView:
    return job_replay(original, replay, ids=("one", "two"))


def test_the_same_numbers_are_the_same() -> None:
    view = seen(replace(ORIGINAL, device="cuda:0"))
    assert view.same is True
    assert view.compared == 6 + 2 + 2 + 2
    assert view.first_difference is None
    assert view.sentence == "All 12 numbers are the same, bit for bit: curve, best metrics and model."


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        (
            {"curve": {**ORIGINAL.curve, "train_loss": [0.9, 0.5, 0.3]}},
            Difference(epoch=3, name="train_loss", original=0.1 + 0.2, replay=0.3),
        ),
        (
            {"curve": {**ORIGINAL.curve, "val_loss": [1.0, None, -0.0]}},
            Difference(epoch=3, name="val_loss", original=0.0, replay=-0.0),
        ),
        (
            {"curve": {name: column[:2] for name, column in ORIGINAL.curve.items()}},
            Difference(epoch=3, name="train_loss", original=0.1 + 0.2, replay=None),
        ),
        (
            {"curve": {name: [*column, 4] for name, column in ORIGINAL.curve.items()}},
            Difference(name="end", original="max_epochs", replay=None),
        ),
        (
            {"curve": {"epoch": [1, 2, 3], "train_loss": ORIGINAL.curve["train_loss"]}},
            Difference(epoch=1, name="val_loss", original=1.0, replay=None),
        ),
        (
            {"stop_reason": StopReason.converged},
            Difference(name="end", original="max_epochs", replay="converged"),
        ),
        (
            {"status": JobStatus.failed, "stop_reason": None, "failure_reason": FailureReason.diverged},
            Difference(name="end", original="max_epochs", replay="diverged"),
        ),
        ({"best_epoch": 1}, Difference(name="best epoch", original=3, replay=1)),
        (
            {"best_metrics": {"val_loss": 0.0, "test_loss": 0.5}},
            Difference(name="best test_loss", original=0.25, replay=0.5),
        ),
        (
            {"files": {"model.safetensors": "c" * 64, "report.json": "d" * 64}},
            Difference(name="model.safetensors", original="a" * 64, replay="c" * 64),
        ),
    ],
)
def test_the_first_difference_is_named_with_both_values(changes: dict[str, Any], first: Difference) -> None:
    view = seen(replace(ORIGINAL, **changes))
    assert view.same is False
    assert repr(view.first_difference) == repr(first)
    assert str(first) in view.sentence
    assert "devices" not in view.sentence


def test_a_difference_between_devices_is_explained() -> None:
    view = seen(replace(ORIGINAL, best_epoch=1, device="cuda:0"))
    assert view.sentence == (
        "The first number that differs is best epoch: 3 in the original, 1 in the replay. "
        "The original ran on cpu, the replay on cuda:0: devices round differently."
    )
    assert "devices" not in seen(replace(ORIGINAL, best_epoch=1, device="cpu:3")).sentence


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ({"stop_reason": StopReason.pruned}, "was pruned by its sweep"),
        ({"status": JobStatus.cancelled, "stop_reason": None}, "was cancelled"),
        (
            {"status": JobStatus.failed, "stop_reason": None, "failure_reason": FailureReason.timeout},
            "failed (timeout)",
        ),
    ],
)
def test_an_original_that_was_ended_is_compared_up_to_its_end(end: dict[str, Any], words: str) -> None:
    cut = {name: column[:2] for name, column in ORIGINAL.curve.items()}
    original = replace(ORIGINAL, epoch=2, curve=cut, files={}, best_epoch=2, best_metrics={"val_loss": 1.0}, **end)
    view = seen(ORIGINAL, original)
    assert (view.same, view.compared) == (True, 4)
    assert f"The original {words}, so only these are compared." in view.sentence
    longer = replace(ORIGINAL, curve={**ORIGINAL.curve, "val_loss": [2.0, None, 0.0]})
    assert seen(longer, original).same is False


def test_a_replay_that_was_ended_decides_nothing() -> None:
    view = seen(replace(ORIGINAL, status=JobStatus.cancelled, stop_reason=None))
    assert view.same is None
    assert view.sentence == "The replay was cancelled: replay the job again."


def row(number: int, **fields: Any) -> dict[str, Any]:
    found = {"number": number, "configuration": {"dropout": 0.5}, "digest": "old", "state": "finished", "score": 0.25}
    return found | fields


def test_sweeps_are_compared_by_their_tables() -> None:
    table = [row(0), row(1, score=None, state="failed")]
    # Another release makes other digests of the same configuration.
    same = sweep_replay(table, [{**one, "digest": "new"} for one in table], ids=("one", "two"), status="finished")
    assert (same.same, same.compared) == (True, 6)
    other = sweep_replay(table, [row(0), row(1)], ids=("one", "two"), status="finished")
    assert other.first_difference == Difference(configuration=1, name="state", original="failed", replay="finished")
    shorter = sweep_replay(table, table[:1], ids=("one", "two"), status="finished")
    assert shorter.first_difference is not None
    assert (shorter.first_difference.configuration, shorter.first_difference.replay) == (1, None)
