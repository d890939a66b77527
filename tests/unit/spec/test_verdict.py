"""Verdicts on curves: drawn by hand, and forty that a person labelled."""

import json
from pathlib import Path
from typing import Any

import pytest

from spec.job import JobSpec
from spec.states import FailureReason
from spec.verdict import Verdict, VerdictKind, judge

Numbers = list[float | None]

LABELLED = json.loads((Path(__file__).parent / "labelled_curves.json").read_text())


def verdict_of(train: Numbers, val: Numbers | None = None, **fields: Any) -> Verdict:
    """The verdict on a curve of a job on iris, 15 updates an epoch; `accuracies` are 1 unless given, of both kinds."""
    failure, more = fields.pop("failure", None), fields.pop("metrics", {})
    accuracies = fields.pop("accuracies", (1.0, 1.0))
    data = {} if "dataset" in fields else {"dataset": "iris", "batch_size": 8}
    spec = JobSpec.model_validate({"learning_rate": 0.01, **data} | fields)
    epochs: Numbers = [float(epoch) for epoch in range(1, len(train) + 1)]
    curve: dict[str, Numbers] = {"epoch": epochs, "train_loss": train}
    parts = {"train": accuracies[0]}
    if val is not None:
        parts["val"], curve["val_loss"] = accuracies[1], val
    for part, accuracy in parts.items():
        curve |= {f"{part}_{name}": [accuracy] * len(train) for name in ("accuracy", "balanced_accuracy")}
    verdict = judge(spec, curve | {name: [value] * len(train) for name, value in more.items()}, failure)
    assert verdict is not None
    assert verdict.sentence.startswith(verdict.kind.value.capitalize())
    return verdict


def regression(train: Numbers, r2: float, *, val: Numbers | None = None, **fields: Any) -> Verdict:
    """The verdict on a curve of a job on diabetes; without `val`, with as much validation loss."""
    more = fields.pop("metrics", {})
    spec = JobSpec.model_validate({"dataset": "diabetes", "loss": "mse", "learning_rate": 0.01} | fields)
    epochs: Numbers = [float(n) for n in range(1, len(train) + 1)]
    losses = {"train_loss": train, "val_loss": val or train}
    metrics = {name: [value] * len(train) for name, value in {"val_r2": r2, **more}.items()}
    verdict = judge(spec, {"epoch": epochs, **losses, **metrics})
    assert verdict is not None
    return verdict


def changed(verdict: Verdict) -> dict[str, Any]:
    """What the suggestion says, which POST /jobs accepts unchanged."""
    assert verdict.suggestion is not None
    body = verdict.suggestion.model_dump(mode="json", exclude_unset=True)
    assert JobSpec.model_validate(json.loads(json.dumps(body))) == verdict.suggestion
    return body


POOR: dict[str, Any] = {"accuracies": (0.4, 0.4)}
"""A network that has learnt little."""


def numbers(y: list[float], x: list[list[float]] | None = None, **fields: Any) -> Verdict:
    """The verdict on a network that has learnt nothing of these rows."""
    x = [[float(row % 7)] for row in range(len(y))] if x is None else x
    return regression([1.0] * 10, 0.0, dataset={"x": x, "y": y}, **fields)


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"weight_decay": 1.0}, "weight_decay", 0.0),
        ({"weight_decay": 10.0, "optimizer": "adamw"}, "weight_decay", 0.0),
        ({"l1": 0.1}, "l1", 0.0),
        ({"gradient_clip": 1e-6, "optimizer": "sgd"}, "gradient_clip", 1.0),
    ],
)
def test_what_keeps_the_weights_from_moving_is_named(fields: dict[str, Any], name: str, value: float) -> None:
    verdict = verdict_of([1.09] * 10, [1.09] * 10, **POOR, **fields)
    assert changed(verdict)[name] == value
    assert name in verdict.sentence


def test_a_usual_penalty_is_not_blamed() -> None:
    for fields in ({"weight_decay": 0.01}, {"weight_decay": 1.0, "optimizer": "adamw"}, {"l1": 0.001}):
        assert "penalty" not in verdict_of([1.09] * 10, [1.09] * 10, **POOR, **fields).sentence


def test_large_numbers_are_to_be_standardised() -> None:
    rows = [[1000.0 + row, row / 10] for row in range(20)]
    large = numbers([float(row % 5) for row in range(20)], rows)
    assert "Features are large, 1,010 in the mean" in large.sentence
    for size, is_large in ((4.0, True), (2.0, False)):
        near = numbers([float(row % 5) for row in range(20)], [[size + row / 100] for row in range(20)])
        assert ("Features are large" in near.sentence) is is_large
    assert changed(large)["standardize"] is True
    assert "Targets are large" in numbers([1e6 + row for row in range(20)]).sentence
    assert "large" not in numbers([float(row % 5) for row in range(20)], rows, standardize=True).sentence


def test_targets_of_which_nothing_can_be_learnt_are_named() -> None:
    assert "the same in every row" in numbers([3.5] * 20).sentence
    outlying = numbers([float(row % 5) for row in range(20)] + [1e7])
    assert "The target of one row is more than 1,000 times as far" in outlying.sentence
    assert outlying.suggestion is None


def test_numbers_of_training_rows_alone_are_memorised() -> None:
    verdict = regression([1.0, 0.7, 0.5, 0.5], -0.04)
    assert verdict.kind is VerdictKind.overfit
    assert "explains 50.0 % of the variance of training rows, and nothing (R² -0.04) of that of" in verdict.sentence
    assert verdict.suggestion is None
    falling = regression([1.0, 0.7, 0.5], -0.04, val=[9.0, 3.0, 1.04], epochs=10)
    assert (falling.kind, changed(falling)["epochs"]) == (VerdictKind.overfit, 30)
    assert "no relation" not in falling.sentence


def test_of_other_losses_than_mse_no_share_of_the_variance_is_said() -> None:
    verdict = regression([0.8, 0.5, 0.5], -0.04, val=[1.2, 1.1, 1.2], loss="mae")
    assert verdict.kind is VerdictKind.overfit
    assert "training loss at the best epoch is 62.5 % of the first epoch's, but validation R² is -0.04" in (
        verdict.sentence
    )
    assert "variance" not in verdict.sentence


def test_the_fall_since_the_first_epoch_is_no_overfitting_of_numbers_that_are_not_explained() -> None:
    """Both losses fell together from a poor start."""
    verdict = regression([2.0, 1.0, 0.7], -0.2, loss="huber", standardize=False)
    assert verdict.kind is VerdictKind.underfit


def test_a_share_of_the_absolute_error_is_not_one_of_the_variance() -> None:
    """Normal errors with 65 % of the mean absolute error have 42 % of the variance."""
    curve: Numbers = [0.8, 0.6, 0.52, 0.52]
    assert regression(curve, 0.3, loss="mae").kind is VerdictKind.good
    assert regression([0.8, 0.7, 0.66, 0.66], 0.3, loss="mae").kind is VerdictKind.underfit
    by_huber = regression([0.36, 0.3, 0.27, 0.27], 0.3, loss="huber")
    assert by_huber.kind is VerdictKind.underfit


def test_without_validation_a_poor_first_epoch_makes_nothing_good() -> None:
    data = {"x": [[float(row)] for row in range(40)], "y": [row % 5 for row in range(40)]}
    spec = JobSpec.model_validate({"dataset": data, "loss": "mae", "validation_fraction": 0.0})
    verdict = judge(spec, {"epoch": [1, 2, 3], "train_loss": [9.0, 4.0, 1.1]})
    assert verdict is not None
    assert verdict.kind is VerdictKind.underfit


def test_an_r2_just_below_zero_is_written_without_a_sign() -> None:
    assert "nothing (R² 0.00) of that of" in regression([1.0, 0.7, 0.5], -0.001).sentence


def test_numbers_of_training_rows_that_are_explained_far_better_are_memorised() -> None:
    verdict = regression([0.4, 0.2, 0.1], 0.58, val=[0.5, 0.42, 0.43])
    assert verdict.kind is VerdictKind.overfit
    assert "explains 80.0 % of the variance of training rows, and only 58.0 % of that of" in verdict.sentence
    assert changed(verdict)["weight_decay"] == 0.01
    decayed = regression([0.4, 0.2, 0.1], 0.58, val=[0.5, 0.42, 0.43], weight_decay=0.01)
    assert (decayed.kind, decayed.suggestion) == (VerdictKind.overfit, None)
    assert decayed.sentence.endswith("More rows, dropout or weight_decay may help. No spec is suggested.")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"dropout": 0.2}, "More rows, fewer neurons, dropout or weight_decay may lower"),
        ({"dropout": 0.6}, "More rows, fewer neurons or weight_decay may lower"),
        ({"dropout": 0.6, "weight_decay": 0.1}, "More rows or fewer neurons may lower"),
        ({"architecture": "perceptron"}, "More rows or weight_decay may lower"),
        ({"architecture": "perceptron", "weight_decay": 0.5}, "More rows may lower"),
    ],
    ids=str,
)
def test_nothing_is_named_against_overfitting_that_the_job_has_much_of_or_no_place_for(
    fields: dict[str, Any], said: str
) -> None:
    falls: Numbers = [1.0 / (epoch + 1) for epoch in range(30)]
    rises: Numbers = [0.5 + 0.02 * abs(epoch - 5) for epoch in range(30)]
    verdict = verdict_of(falls, rises, **fields)
    assert verdict.kind is VerdictKind.overfit
    assert said in verdict.sentence


@pytest.mark.parametrize(
    ("train", "val", "r2"),
    [
        (0.38, 0.66, 0.34),  # a steady gap where little is explained
        (0.001, 0.004, 0.996),  # many times the loss, and almost all is explained
    ],
)
def test_a_small_gap_of_numbers_is_no_overfitting(train: float, val: float, r2: float) -> None:
    verdict = regression([train] * 10, r2, val=[val] * 10)
    assert verdict.kind is VerdictKind.good
    assert f"validation R² {r2:.2f}" in verdict.sentence


def test_a_gap_of_numbers_says_nothing_where_an_untrained_networks_loss_is_not_known() -> None:
    assert regression([9.0, 0.1], 0.58, val=[9.0, 0.42], standardize=False).kind is VerdictKind.good


def test_a_large_rate_is_not_called_usual() -> None:
    verdict = verdict_of(
        [1.0, 0.6, 0.7, 0.65, 0.7], [1.0, 0.6, 0.7, 0.65, 0.7], accuracies=(0.7, 0.7), learning_rate=0.5
    )
    assert "The learning rate is large." in verdict.sentence
    assert changed(verdict)["learning_rate"] < 0.5


def test_few_validation_rows_say_little() -> None:
    rows = {"x": [[float(row)] for row in range(20)], "y": [row % 2 for row in range(20)]}
    assert (
        "validation rows are few (4) and say little: try folds"
        in verdict_of([0.1] * 3, [0.1] * 3, dataset=rows).sentence
    )
    assert "few" not in verdict_of([0.1] * 3, [0.1] * 3).sentence


def test_a_person_and_the_rule_agree_on_thirty_curves() -> None:
    found = {}
    for number, one in enumerate(LABELLED, start=1):
        curve = one["curve"] | {"epoch": list(range(1, 1 + len(one["curve"]["train_loss"])))}
        failure = None if one["failure"] is None else FailureReason(one["failure"])
        verdict = judge(JobSpec.model_validate(one["spec"]), curve, failure)
        assert verdict is not None
        found[number] = verdict.kind.value
    assert found == {number: one["label"] for number, one in enumerate(LABELLED, start=1)}
    assert len(found) == 40


FALLING: Numbers = [1.0, 0.5, 0.3, 0.2, 0.15, 0.12, 0.11, 0.105, 0.102, 0.101, 0.1]
RISING: Numbers = [1.0, 0.6, 0.4, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9]
STRAIGHT: Numbers = [1.0 - 0.09 * epoch for epoch in range(10)]
SLOW: Numbers = [1.1 - 0.02 * epoch for epoch in range(10)]
CHANCE: Numbers = [1.0986] * 20
STUCK: Numbers = [1.09, 0.9, *[0.85] * 20]
JUMPING: Numbers = [1.0, 0.4, 0.9, 0.3, 1.2, 0.5, 0.9, 0.4, 0.8, 0.3, 0.7]


def test_a_curve_that_falls_on_both_splits_is_good() -> None:
    verdict = verdict_of(FALLING, [value + 0.02 for value in FALLING if value is not None])
    assert (verdict.kind, verdict.best_epoch, verdict.suggestion) == (VerdictKind.good, 11, None)
    assert verdict.gap == pytest.approx(0.02)


def test_a_good_curve_that_still_falls_suggests_more_epochs() -> None:
    verdict = verdict_of(STRAIGHT, STRAIGHT, epochs=10)
    assert verdict.kind is VerdictKind.good
    assert changed(verdict)["epochs"] == 30


def test_training_loss_that_still_falls_is_no_reason_for_more_epochs_when_validation_was_best_long_ago() -> None:
    level: Numbers = [0.4, 0.3, *[0.33] * 8]
    verdict = verdict_of(STRAIGHT, level, epochs=10)
    assert (verdict.kind, verdict.suggestion) == (VerdictKind.good, None)
    assert "epochs" not in verdict.sentence


def test_validation_that_rises_is_overfit_and_early_stopping_would_have_ended_with_the_same_best_epoch() -> None:
    verdict = verdict_of(FALLING, RISING)
    assert (verdict.kind, verdict.best_epoch) == (VerdictKind.overfit, 4)
    assert changed(verdict)["patience"] == 3


def test_patience_is_longer_than_the_longest_wait_before_the_best_epoch() -> None:
    val: Numbers = [1.0, 0.5, 0.6, 0.6, 0.6, 0.6, 0.4, 0.5, 0.5, 0.5, 0.6, 0.6, 0.6, 0.7, 0.8]
    train: Numbers = [1.0 - 0.06 * epoch for epoch in range(15)]
    assert changed(verdict_of(train, val))["patience"] == 5


def test_patience_is_ten_where_the_curve_is_long_enough() -> None:
    """Of less, the verdict on the job that stopped early would be that it was ended too soon."""
    train: Numbers = [1.0 - 0.03 * epoch for epoch in range(30)]
    val: Numbers = [1.0, 0.6, *(0.5 + 0.02 * epoch for epoch in range(28))]
    verdict = verdict_of(train, val, accuracies=(0.8, 0.8))
    assert (verdict.kind, changed(verdict)["patience"]) == (VerdictKind.overfit, 10)
    stopped = verdict_of(train[:13], val[:13], accuracies=(0.8, 0.8), patience=10)
    assert "Early stopping ended" not in stopped.sentence


@pytest.mark.parametrize(("end", "kind"), [(3.0, VerdictKind.good), (9.0, VerdictKind.overfit)])
def test_a_loss_that_is_large_for_the_accuracy_is_the_large_rates_fault(end: float, kind: VerdictKind) -> None:
    train: Numbers = [1.3, *(0.5 - 0.04 * epoch for epoch in range(9))]
    val: Numbers = [3.5, 3.0, *(3.0 + (end - 3.0) * epoch / 7 for epoch in range(8))]
    for rate, blamed in ((1.0, True), (0.01, False)):
        verdict = verdict_of(train, val, accuracies=(0.97, 0.93), learning_rate=rate)
        assert verdict.kind is kind
        assert ("too sure of answers that are wrong" in verdict.sentence) == blamed
    assert changed(verdict_of(train, val, accuracies=(0.97, 0.93), learning_rate=1.0))["learning_rate"] == 0.03
    unsure = verdict_of([0.9] * 10, [0.9] * 10, accuracies=(0.97, 0.93), learning_rate=1.0)
    assert "too sure" not in unsure.sentence
    narrow = {"architecture": {"type": "mlp", "hidden": [4]}, "learning_rate": 0.1}
    assert "too sure" not in verdict_of(train, val, accuracies=(0.97, 0.93), **narrow).sentence


def test_a_job_that_stopped_early_is_judged_by_its_best_epoch() -> None:
    assert verdict_of(FALLING, RISING, patience=7).kind is VerdictKind.good
    kept = verdict_of(FALLING, RISING, patience=7, restore_best=False)
    assert kept.kind is VerdictKind.overfit
    assert changed(kept).items() >= {"patience": 3, "restore_best": True}.items()


def test_early_stopping_is_suggested_on_the_validation_loss_where_that_of_training_is_monitored() -> None:
    body = changed(verdict_of(FALLING, RISING, monitor="train_loss"))
    assert (body["patience"], body["monitor"]) == (3, "val_loss")


def test_a_metric_that_a_job_monitors_is_not_overridden() -> None:
    verdict = verdict_of(FALLING, RISING, monitor="val_accuracy")
    assert (verdict.kind, verdict.suggestion) == (VerdictKind.overfit, None)
    assert "The job monitors val_accuracy, so early stopping by the loss is not suggested." in verdict.sentence


def test_of_a_job_that_was_stopped_too_early_nothing_is_suggested() -> None:
    slow, fast = [2.5, 2.4, 2.3], [1.0, 0.5, 0.3]
    spec = JobSpec.model_validate({"dataset": "digits", "epochs": 81})
    for losses, accuracy, kind in ((slow, 0.2, VerdictKind.underfit), (fast, 0.9, VerdictKind.good)):
        curve: dict[str, Numbers] = {"epoch": [1.0, 2.0, 3.0], "train_loss": [*losses], "val_loss": [*losses]}
        curve |= {f"{part}_accuracy": [accuracy] * 3 for part in ("train", "val")}
        verdict = judge(spec, curve, cut_short=True)
        assert verdict is not None
        assert (verdict.kind, verdict.suggestion) == (kind, None)
        assert "no relation" not in verdict.sentence
        assert ("too early to say" in verdict.sentence) == (kind is VerdictKind.underfit)


@pytest.mark.parametrize("loss", [0.9, 1.1], ids=["below a guess's", "a guess's"])
def test_after_one_epoch_nobody_says_that_there_is_no_relation(loss: float) -> None:
    verdict = verdict_of([loss], [loss], epochs=1, accuracies=(0.4, 0.35))
    assert (verdict.kind, changed(verdict)["epochs"]) == (VerdictKind.underfit, 10)


@pytest.mark.parametrize("standardize", [False, True], ids=["no known baseline", "below the baseline"])
def test_after_one_epoch_nobody_blames_a_large_rate_for_a_loss_that_may_have_fallen(standardize: bool) -> None:
    verdict = regression([0.8], 0.2, epochs=1, learning_rate=0.5, standardize=standardize)
    assert "first epoch's" not in verdict.sentence
    assert verdict.sentence.endswith("One epoch shows little. Try more epochs: 10.")
    assert changed(verdict)["epochs"] == 10


@pytest.mark.parametrize(("rate", "first", "suggested"), [(1.0, 1.0, 0.03), (0.1, 3.6, 0.03), (0.1, 1.0, 0.1)])
def test_few_epochs_with_large_steps_want_smaller_ones_though_the_loss_still_falls(
    rate: float, first: float, suggested: float
) -> None:
    losses: Numbers = [first, 0.9, 0.8]
    body = changed(verdict_of(losses, losses, accuracies=(0.6, 0.6), epochs=3, learning_rate=rate))
    assert (body["learning_rate"], body["epochs"]) == (pytest.approx(suggested, rel=0.2), 10)


def test_one_epoch_at_a_guesss_loss_blames_a_large_rate() -> None:
    verdict = verdict_of([1.1], [1.1], epochs=1, learning_rate=0.5, accuracies=(0.4, 0.35))
    assert "The learning rate is too large" in verdict.sentence


def test_one_rise_in_five_epochs_is_no_oscillation() -> None:
    assert verdict_of([1.0, 0.8, 0.95, 0.5, 0.4], [0.9, 0.7, 0.6, 0.5, 0.4], epochs=5).kind is VerdictKind.good


def test_a_loss_that_is_never_below_an_untrained_networks_is_the_rates_fault() -> None:
    verdict = verdict_of([5.5, 6.8, 5.2], [10.7, 24.3, 33.5], learning_rate=0.25, accuracies=(0.88, 0.84))
    assert verdict.kind is VerdictKind.unstable
    assert "never below 5.2, and a guess has 1.1" in verdict.sentence
    assert changed(verdict)["learning_rate"] < 0.1


def test_most_rows_predicted_well_are_more_than_a_guess_though_the_loss_is_large() -> None:
    verdict = verdict_of(FALLING, [1.2, 1.1, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.7, 1.9, 2.1], accuracies=(0.99, 0.85))
    assert verdict.kind is VerdictKind.overfit
    assert "no relation" not in verdict.sentence
    assert changed(verdict)["patience"] >= 3


def test_a_single_lucky_epoch_is_no_rise() -> None:
    val: Numbers = [1.0, 0.5, 0.35, *[0.24] * 5, 0.17, *[0.24] * 13]
    train: Numbers = [1.0 - 0.03 * epoch for epoch in range(22)]
    assert verdict_of(train, val).kind is VerdictKind.good


def test_an_accuracy_gap_is_overfitting_though_the_loss_does_not_rise_and_adam_gets_weight_decay() -> None:
    verdict = verdict_of(FALLING, FALLING, accuracies=(1.0, 0.7))
    assert (verdict.kind, changed(verdict)["weight_decay"]) == (VerdictKind.overfit, 0.01)
    assert "training accuracy is 100.0 % and validation accuracy only 70.0 %" in verdict.sentence
    sgd = verdict_of(FALLING, FALLING, accuracies=(1.0, 0.7), optimizer="sgd", learning_rate=0.1)
    assert (sgd.kind, sgd.suggestion) == (VerdictKind.overfit, None)
    assert "No spec is suggested" in sgd.sentence


def test_memorised_noise_is_overfit_and_the_sentence_blames_the_data() -> None:
    val: Numbers = [1.1, 1.12, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0]
    verdict = verdict_of(FALLING, val, accuracies=(1.0, 0.33))
    assert (verdict.kind, verdict.suggestion) == (VerdictKind.overfit, None)
    assert "no relation between features and target" in verdict.sentence


@pytest.mark.parametrize(
    ("fields", "suggests"),
    [
        ({"activation": "identity"}, {"activation": "tanh"}),
        ({"activation": "identity", "learning_rate": 1.0}, {"activation": "tanh", "learning_rate": 0.03}),
        ({"architecture": "perceptron"}, {"architecture": {"type": "mlp", "hidden": [32], "bias": True}}),
        ({"architecture": {"type": "mlp", "hidden": [2]}}, {"architecture": {"type": "mlp", "hidden": [8]}}),
        ({"architecture": {"type": "resmlp", "width": 2}}, {"architecture": {"type": "resmlp", "width": 8}}),
        ({"architecture": {"type": "mlp", "hidden": [2]}, "dropout": 0.3}, {"dropout": 0.0}),
        ({"dropout": 0.7}, {"dropout": 0.0}),
    ],
    ids=str,
)
def test_a_network_that_learns_too_little_is_underfit_and_the_suggestion_fits(
    fields: Any, suggests: dict[str, Any]
) -> None:
    big = {"dataset": {"name": "blobs", "n": 4000}}
    verdict = verdict_of(STUCK, STUCK, accuracies=(0.5, 0.5), **(big | fields))
    assert verdict.kind is VerdictKind.underfit
    assert changed(verdict).items() >= suggests.items()


def test_a_network_that_is_not_small_for_its_rows_is_not_made_larger() -> None:
    verdict = verdict_of(STUCK, STUCK, accuracies=(0.5, 0.5), architecture={"type": "mlp", "hidden": [48]})
    assert (verdict.kind, verdict.suggestion) == (VerdictKind.underfit, None)


def test_accuracy_at_chance_with_a_large_learning_rate_blames_the_rate_and_not_the_size() -> None:
    verdict = verdict_of(
        CHANCE, CHANCE, accuracies=(1 / 3, 1 / 3), learning_rate=0.5, architecture={"type": "mlp", "hidden": [2]}
    )
    assert verdict.kind is VerdictKind.underfit
    assert changed(verdict).items() >= {"learning_rate": 0.01, "architecture": {"type": "mlp", "hidden": [2]}}.items()
    assert "learning rate is too large, or hidden neurons have died" in verdict.sentence
    assert "training accuracy at the best epoch is 33.3 %, and a guess has 33.3 %" in verdict.sentence


def test_a_guess_with_a_large_learning_rate_says_nothing_of_the_data() -> None:
    wandering: Numbers = [1.09, 1.10, 1.10, 1.04, 1.11, 1.10, 1.10, 1.09, 1.10, 1.10]
    verdict = verdict_of(wandering, wandering, accuracies=(0.34, 0.34), learning_rate=0.1)
    assert (verdict.kind, verdict.best_epoch) == (VerdictKind.underfit, 4)
    assert changed(verdict)["learning_rate"] == 0.01
    usual = verdict_of(wandering, wandering, accuracies=(0.34, 0.34), learning_rate=0.01)
    assert "no relation between features and target" in usual.sentence


def test_a_best_epoch_of_1_blames_a_large_rate() -> None:
    train: Numbers = [0.9, *[1.0] * 12]
    verdict = verdict_of(train, train, accuracies=(0.6, 0.6), learning_rate=0.3)
    assert (verdict.kind, verdict.best_epoch) == (VerdictKind.underfit, 1)
    assert changed(verdict)["learning_rate"] == pytest.approx(0.03)


def test_accuracy_at_chance_with_a_usual_learning_rate_blames_the_data_and_suggests_nothing() -> None:
    verdict = verdict_of(CHANCE, CHANCE, accuracies=(0.35, 0.33))
    assert (verdict.kind, verdict.suggestion) == (VerdictKind.underfit, None)
    assert "No other settings are suggested" in verdict.sentence


def test_a_small_learning_rate_of_a_loss_that_stays_is_not_called_usual() -> None:
    stays: Numbers = [0.9, 0.8, *[0.82] * 10]
    verdict = verdict_of(
        stays, stays, accuracies=(0.6, 0.6), architecture={"type": "mlp", "hidden": [64]}, learning_rate=1e-5
    )
    assert verdict.kind is VerdictKind.underfit
    assert "The learning rate is small" in verdict.sentence
    assert changed(verdict)["learning_rate"] == 0.01


@pytest.mark.parametrize(
    ("fields", "suggests", "says"),
    [
        ({"activation": "sigmoid"}, {"activation": "relu"}, "Gradients vanish"),
        ({"activation": "tanh", "dropout": 0.7}, {"activation": "relu", "dropout": 0.0}, "relu, without dropout"),
        ({"activation": "relu", "dropout": 0.7}, {"activation": "relu", "dropout": 0.0}, "no dropout"),
    ],
)
def test_a_deep_network_that_learns_nothing_gets_gradients(
    fields: dict[str, Any], suggests: dict[str, Any], says: str
) -> None:
    deep = {"architecture": {"type": "mlp", "hidden": [32] * 6}}
    verdict = verdict_of(CHANCE, CHANCE, accuracies=(0.33, 0.33), **deep, **fields)
    assert verdict.kind is VerdictKind.underfit
    assert changed(verdict).items() >= suggests.items()
    assert says in verdict.sentence


def test_a_small_learning_rate_is_made_larger_before_epochs_are_added() -> None:
    verdict = verdict_of(SLOW, SLOW, accuracies=(0.6, 0.6), epochs=10, learning_rate=0.0001)
    assert verdict.kind is VerdictKind.underfit
    assert changed(verdict).items() >= {"learning_rate": 0.01, "epochs": 10}.items()


def test_the_usual_learning_rate_is_the_optimizers() -> None:
    verdict = verdict_of(SLOW, SLOW, accuracies=(0.6, 0.6), learning_rate=0.001, optimizer="sgd")
    assert changed(verdict)["learning_rate"] == pytest.approx(0.1)


def test_a_loss_that_still_falls_is_underfitting_and_more_epochs_are_suggested() -> None:
    verdict = verdict_of(SLOW, SLOW, accuracies=(0.9, 0.9), epochs=10)
    assert verdict.kind is VerdictKind.underfit
    assert changed(verdict)["epochs"] == 30


def rare(area: float, **fields: Any) -> Verdict:
    """The verdict on a network that predicts the larger of two classes, with 98 % of the rows, and nothing else."""
    metrics = {"val_accuracy": 0.98, "train_accuracy": 0.98, "val_roc_auc": area}
    data = {"dataset": {"name": "xor", "n": 1000}, "loss": "binary_cross_entropy"}
    loss: Numbers = [0.11, *[0.097] * 11]
    return verdict_of(loss, loss, accuracies=(0.5, 0.5), metrics=metrics, **data, **fields)


def test_accuracy_of_a_rare_class_is_judged_by_balanced_accuracy() -> None:
    verdict = rare(0.5)
    assert (verdict.kind, verdict.suggestion) == (VerdictKind.underfit, None)
    assert "validation accuracy is 98.0 % only because of the largest class" in verdict.sentence
    assert "balanced accuracy, the mean over the classes, is 50.0 %, and a guess has 50.0 %" in verdict.sentence


def test_class_weights_are_suggested_where_the_scores_rank_the_rare_class() -> None:
    assert changed(rare(0.9))["class_weight"] == "balanced"
    assert rare(0.6).suggestion is None, "four rows of a class may have an area of 0.6 by luck"


def test_an_oscillating_loss_is_unstable_and_a_smaller_learning_rate_is_suggested() -> None:
    verdict = verdict_of(JUMPING, learning_rate=0.3)
    assert (verdict.kind, verdict.gap) == (VerdictKind.unstable, None)
    assert changed(verdict).items() >= {"learning_rate": 0.03, "schedule": {"type": "cosine"}, "epochs": 300}.items()
    narrow: dict[str, Any] = {"architecture": {"type": "mlp", "hidden": [2]}}
    assert changed(verdict_of(JUMPING, learning_rate=0.3, **narrow))["learning_rate"] == pytest.approx(0.1)
    slow = changed(verdict_of(JUMPING, learning_rate=0.003, schedule={"type": "step", "every": 5}))
    assert slow["learning_rate"] == pytest.approx(0.001)
    assert slow["schedule"]["type"] == "step"


def test_nothing_is_suggested_for_a_loss_that_jumps_if_the_best_epoch_is_perfect() -> None:
    jumping: Numbers = [1.0, 0.001, 0.5, 0.001, 0.4, 0.0005, 0.4, 0.001, 0.3, 0.001, 0.2]
    verdict = verdict_of(jumping, jumping)
    assert (verdict.kind, verdict.suggestion) == (VerdictKind.unstable, None)
    assert "The model has the weights of the best epoch" in verdict.sentence
    assert verdict_of(jumping, jumping, restore_best=False).suggestion is not None


def test_a_loss_that_jumps_about_a_guess_learns_nothing() -> None:
    jumping: Numbers = [1.2, 1.5, 1.1, 1.4, 1.1, 1.5, 1.2, 1.4, 1.1]
    verdict = verdict_of(jumping, jumping, accuracies=(0.6, 0.33))
    assert (verdict.kind, verdict.suggestion) == (VerdictKind.unstable, None)
    assert "no relation between features and target" in verdict.sentence
    fast = verdict_of(jumping, jumping, accuracies=(0.6, 0.33), learning_rate=0.3)
    assert changed(fast)["learning_rate"] == pytest.approx(0.03)  # whether there is one shows with a usual rate


def test_a_loss_far_above_an_untrained_network_is_unstable_if_the_rate_is_large() -> None:
    train: Numbers = [5000.0, 100.0, 10.0, 1.0, 0.7, 0.6, 0.5, 0.5, 0.5]
    assert regression(train, 0.5, learning_rate=1.0).kind is VerdictKind.unstable
    assert regression(train, 0.5).kind is VerdictKind.good


@pytest.mark.parametrize(
    ("train", "failure"), [([1.0, None], None), ([1.0, 2.0], FailureReason.diverged), ([], FailureReason.diverged)]
)
def test_a_non_finite_loss_is_diverged(train: Numbers, failure: FailureReason | None) -> None:
    verdict = verdict_of(train, failure=failure, learning_rate=0.3)
    assert verdict.kind is VerdictKind.diverged
    assert changed(verdict)["learning_rate"] == pytest.approx(0.01)
    usual = changed(verdict_of(train, failure=failure, learning_rate=0.01, optimizer="sgd"))
    assert usual["learning_rate"] == pytest.approx(0.001)


def test_a_regression_is_underfit_when_most_of_the_variance_remains() -> None:
    verdict = regression([0.95] * 30, 0.04)
    assert (verdict.kind, verdict.gap, verdict.suggestion) == (VerdictKind.underfit, 0.0, None)
    assert "training loss at the best epoch is 95.0 % of the best constant's" in verdict.sentence
    assert "validation R² is 0.04" in verdict.sentence


def test_a_regression_whose_first_epoch_was_good_is_not_underfit() -> None:
    """The baseline of mae is not known; R² is."""
    assert regression([0.5] * 30, 0.6, loss="mae").kind is VerdictKind.good


def test_a_curve_without_balanced_accuracy_is_judged_by_accuracy() -> None:
    spec = JobSpec.model_validate({"dataset": "iris"})
    accuracies: dict[str, Numbers] = {"train_accuracy": [0.99] * 11, "val_accuracy": [0.97] * 11}
    epochs: Numbers = [float(epoch) for epoch in range(1, 12)]
    verdict = judge(spec, {"epoch": epochs, "train_loss": FALLING, "val_loss": FALLING} | accuracies)
    assert verdict is not None
    assert verdict.kind is VerdictKind.good


def test_a_job_without_points_or_with_another_failure_has_no_verdict() -> None:
    spec = JobSpec.model_validate({"dataset": "iris"})
    assert judge(spec, {}) is None
    assert judge(spec, {"epoch": [1.0], "train_loss": [1.0]}, FailureReason.timeout) is None


ONE_CLASS: dict[str, Any] = {
    "dataset": {"x": [[float(row)] for row in range(20)], "y": [0] * 10 + [1] * 10},
    "accuracies": (0.9, 0.2),
}


def test_validation_rows_of_one_class_show_no_overfitting() -> None:
    train: Numbers = [0.6, 0.4, 0.3, 0.2, 0.1]
    val: Numbers = [0.7, 0.9, 1.2, 1.5, 2.0]
    assert verdict_of(train, val, **ONE_CLASS, metrics={"val_macro_f1": 0.2, "val_roc_auc": 0.6}).kind == "overfit"
    times = {**ONE_CLASS, "dataset": {**ONE_CLASS["dataset"], "time": list(range(20))}, "validation_fraction": 0.0}
    verdict = verdict_of(train, val, **times, folds=4, metrics={"val_macro_f1": 0.2})
    assert verdict.sentence == (
        "Good: training accuracy at the best epoch is 90.0 %, but all validation rows are of one class: they cannot "
        "show overfitting. Try split random, which keeps the share of each class, unless rows of one group or time "
        "belong together."
    )
    assert changed(verdict)["split"] == "random"
    drawn = verdict_of(train, val, **ONE_CLASS, metrics={"val_macro_f1": 0.2})
    assert drawn.suggestion is None
    assert "Add rows of the other classes" in drawn.sentence
    assert verdict_of(train, val, **ONE_CLASS | POOR, metrics={"val_macro_f1": 0.2}).kind == "underfit"


@pytest.mark.parametrize(
    ("loss", "train", "kind", "said"),
    [
        ("cross_entropy", 0.2, "good", "training loss at the best epoch is 0.2 (a guess's: 0.693)"),
        ("cross_entropy", 0.6, "underfit", "training loss at the best epoch is 0.6 (a guess's: 0.693)"),
        ("mse", 0.2, "good", "training loss at the best epoch is 0.2"),
    ],
)
def test_validation_rows_of_one_class_leave_the_loss_where_training_accuracy_is_not_measured(
    loss: str, train: float, kind: str, said: str
) -> None:
    spec = JobSpec.model_validate({"dataset": ONE_CLASS["dataset"], "loss": loss, "train_metrics": "running"})
    losses: dict[str, Numbers] = {"train_loss": [0.69, train], "val_loss": [1.5, 0.9]}
    columns: dict[str, Numbers] = {f"val_{name}": [0.2, 0.3] for name in ("accuracy", "balanced_accuracy", "macro_f1")}
    epochs: dict[str, Numbers] = {"epoch": [1.0, 2.0]}
    verdict = judge(spec, epochs | losses | columns)
    assert verdict is not None
    assert verdict.kind == kind
    assert verdict.sentence.partition(": ")[2].startswith(f"{said}, but all validation rows are of one class")


def test_validation_rows_of_some_of_more_classes_are_said() -> None:
    train: Numbers = [0.6, 0.4, 0.3, 0.2, 0.1]
    times: dict[str, Any] = {
        "dataset": {"x": [[float(row)] for row in range(30)], "y": [row // 10 for row in range(30)]},
        "accuracies": (0.9, 0.2),
    }
    times["dataset"]["time"] = list(range(30))
    verdict = verdict_of(train, [0.7, 0.9, 1.2, 1.5, 2.0], **times, metrics={"val_classes": 1.0})
    assert verdict.kind == "good"
    assert "but all validation rows are of one class: they cannot show overfitting." in verdict.sentence
    assert changed(verdict)["split"] == "random"
    said = "; validation has rows of 2 of the 3 classes only. "
    assert said in verdict_of(train, [0.7, 0.9, 1.2, 1.5, 2.0], **times, metrics={"val_classes": 2.0}).sentence
    times["accuracies"] = (1.0, 1.0)
    assert verdict_of(train, train, **times, metrics={"val_classes": 2.0}).sentence.startswith("Good: ")


def test_a_gap_whose_validation_loss_still_falls_wants_more_epochs() -> None:
    verdict = regression([0.4, 0.2, 0.1], 0.58, val=[0.5, 0.45, 0.40])
    assert (verdict.kind, changed(verdict)["epochs"]) == (VerdictKind.overfit, 300)
    assert "The loss was still falling when training ended." in verdict.sentence


IMPROVING: Numbers = [1.0, 0.5, 0.42, 0.38, 0.36, 0.34, 0.32, 0.30, 0.27, 0.26]
"""It falls slowly, and there is something left to learn."""


def test_a_good_curve_that_slowly_improves_wants_more_epochs() -> None:
    assert changed(verdict_of(IMPROVING, IMPROVING, epochs=10))["epochs"] == 30
    assert verdict_of(IMPROVING, [*IMPROVING[:-2], 0.30, 0.30], epochs=10).suggestion is None


def test_one_epoch_is_too_few_however_good_it_is() -> None:
    verdict = verdict_of([0.3], [0.3], epochs=1)
    assert (verdict.kind, changed(verdict)["epochs"]) == (VerdictKind.good, 10)


def test_early_stopping_that_ended_too_soon_wants_patience_and_not_epochs() -> None:
    verdict = verdict_of([*IMPROVING, 0.26], [*IMPROVING, 0.27], epochs=100, patience=1)
    assert (changed(verdict)["patience"], changed(verdict).get("epochs")) == (10, 100)
    assert "Early stopping ended training only one epoch after the best one. Try patience 10." in verdict.sentence


def test_of_few_validation_rows_one_wrong_row_is_no_overfitting() -> None:
    rows = {"x": [[float(row)] for row in range(24)], "y": [row % 2 for row in range(24)]}
    few = verdict_of([0.3, 0.2, 0.1], [0.5, 0.4, 0.4], dataset=rows, accuracies=(1.0, 0.8))
    assert few.kind is VerdictKind.good
    assert "validation rows are few (5) and say little: try folds" in few.sentence
    assert verdict_of([0.3, 0.2, 0.1], [0.5, 0.4, 0.4], accuracies=(1.0, 0.8)).kind is VerdictKind.overfit


def test_of_very_few_rows_none_is_to_be_kept_from_training() -> None:
    xor: dict[str, Any] = {"x": [[0, 0], [0, 1], [1, 0], [1, 1]], "y": [0, 1, 1, 0]}
    verdict = verdict_of([0.5, 0.3], [1.1, 1.5], dataset=xor, accuracies=(0.5, 0.0), metrics={"val_macro_f1": 0.0})
    assert changed(verdict)["validation_fraction"] == 0.0
    assert "4 rows are too few to keep some from training." in verdict.sentence


def test_a_loss_that_still_creeps_down_says_nothing_of_the_data() -> None:
    train: Numbers = [1.09, 1.08, 1.07, 1.05, 1.03, 1.0, 0.98, 0.97, 0.93, 0.95]
    creeping = verdict_of(train, train, accuracies=(0.6, 0.6), epochs=10)
    assert (creeping.kind, changed(creeping)["epochs"]) == (VerdictKind.underfit, 30)
    assert "no more of the target" in verdict_of([0.98] * 10, [0.98] * 10, accuracies=(0.6, 0.6)).sentence


def test_targets_that_are_smoothed_away_are_blamed_before_the_data() -> None:
    for smoothing, blamed in ((0.9, True), (0.1, False)):
        verdict = verdict_of([0.98] * 10, [0.98] * 10, accuracies=(0.6, 0.6), label_smoothing=smoothing)
        assert ("Try no label_smoothing before you blame the data" in verdict.sentence) is blamed


def test_outliers_among_the_targets_are_told_from_a_missing_relation() -> None:
    verdict = regression([0.9, 0.7, 0.5], -99.0, val=[0.02, 0.01, 0.012])
    assert "Targets of training rows are spread 100 times as wide as those of validation rows" in verdict.sentence
    assert "If the target grows by factors, predict its logarithm." in verdict.sentence
    assert verdict.suggestion is None
    other = regression([0.9, 0.7, 0.5], 0.01, val=[990.0, 991.0, 990.0])
    assert "Targets of validation rows are spread 31.6 times as wide as those of training rows" in other.sentence


def test_newer_targets_that_are_unlike_older_ones_are_told() -> None:
    x, y = [[float(row % 3)] for row in range(50)], [row + 0.5 for row in range(50)]
    rows: dict[str, Any] = {"dataset": {"x": x, "y": y, "time": list(range(50))}, "batch_size": 2}
    drifting = regression([0.9, 0.85, 0.84], -16.3, val=[3.7, 3.6, 3.6], **rows, standardize=True)
    assert "Validation rows are the newest, and their targets are unlike those of older rows" in drifting.sentence
    losses: tuple[Numbers, Numbers] = [0.9, *[0.95] * 9], [1.3, 1.2, *[1.3] * 8]
    unrelated = regression(losses[0], -0.2, val=losses[1], **rows, standardize=True)
    assert "that holds for newer rows" in unrelated.sentence


def test_more_features_than_rows_are_named() -> None:
    rows = {"x": [[row * column % 7 / 7 for column in range(60)] for row in range(40)], "y": [0, 1] * 20}
    verdict = verdict_of([0.7, 0.1, 0.01], [0.7, 0.9, 1.2], dataset=rows, accuracies=(1.0, 0.5))
    assert "there are 60 features and only 32 training rows. Choose fewer features, or add rows." in verdict.sentence


@pytest.mark.parametrize(("first", "r2"), [(1e10, -9.7e9), (0.5, -2e9)])
def test_numbers_far_from_the_usual_size_are_to_be_standardised(first: float, r2: float) -> None:
    verdict = regression([first, first / 10], r2, standardize=False)
    assert (verdict.kind, changed(verdict)["standardize"]) == (VerdictKind.underfit, True)
    assert "more than 1,000 times the best constant's, and validation R² is below -100." in verdict.sentence


def test_a_loss_that_starts_far_above_a_guess_at_a_usual_rate_wants_standardised_features() -> None:
    losses: Numbers = [100.0, 90.0, 95.0, 80.0, 85.0, 70.0, 75.0, 60.0]
    assert changed(verdict_of(losses, losses, **POOR, standardize=False))["standardize"] is True
    assert changed(verdict_of(losses, losses, **POOR, standardize=False, learning_rate=1.0))["learning_rate"] < 1.0
    slow = verdict_of(losses, losses, **POOR, standardize=False, learning_rate=1e-4)  # too slow for scaled features
    assert "Try standardize true, and learning_rate 0.01." in slow.sentence
    assert changed(slow)["learning_rate"] == 0.01
    diverged = verdict_of([1.0], failure=FailureReason.diverged, standardize=False)
    assert changed(diverged)["standardize"] is True


def test_rare_classes_that_are_missed_are_told_beside_accuracy() -> None:
    shares = {"val_accuracy": 0.97, "val_balanced_accuracy": 0.84}
    good = verdict_of([0.5, 0.2, 0.1], [0.5, 0.2, 0.2], metrics=shares)
    assert "validation accuracy 97.0 % (balanced accuracy, the mean over the classes, 84.0 %)" in good.sentence
    shares = {
        "train_accuracy": 0.8,
        "train_balanced_accuracy": 0.55,
        "val_accuracy": 0.8,
        "val_balanced_accuracy": 0.55,
    }
    slow = verdict_of(IMPROVING, IMPROVING, metrics=shares, learning_rate=0.001, epochs=10)
    assert "is 80.0 % but rare classes are missed: balanced accuracy" in slow.sentence
    assert changed(slow)["learning_rate"] == 0.01  # while the loss falls, rare classes may still be learnt


def test_what_was_tried_takes_the_place_of_what_was_to_be_tried() -> None:
    advised = verdict_of([1.09] * 10, [1.09] * 10, **POOR, weight_decay=1.0)
    tried = advised.tried("Nothing helped.", None)
    assert tried.sentence == f"{advised.sentence.split('. The penalty')[0]}. Tried: Nothing helped."
    assert tried.suggestion is None
    data = numbers([3.5] * 20)
    assert data.tried("Nothing helped.", None).sentence == f"{data.sentence} Tried: Nothing helped."


def test_a_loss_without_a_known_baseline_that_explains_most_is_no_underfitting() -> None:
    falls: Numbers = [0.30, 0.26, 0.24, 0.22, 0.20, 0.19, 0.18, 0.17, 0.165, 0.155]
    verdict = regression(falls, 0.92, loss="huber")
    assert verdict.kind is VerdictKind.good
    assert changed(verdict)["epochs"] == 300
    twice: Numbers = [2.0 * value for value in falls if value is not None]
    assert regression(twice, 0.3, loss="huber").kind is VerdictKind.underfit


def test_early_stopping_by_another_metric_hides_no_rise_of_the_loss() -> None:
    train: Numbers = [1.0, 0.6, 0.4, 0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05]
    val: Numbers = [1.0, 0.5, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1]
    by_loss = verdict_of(train, val, patience=3)
    assert by_loss.kind is VerdictKind.good
    by_accuracy = verdict_of(train, val, patience=3, monitor="val_accuracy")
    assert by_accuracy.kind is VerdictKind.overfit
    fine = verdict_of(train, train, monitor="val_accuracy")
    assert "at epoch 10 (the least validation loss), without overfitting" in fine.sentence


def test_balanced_accuracy_is_told_where_it_is_why_training_rows_fit_poorly() -> None:
    metrics = {
        "train_accuracy": 0.97,
        "val_accuracy": 0.97,
        "train_balanced_accuracy": 0.8,
        "val_balanced_accuracy": 0.8,
    }
    flat: Numbers = [0.3] * 10
    verdict = verdict_of(flat, flat, metrics=metrics, dataset="breast_cancer")
    assert verdict.kind is VerdictKind.underfit
    assert "is 97.0 % (balanced accuracy, the mean over the classes, 80.0 %)" in verdict.sentence


def test_a_loss_below_zero_is_judged_by_what_is_explained() -> None:
    falls: Numbers = [2.0, -1.0, -3.0, -4.0, -4.01, -4.0, -4.01, -4.0, -4.01, -4.0]
    rises: Numbers = [2.0, -1.0, -3.0, -3.5, -3.4, -3.0, -2.5, -2.0, -1.0, 0.0]
    counts: dict[str, Any] = {"loss": "poisson_nll"}
    assert regression(falls, 0.9, **counts).kind is VerdictKind.good
    poor = regression(falls, 0.1, **counts)
    assert poor.kind is VerdictKind.underfit
    assert poor.sentence.startswith("Underfit: at the best epoch, validation R² is 0.10.")
    assert regression(falls, 0.9, val=rises, **counts).kind is VerdictKind.overfit
    unvalidated = judge(
        JobSpec.model_validate({"dataset": "diabetes", "validation_fraction": 0, **counts}),
        {"epoch": [1.0, 2.0], "train_loss": [2.0, -1.0]},
    )
    assert unvalidated is not None
    assert unvalidated.kind is VerdictKind.good


def test_what_no_valid_job_does_is_not_told() -> None:
    small = rare(0.9, batch_size=1)
    assert "Try class_weight balanced and batch_size 32" in small.sentence
    assert changed(small)["batch_size"] == 32
    begun = numbers([1.0, 2.0] * 50, [[300.0]] * 100, init_from="0197aaaa-0000-7000-8000-000000000000")
    assert "standardize" not in begun.sentence


def poisson(train: Numbers, r2: float, **fields: Any) -> Verdict:
    """The verdict on counts, whose least loss is above 0."""
    rows: dict[str, Any] = {"x": [[row / 200] for row in range(200)], "y": [row % 4 for row in range(200)]}
    return regression(train, r2, dataset=rows, loss="poisson_nll", **fields)


def test_a_poisson_loss_above_zero_is_judged_by_how_far_it_fell() -> None:
    settled: Numbers = [0.85 + 0.35 * 0.5**epoch for epoch in range(60)]
    verdict = poisson(settled, 0.6)
    assert (verdict.kind, verdict.suggestion) == (VerdictKind.good, None)
    deep: dict[str, Any] = {"architecture": {"type": "mlp", "hidden": [32] * 3}, "activation": "tanh"}
    assert "vanish" not in poisson(settled, 0.3, **deep).sentence
    assert "vanish" in poisson(settled, 0.01, **deep).sentence


def test_a_poisson_loss_that_a_first_epoch_made_small_does_not_jump_or_rise() -> None:
    at_once: Numbers = [0.85 + 0.0001 * (epoch % 2) for epoch in range(60)]
    assert poisson(at_once, 0.6).kind is VerdictKind.good
    falls: Numbers = [0.85 - 0.00001 * epoch for epoch in range(60)]
    assert poisson(falls, 0.6, val=[0.85 + 0.00001 * epoch for epoch in range(60)]).kind is VerdictKind.good


def test_a_poisson_loss_that_fell_little_may_rise() -> None:
    falls: Numbers = [0.96 - 0.0025 * epoch for epoch in range(40)]
    rises: Numbers = [0.96 + 0.001 * abs(epoch - 7) for epoch in range(40)]
    assert poisson(falls, 0.1, val=rises).kind is VerdictKind.overfit


@pytest.mark.parametrize(
    ("loss", "losses"),
    [
        ("mse", [0.0061, 0.0031, 0.0038, 0.003, 0.0037, 0.0031]),
        ("mae", [0.06, 0.045, 0.052] * 2),
        ("huber", [0.003, 0.0015, 0.0021, 0.0015, 0.0021, 0.0015]),
    ],
)
def test_a_first_epoch_that_fits_is_no_baseline(loss: str, losses: Numbers) -> None:
    linear: dict[str, Any] = {"dataset": {"name": "linear", "n": 3000, "noise": 0.05}, "loss": loss}
    rows: dict[str, Any] = {"x": [[row / 200] for row in range(200)], "y": [row % 4 for row in range(200)]}
    for fields in (linear, linear | {"dataset": rows}, {"loss": loss}):
        assert regression(losses, 0.995, **fields).kind is VerdictKind.good
        spec = JobSpec.model_validate({"dataset": "diabetes", **fields, "validation_fraction": 0.0})
        verdict = judge(spec, {"epoch": [1.0, 2, 3, 4, 5, 6], "train_loss": losses})
        assert verdict is not None
        assert verdict.kind is VerdictKind.good


def test_what_the_best_constant_leaves_is_said_where_the_first_epoch_did_better() -> None:
    verdict = regression([0.75, 0.74, 0.745, 0.74], 0.1, loss="mae")
    assert verdict.kind is VerdictKind.underfit
    assert "training loss at the best epoch is 92.7 % of the best constant's" in verdict.sentence


@pytest.mark.parametrize(("loss", "guess"), [("cross_entropy", 0.394), ("focal", 0.186), ("hinge", 0.1)])
def test_a_guess_by_another_loss_than_cross_entropy_is_a_guess(loss: str, guess: float) -> None:
    rows = {"x": [[row / 2000] for row in range(2000)], "y": [0] * 1800 + [1] * 100 + [2] * 100}
    shares: dict[str, Any] = {f"{part}_accuracy": 0.9 for part in ("train", "val")}
    shares |= {f"{part}_balanced_accuracy": 1 / 3 for part in ("train", "val")}
    verdict = verdict_of([1.3 * guess, *[guess] * 20], [guess] * 21, dataset=rows, metrics=shares, loss=loss)
    assert "no relation" in verdict.sentence


def test_rare_classes_that_are_memorised_are_overfitting() -> None:
    train: Numbers = [0.7, 0.3, 0.1, 0.05, 0.02]
    val: Numbers = [0.7, 0.4, 0.25, 0.21, 0.2]
    rows = {"x": [[row / 2000] for row in range(2000)], "y": [int(row % 20 == 0) for row in range(2000)]}
    metrics = {
        **{"train_accuracy": 0.999, "train_balanced_accuracy": 0.99, "val_accuracy": 0.955},
        **{"val_balanced_accuracy": 0.56, "val_macro_f1": 0.6, "val_roc_auc": 0.7},
    }
    verdict = verdict_of(train, val, dataset=rows, metrics=metrics)
    assert verdict.kind is VerdictKind.overfit
    assert "training balanced accuracy is 99.0 % and validation balanced accuracy only 56.0 %" in verdict.sentence
    assert "no relation" not in verdict.sentence  # the area under the ROC says that there is one
    unrelated = verdict_of(train, val, dataset=rows, metrics=metrics | {"val_roc_auc": 0.5})
    assert "no relation" in unrelated.sentence


def test_a_rare_class_of_few_rows_may_be_missed_by_chance() -> None:
    rows = {"x": [[row / 200] for row in range(200)], "y": [int(row % 20 == 0) for row in range(200)]}
    metrics = {
        **{"train_accuracy": 1.0, "train_balanced_accuracy": 1.0, "val_accuracy": 0.975},
        **{"val_balanced_accuracy": 0.75, "val_macro_f1": 0.8, "val_roc_auc": 0.9},
    }
    assert verdict_of([0.3, 0.02, 0.01], [0.3, 0.1, 0.08], dataset=rows, metrics=metrics).kind is VerdictKind.good


@pytest.mark.parametrize(
    ("loss", "accuracy", "kind"),
    [
        (0.55, 0.75, VerdictKind.overfit),
        (0.4, 0.93, VerdictKind.good),  # it is too sure of the few rows that it predicts wrongly
        (0.1, 0.8, VerdictKind.good),
    ],
)
def test_running_metrics_show_overfitting_by_the_loss(loss: float, accuracy: float, kind: VerdictKind) -> None:
    rows = {"x": [[row / 2000] for row in range(2000)], "y": [row % 2 for row in range(2000)]}
    curve: dict[str, Numbers] = {"epoch": [1.0, 2, 3, 4, 5], "train_loss": [0.69, 0.3, 0.1, 0.06, 0.06]}
    curve |= {"val_loss": [0.69, loss + 0.05, loss + 0.01, loss, loss]}
    curve |= {f"val_{name}": [accuracy] * 5 for name in ("accuracy", "balanced_accuracy")}
    verdict = judge(JobSpec.model_validate({"dataset": rows, "train_metrics": "running"}), curve)
    assert verdict is not None
    assert verdict.kind is kind
    if kind is VerdictKind.overfit:
        assert "training loss is 0.06, validation loss 0.55 and validation accuracy 75.0 %: the" in verdict.sentence


def test_weights_of_zeros_are_named() -> None:
    verdict = verdict_of([1.0986] * 40, [1.0986] * 40, accuracies=(1 / 3, 1 / 3), initial_weights="zeros")
    assert "All weights began at 0" in verdict.sentence
    assert changed(verdict)["initial_weights"] == "kaiming_uniform"
    single = verdict_of(STUCK, STUCK, **POOR, initial_weights="zeros", architecture={"type": "perceptron"})
    assert "began at 0" not in single.sentence


@pytest.mark.parametrize("schedule", [{"type": "exponential", "factor": 0.5}, {"type": "step", "every": 1}], ids=str)
def test_a_schedule_that_left_no_learning_rate_is_named(schedule: dict[str, Any]) -> None:
    verdict = verdict_of([1.0, *[0.8] * 99], [1.0, *[0.8] * 99], accuracies=(0.7, 0.7), schedule=schedule)
    assert f"The schedule, {schedule['type']}, left less than a hundredth of the learning rate" in verdict.sentence
    assert changed(verdict)["schedule"] == {"type": "cosine"}


@pytest.mark.parametrize("schedule", ["constant", "cosine", "exponential", "step", "one_cycle"])
def test_a_usual_schedule_is_not_blamed(schedule: str) -> None:
    verdict = verdict_of([1.0, *[0.8] * 99], [1.0, *[0.8] * 99], accuracies=(0.7, 0.7), schedule=schedule)
    assert "The schedule" not in verdict.sentence


def test_a_tiny_rate_is_named_before_the_data_where_the_loss_is_flat() -> None:
    train: Numbers = [1.0986 - 0.0001 * epoch for epoch in range(10)]
    val: Numbers = [1.0986, *[1.0987] * 9]
    assert changed(verdict_of(train, val, **POOR, learning_rate=1e-7))["learning_rate"] == 0.01
    assert "no relation" in verdict_of(train, val, **POOR).sentence


def test_a_guess_of_features_that_are_not_standardised_says_nothing_of_the_data() -> None:
    verdict = verdict_of([1.0986] * 20, [1.0986] * 20, **POOR, standardize=False)
    assert "not standardised, and seem far from the sizes with which networks learn well" in verdict.sentence
    assert changed(verdict)["standardize"] is True


def test_a_rare_class_that_is_missed_says_nothing_of_the_data_before_rate_and_epochs_are_usual() -> None:
    def rare(count: int) -> dict[str, Any]:
        return {"x": [[row * 7 % 11 / 10] for row in range(count)], "y": [int(row % 10 == 0) for row in range(count)]}

    shares = {"val_accuracy": 0.9, "val_balanced_accuracy": 0.5, "train_accuracy": 0.9, "train_balanced_accuracy": 0.5}
    guess: Numbers = [0.326, 0.325]

    def missed(epochs: int, **fields: Any) -> Verdict:
        data = {"dataset": rare(100)} | fields
        return verdict_of(guess * epochs, guess * epochs, metrics=shares, **data)

    fast = missed(8, learning_rate=0.5)
    assert "only because of the largest class" in fast.sentence
    assert "The learning rate is too large" in fast.sentence
    assert changed(fast)["learning_rate"] == 0.01
    assert changed(missed(2))["epochs"] == 12
    assert "48 updates of the weights show little" in missed(8).sentence
    assert "about 2 rows of rare classes, too few to show" in missed(8, batch_size=8).sentence
    assert "no relation between features and target" in missed(8, dataset=rare(1000)).sentence


def test_a_guess_of_few_epochs_says_nothing_of_the_data() -> None:
    guess: Numbers = [1.0986, 1.0985, 1.0987]
    short = verdict_of(guess, guess, **POOR, epochs=3)
    assert "3 epochs show little. Try more epochs: 10." in short.sentence
    assert changed(short)["epochs"] == 10
    assert changed(verdict_of(guess * 3, guess * 3, **POOR, epochs=9))["epochs"] == 27
    impatient = verdict_of(guess, guess, **POOR, epochs=50, patience=1)
    assert "Early stopping ended training after 3 epochs, which show little. Try patience 10." in impatient.sentence
    assert changed(impatient)["patience"] == 10


def test_a_loss_that_rises_while_accuracy_rises_is_no_reason_to_stop() -> None:
    train: Numbers = [0.69 * 0.9**epoch for epoch in range(60)]
    val: Numbers = [max(0.69 - 0.03 * epoch, 0.42) + 0.006 * max(epoch - 9, 0) for epoch in range(60)]
    found: Numbers = [0.5 + 0.035 * min(epoch, 10) + 0.0015 * epoch for epoch in range(60)]
    curve: dict[str, Numbers] = {"epoch": [float(n) for n in range(1, 61)], "train_loss": train, "val_loss": val}
    names = ("train_accuracy", "train_balanced_accuracy", "val_accuracy", "val_balanced_accuracy", "val_roc_auc")
    for fields in ({}, {"monitor": "val_accuracy", "patience": 20}):
        spec = JobSpec.model_validate({"dataset": {"name": "moons", "n": 2000}, **fields})
        verdict = judge(spec, curve | dict.fromkeys(names, found))
        assert verdict is not None
        assert (verdict.kind, verdict.suggestion) == (VerdictKind.overfit, None)
        assert "Validation accuracy kept rising" in verdict.sentence


LARGEST: dict[str, Any] = {
    f"{part}_{name}": value
    for part in ("train", "val")
    for name, value in (("accuracy", 0.627), ("balanced_accuracy", 0.5))
}
"""A network that predicts the larger of two classes of 63 and 37 % of the rows, and nothing else."""


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"learning_rate": 1.0}, "hidden neurons have died"),
        ({"architecture": {"type": "mlp", "hidden": [32] * 6}, "activation": "sigmoid"}, "Gradients vanish"),
    ],
)
def test_a_network_that_knows_the_shares_of_the_classes_only_has_learnt_nothing(
    fields: dict[str, Any], says: str
) -> None:
    stuck: Numbers = [0.70, *[0.6604] * 19]
    assert says in verdict_of(stuck, stuck, dataset="breast_cancer", metrics=LARGEST, **fields).sentence
    ranked: Numbers = [0.65, *[0.62] * 19]
    verdict = verdict_of(ranked, ranked, dataset="breast_cancer", metrics=LARGEST | {"val_roc_auc": 0.9}, **fields)
    assert "no relation" not in verdict.sentence


def test_a_weak_relation_that_is_more_than_luck_is_told_from_none() -> None:
    flat: Numbers = [0.66, 0.64, *[0.63] * 18]
    rising: Numbers = [0.66, 0.64, 0.63, 0.65, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3]
    many, few = ({"x": [[row / 2000] for row in range(n)], "y": [row % 2 for row in range(n)]} for n in (2000, 100))
    assert "no relation" not in verdict_of(flat, flat, dataset=many, accuracies=(0.66, 0.65)).sentence
    assert changed(verdict_of(FALLING, rising, dataset=many, accuracies=(0.66, 0.65)))["patience"] == 3
    assert "no relation" in verdict_of(flat, flat, dataset=few, accuracies=(0.66, 0.65), batch_size=8).sentence


@pytest.mark.parametrize("timed", [{}, {"time": list(range(12))}], ids=["by chance", "by time"])
def test_a_few_validation_rows_near_each_other_show_neither_outliers_nor_drift(timed: dict[str, Any]) -> None:
    rows = {"x": [[float(row)] for row in range(12)], "y": [row * 1.5 for row in range(12)], **timed}
    verdict = regression([0.5, 0.1, 0.05], -1.5, val=[0.06, 0.05, 0.05], dataset=rows, standardize=True)
    assert "spread" not in verdict.sentence
    assert "unlike" not in verdict.sentence


def test_a_job_that_tolerance_ended_gets_a_smaller_one_and_not_more_epochs() -> None:
    ended = changed(verdict_of(STRAIGHT, STRAIGHT, epochs=100, tolerance=0.05))
    assert (ended["tolerance"], ended["epochs"]) == (pytest.approx(0.005), 100)
    assert "tolerance" in verdict_of(STRAIGHT, STRAIGHT, epochs=100, tolerance=0.05, patience=5).sentence
    impatient = verdict_of([*IMPROVING, 0.26], [*IMPROVING, 0.27], epochs=100, tolerance=0.05, patience=1)
    assert changed(impatient)["patience"] == 10
    by_accuracy = verdict_of(STRAIGHT, STRAIGHT, epochs=100, tolerance=0.05, patience=5, monitor="val_accuracy")
    assert changed(by_accuracy)["patience"] == 15


@pytest.mark.parametrize(
    ("loss", "decay", "is_named"),
    [
        (1.0986, 0.1, True),
        (1.0986, 1.0, False),
        (0.8, 0.1, False),  # it had learnt what it could
    ],
)
def test_a_plateau_that_left_no_learning_rate_before_anything_was_learnt_is_named(
    loss: float, decay: float, is_named: bool
) -> None:
    found: Numbers = [1 / 3 if loss > 1.0 else 0.6] * 40
    curve: dict[str, Numbers] = {
        "epoch": [float(epoch) for epoch in range(1, 41)],
        "train_loss": [loss] * 40,
        "val_loss": [loss] * 40,
        "learning_rate": [0.01 * decay ** (epoch // 4) for epoch in range(40)],
    }
    names = ("train_accuracy", "train_balanced_accuracy", "val_accuracy", "val_balanced_accuracy")
    spec = JobSpec.model_validate({"dataset": "iris", "schedule": "plateau", "learning_rate": 0.01})
    verdict = judge(spec, curve | dict.fromkeys(names, found))
    assert verdict is not None
    assert ("The schedule, plateau, left" in verdict.sentence) is is_named


def test_running_metrics_show_underfitting_by_validation_accuracy() -> None:
    curve: dict[str, Numbers] = {"epoch": [1.0, 2.0, 3.0, 4.0], "train_loss": [1.6, 1.3, 1.25, 1.25]}
    curve |= {"val_loss": [1.5, 1.2, 1.2, 1.2], "val_accuracy": [0.6] * 4, "val_balanced_accuracy": [0.6] * 4}
    verdict = judge(JobSpec.model_validate({"dataset": "digits", "train_metrics": "running"}), curve)
    assert verdict is not None
    assert verdict.kind is VerdictKind.underfit
    assert "validation accuracy at the best epoch is 60.0 %" in verdict.sentence


def test_a_perceptron_with_identity_activations_does_not_become_another_linear_model() -> None:
    verdict = verdict_of(STUCK, STUCK, accuracies=(0.5, 0.5), architecture="perceptron", activation="identity")
    assert "mlp, hidden [32], activation tanh." in verdict.sentence
    assert (changed(verdict)["architecture"]["type"], changed(verdict)["activation"]) == ("mlp", "tanh")


@pytest.mark.parametrize("fields", [{"architecture": "perceptron"}, {"activation": "identity"}], ids=str)
def test_a_linear_model_that_still_learns_is_first_trained_further(fields: dict[str, Any]) -> None:
    once = verdict_of([0.9], [0.9], epochs=1, accuracies=(0.7, 0.7), **fields)
    falls = verdict_of(SLOW, SLOW, epochs=10, accuracies=(0.7, 0.7), **fields)
    slow = verdict_of(SLOW, SLOW, epochs=10, accuracies=(0.7, 0.7), learning_rate=0.0001, **fields)
    assert (changed(once)["epochs"], changed(falls)["epochs"], changed(slow)["learning_rate"]) == (10, 30, 0.01)
    for verdict in (once, falls, slow):
        assert "linear model" not in verdict.sentence


def test_dropout_of_a_network_without_hidden_layers_is_not_blamed() -> None:
    verdict = verdict_of(SLOW, SLOW, epochs=10, accuracies=(0.7, 0.7), architecture="perceptron", dropout=0.5)
    assert changed(verdict)["epochs"] == 30


def test_generated_data_whose_numbers_are_small_are_not_to_be_standardised() -> None:
    diverged: dict[str, Any] = {"failure": FailureReason.diverged, "optimizer": "sgd", "learning_rate": 0.1}
    small = changed(verdict_of([1.0], dataset="linear", loss="mse", **diverged))
    assert "standardize" not in small
    assert small["learning_rate"] == pytest.approx(0.01)
    assert changed(verdict_of([1.0], dataset="blobs", **diverged))["standardize"] is True


@pytest.mark.parametrize(("loss", "first"), [("hinge", 0.03), ("mse", 0.012), ("mae", 0.02), ("huber", 0.006)])
def test_a_first_epoch_that_fits_classes_is_no_baseline(loss: str, first: float) -> None:
    losses: Numbers = [first * share for share in (1.0, 0.33, 0.47, 0.3, 0.43, 0.27, 0.4)]
    assert verdict_of(losses, losses, dataset="digits", loss=loss, accuracies=(0.99, 0.98)).kind is VerdictKind.good


def test_a_regression_that_begins_with_another_jobs_network_is_judged_in_the_units_of_that_job() -> None:
    begun: dict[str, Any] = {"init_from": "0197aaaa-0000-7000-8000-000000000000"}
    large = regression([3000.0, 2950.0, 2900.0, 2900.0], 0.45, learning_rate=0.03, **begun)
    assert large.kind is VerdictKind.good
    rows = {"x": [[float(row)] for row in range(60)], "y": [100.0 * (row % 5) + 0.5 for row in range(60)]}
    small = regression([0.97, 0.96, 0.96, 0.96], 0.05, dataset=rows, **begun)
    assert small.kind is VerdictKind.underfit
    assert "training loss at the best epoch is 95.0 % of the best constant's" in small.sentence


def test_a_regression_that_begins_with_another_jobs_network_and_measures_no_r2_is_standardised() -> None:
    begun: dict[str, Any] = {"dataset": "diabetes", "init_from": "0197aaaa-0000-7000-8000-000000000000"}
    spec = JobSpec.model_validate({**begun, "loss": "mse", "validation_fraction": 0.0, "learning_rate": 0.01})
    verdict = judge(spec, {"epoch": [1.0, 2.0, 3.0, 4.0], "train_loss": [0.05, 0.049, 0.0478, 0.0478]})
    assert verdict is not None
    assert verdict.kind is VerdictKind.good
    waves: Numbers = [0.05, 0.056, 0.049, 0.056, 0.049, 0.056]
    assert regression(waves, 0.93, **begun, loss="mae").kind is VerdictKind.good


def test_an_untrained_network_loses_more_by_mse_than_one_answer_for_all_rows() -> None:
    falls: Numbers = [1.6, 1.1, 0.8, 0.5, 0.3, 0.15, 0.08, 0.05, 0.03, 0.02]
    fitted = verdict_of(falls, falls, dataset="digits", loss="mse", accuracies=(0.98, 0.98))
    assert fitted.kind is VerdictKind.good
    slow: Numbers = [1.9, 1.5, 1.2, 1.0, 0.85]
    early = verdict_of(slow, slow, dataset="digits", loss="mse", optimizer="sgd", epochs=5, accuracies=(0.5, 0.5))
    assert early.kind is VerdictKind.underfit


def test_a_loss_above_that_of_a_guess_that_still_falls_is_not_flat() -> None:
    falls: Numbers = [6.0, 4.5, 3.4, 2.6, 2.0]
    verdict = verdict_of(falls, falls, architecture="perceptron", epochs=5, accuracies=(0.36, 0.36))
    assert "linear model" not in verdict.sentence


def test_a_few_rows_of_a_rare_class_that_are_hit_by_chance_are_luck() -> None:
    rows = {"x": [[row / 4000] for row in range(4000)], "y": [int(row % 250 == 0) for row in range(4000)]}
    shares = {f"{part}_accuracy": 0.5 for part in ("train", "val")}
    shares |= {f"{part}_balanced_accuracy": 0.625 for part in ("train", "val")}
    flat: Numbers = [0.7, 0.69, *[0.685] * 18]
    verdict = verdict_of(flat, flat, dataset=rows, metrics=shares, class_weight="balanced")
    assert "no relation" in verdict.sentence


def test_a_loss_far_from_its_end_is_the_reason_where_validation_accuracy_is_high() -> None:
    losses: Numbers = [2.2, 1.9, 1.6, 1.4, 1.25]
    curve: dict[str, Numbers] = {"epoch": [1.0, 2.0, 3.0, 4.0, 5.0], "train_loss": losses, "val_loss": losses}
    curve |= {"val_accuracy": [0.93] * 5, "val_balanced_accuracy": [0.93] * 5}
    spec = JobSpec.model_validate({"dataset": "digits", "train_metrics": "running", "dropout": 0.5, "epochs": 5})
    verdict = judge(spec, curve)
    assert verdict is not None
    assert "training loss at the best epoch is 54.3 % of a guess's" in verdict.sentence


def test_a_constant_target_that_was_learnt_is_named() -> None:
    rows = {"x": [[float(row % 7)] for row in range(60)], "y": [3.5] * 60}
    losses: Numbers = [12.0, 3.0, 0.1, 0.001, 0.0001, 0.0001]
    spec = JobSpec.model_validate({"dataset": rows, "loss": "mse"})
    verdict = judge(spec, {"epoch": [1.0, 2, 3, 4, 5, 6], "train_loss": losses, "val_loss": losses})
    assert verdict is not None
    assert (verdict.kind, verdict.suggestion) == (VerdictKind.good, None)
    assert "The target is the same in every row" in verdict.sentence


@pytest.mark.parametrize(
    ("fields", "says", "suggests"),
    [
        ({"learning_rate": 0.002}, "learning rate is small", {"learning_rate": 0.01}),
        ({"batch_size": "full"}, "20 updates of the weights show little", {"epochs": 60}),
        ({"l1": 0.001, "dropout": 0.5}, "Try no l1 and no dropout", {"l1": 0.0, "dropout": 0.0}),
        ({"weight_decay": 0.01}, "Try no weight_decay", {"weight_decay": 0.0}),
        ({"loss": "mae"}, "Try loss cross_entropy", {"loss": "cross_entropy"}),
    ],
    ids=str,
)
def test_a_guess_says_nothing_of_the_data_before_the_job_is_a_usual_one(
    fields: dict[str, Any], says: str, suggests: dict[str, Any]
) -> None:
    verdict = verdict_of(CHANCE, CHANCE, accuracies=(0.35, 0.33), epochs=20, **fields)
    assert says in verdict.sentence
    assert changed(verdict).items() >= suggests.items()


def test_features_that_may_tell_no_more_are_named_after_enough_updates_only() -> None:
    few = verdict_of(STUCK[:5], STUCK[:5], accuracies=(0.6, 0.6), architecture={"type": "mlp", "hidden": [64]})
    assert "5 epochs show little" in few.sentence
    assert changed(few)["epochs"] == 15


def test_what_the_sentence_writes_is_what_the_suggestion_has() -> None:
    momentum = {"optimizer": {"type": "sgd", "momentum": 0.9}}
    assert (
        changed(verdict_of(SLOW, SLOW, accuracies=(0.6, 0.6), learning_rate=0.001, **momentum))["learning_rate"] == 0.01
    )
    verdict = verdict_of(JUMPING, learning_rate=0.02)
    assert "learning_rate, 0.00667" in verdict.sentence
    assert changed(verdict)["learning_rate"] == 0.00667


def test_a_job_that_monitors_the_training_loss_is_told_which_epoch_a_sentence_is_about() -> None:
    verdict = verdict_of(FALLING, [*FALLING[:8], 0.12, 0.12, 0.12], monitor="train_loss")
    assert "at epoch 8 (the least validation loss)" in verdict.sentence


def test_a_little_memory_of_training_rows_is_no_overfitting() -> None:
    verdict = verdict_of([1.09] * 20, [1.1] * 20, accuracies=(0.5, 0.3))
    assert verdict.kind is VerdictKind.underfit
    assert verdict_of([0.7] * 20, [1.1] * 20, accuracies=(0.7, 0.5)).kind is VerdictKind.overfit


def test_a_validation_loss_that_rises_while_the_training_loss_stays_a_guesss_is_no_overfitting() -> None:
    rising: Numbers = [0.11, 0.13, 0.15, 0.17, 0.18]
    assert regression([1.03, 1.02, 1.01, 1.0, 0.99], -0.04, val=rising).kind is VerdictKind.underfit


def test_a_loss_that_jumped_only_at_first_is_not_unstable() -> None:
    settling: Numbers = [1.0, 0.4, 0.9, 0.3, 0.6, 0.2, *[0.1 - 0.01 * epoch for epoch in range(8)]]
    assert verdict_of(settling, settling).kind is VerdictKind.good
    assert "it rose by far in 5 of 11 epochs" in verdict_of(JUMPING, learning_rate=0.3).sentence


def test_a_loss_above_a_guesss_that_falls_to_the_end_wants_more_epochs() -> None:
    falling: Numbers = [4.0 - 0.1 * epoch for epoch in range(20)]
    verdict = verdict_of(falling, falling, **POOR, learning_rate=0.05, epochs=20)
    assert verdict.kind is VerdictKind.underfit
    assert changed(verdict).items() >= {"epochs": 60, "learning_rate": 0.05}.items()


def test_a_rate_that_vanished_or_never_rose_is_not_too_large() -> None:
    above: Numbers = [4.0] * 50
    vanished = verdict_of(above, above, **POOR, learning_rate=0.1, schedule={"type": "exponential", "factor": 0.5})
    assert "left less than a hundredth of the learning rate" in vanished.sentence
    risen = verdict_of([1.5], [1.5], **POOR, learning_rate=0.1, schedule="one_cycle", epochs=1)
    assert (risen.kind, changed(risen)["epochs"]) == (VerdictKind.underfit, 10)
    one_update = verdict_of([1.0986], [1.0986], **POOR, learning_rate=0.5, batch_size="full", epochs=1)
    assert changed(one_update)["epochs"] == 10


def test_a_penalty_is_not_blamed_for_few_epochs_and_a_tiny_rate_changes_too() -> None:
    early: Numbers = [1.09] * 3
    assert "penalty" not in verdict_of(early, early, **POOR, l1=0.1).sentence
    slow = verdict_of(CHANCE, CHANCE, **POOR, l1=0.1, learning_rate=1e-5)
    assert changed(slow).items() >= {"l1": 0.0, "learning_rate": 0.01}.items()


def test_residual_and_normalised_networks_lose_no_gradients_and_a_perceptron_has_no_neurons_to_die() -> None:
    for architecture in (
        {"type": "resmlp", "blocks": 4},
        {"type": "mlp", "hidden": [32] * 6, "normalization": "layer"},
    ):
        verdict = verdict_of(CHANCE, CHANCE, accuracies=(0.33, 0.33), architecture=architecture, activation="tanh")
        assert "Gradients vanish" not in verdict.sentence
    falls: Numbers = [1.2, *[1.0] * 19]
    single = regression(falls, 0.0, dataset="linear", architecture="perceptron", learning_rate=0.5)
    assert "The learning rate is too large. Try" in single.sentence


def test_of_data_known_to_be_linear_no_hidden_layer_is_suggested() -> None:
    noisy = regression([2.0, *[1.98] * 30], 0.02, dataset={"name": "linear", "noise": 8.0}, architecture="perceptron")
    assert "hidden layer" not in noisy.sentence


def test_early_stopping_by_min_delta_is_told_from_a_short_patience() -> None:
    falling: Numbers = [1.0 - 0.04 * epoch for epoch in range(8)]
    verdict = verdict_of(falling, falling, accuracies=(0.6, 0.6), patience=3, min_delta=0.5, epochs=50)
    assert "the loss fell by less than min_delta, 0.5" in verdict.sentence
    assert changed(verdict)["min_delta"] == 0.0


def test_early_stopping_that_waited_long_is_not_told_to_wait_longer() -> None:
    waited: Numbers = [*IMPROVING, *[0.3] * 12]
    assert verdict_of(waited, waited, patience=12, epochs=100).suggestion is None


def test_a_loss_is_compared_with_the_best_constants_of_the_numbers_in_the_spec() -> None:
    data = {"x": [[row / 50] for row in range(50)], "y": [1.0 + row % 2 for row in range(48)] + [50.0, -50.0]}
    outlying: dict[str, Any] = {"dataset": data, "loss": "mae", "batch_size": 4}
    verdict = regression([3.0, *[2.5] * 20], 0.0, **outlying)
    assert "training loss at the best epoch is 100.8 % of the best constant's" in verdict.sentence
    tiny = {"x": [[row / 50] for row in range(50)], "y": [row % 2 / 1000 for row in range(49)] + [0.0005]}
    small = regression([0.3, *[0.01] * 20], -0.02, dataset=tiny)
    assert "more than 1,000 times the best constant's" in small.sentence
    assert "Targets have a standard deviation of 0.000495" in small.sentence
    assert changed(small)["standardize"] is True


def test_a_suggested_rate_is_neither_small_nor_large() -> None:
    swings: Numbers = [1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0]
    slower = changed(verdict_of(swings, swings, **POOR, learning_rate=0.01))
    assert slower["learning_rate"] == 0.00333
    falling: Numbers = [1.1 - 0.005 * epoch for epoch in range(20)]
    rates = {name: slower[name] for name in ("learning_rate", "schedule", "epochs")}
    assert "The loss was still falling" in verdict_of(falling, falling, **POOR, **rates).sentence
    momentum = {"type": "sgd", "momentum": 0.9}
    stays = verdict_of(CHANCE, CHANCE, **POOR, optimizer=momentum, learning_rate=0.03)
    assert "rate is large" not in stays.sentence


def test_one_epoch_says_nothing_of_the_data_also_where_a_class_is_rare() -> None:
    rare = {
        f"{part}_{name}": share
        for part in ("train", "val")
        for name, share in (("accuracy", 0.95), ("balanced_accuracy", 0.5))
    }
    data = {"x": [[float(row)] for row in range(200)], "y": [int(row % 20 == 0) for row in range(200)]}
    verdict = verdict_of(
        [0.22], [0.22], dataset=data, optimizer="sgd", learning_rate=0.1, epochs=1, standardize=True, metrics=rare
    )
    assert "One epoch shows little" in verdict.sentence
    assert changed(verdict)["epochs"] == 10


def test_a_rate_that_still_rises_is_not_called_a_falling_loss() -> None:
    flat: Numbers = [1.0986] * 20
    warmup = {"type": "warmup_cosine", "warmup": 100}
    verdict = verdict_of(flat, flat, accuracies=(1 / 3, 1 / 3), epochs=20, schedule=warmup)
    assert "The learning rate was still rising when training ended. Try more epochs: 60." in verdict.sentence


def test_early_stopping_that_was_suggested_is_not_taken_back_and_suggested_again() -> None:
    falls: Numbers = [1.0, 0.9, 0.8, 0.7, 0.6, 0.55, 0.5, 0.48, 0.46, 0.44, 0.42, 0.4]
    rises: Numbers = [1.0, 0.9, 0.85, 0.8, 0.78, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4]
    job: dict[str, Any] = {"batch_size": 64, "epochs": 12, "accuracies": (0.8, 0.8)}
    assert changed(verdict_of(falls, rises, **job))["patience"] == 3
    assert changed(verdict_of(falls[:8], rises[:8], **job, patience=3))["patience"] == 10
    again = verdict_of(falls, rises, **job, patience=10)
    assert (again.kind, again.suggestion) == (VerdictKind.overfit, None)


def test_numbers_of_a_sentence_are_not_those_of_an_unknown_guess_and_have_no_exponent() -> None:
    far: Numbers = [50.0, 999.7, *[20.0] * 6]
    verdict = regression(far, 0.9, dataset="diabetes", loss="mae", learning_rate=1.0, standardize=False)
    assert "training loss was 1,000, far above the 50 of the first epoch" in verdict.sentence


def test_min_delta_is_compared_with_the_loss_that_the_job_monitors() -> None:
    rising: Numbers = [0.8 + 0.01 * epoch for epoch in range(8)]
    falling: Numbers = [1.0 - 0.04 * epoch for epoch in range(8)]
    stopped = verdict_of(
        rising, falling, accuracies=(0.6, 0.6), monitor="train_loss", patience=3, min_delta=0.5, epochs=50
    )
    assert "min_delta" not in stopped.sentence


def test_outliers_in_both_splits_are_told_from_a_missing_relation() -> None:
    """The RMSE of normal errors is 1.25 times the MAE; a few rows far from the others make it many times that."""
    data: dict[str, Any] = {"id": "ds_" + "0" * 32, "info": {"rows": 300, "features": 4, "targets": "numbers"}}

    def outlying(losses: Numbers, rmse: float, **fields: Any) -> Verdict:
        return regression(losses, 0.01, metrics={"val_rmse": rmse, "val_mae": 1.0}, dataset=data, **fields)

    guess: Numbers = [1.0, 0.99, 1.0, 0.99, 1.0] * 4
    told = outlying(guess, 6.0, loss="mse")
    assert "the RMSE is 6 times the MAE), and decide the loss." in told.sentence
    assert "Loss mae follows them less" in told.sentence
    assert "no relation between features and target" in outlying(guess, 1.3, loss="mse").sentence
    fallen: Numbers = [0.8 / (epoch + 1) for epoch in range(20)]
    by_mae = outlying(fallen, 6.0, loss="mae")
    assert by_mae.kind is VerdictKind.underfit
    assert "(the RMSE is 6 times the MAE), and decide R²." in by_mae.sentence
    assert "The learning rate is small" in outlying(guess, 6.0, loss="mse", learning_rate=1e-5).sentence


def test_the_usual_rate_of_gradient_descent_is_less_for_large_counts() -> None:
    """The gradient of a count's loss is as large as the count; adam's steps are not."""
    rows = [[float(row % 7)] for row in range(40)]

    def counted(most: float, **fields: Any) -> Verdict:
        data = {"x": rows, "y": [most * (row % 4) / 3 for row in range(40)]}
        return verdict_of([None], [None], dataset=data, loss="poisson_nll", epochs=1, **fields)

    for most, rate in ((3.0, 0.1), (30.0, 0.01), (300.0, 0.001)):
        assert changed(counted(most, optimizer="sgd", learning_rate=100.0))["learning_rate"] == rate
    assert changed(counted(300.0, learning_rate=100.0))["learning_rate"] == 0.01


def test_counts_are_not_told_to_be_standardised_which_they_never_are() -> None:
    y = [100.0 + row for row in range(40)]
    rows = {"x": [[float(row % 7)] for row in range(40)], "y": y}
    verdict = regression([5.0, 4.0, 3.0], -2.0, dataset=rows, loss="poisson_nll")
    assert "standardise" not in verdict.sentence
    classes = verdict_of([9.0, 9.0], [9.0, 9.0], dataset="wine", standardize=False, **POOR)
    assert "Features are not standardised" in classes.sentence


def test_features_that_are_the_same_in_every_row_are_named() -> None:
    rows = {"x": [[1.0, 5.0]] * 40, "y": [0, 1] * 20}
    verdict = verdict_of([0.7] * 3, [0.7] * 3, dataset=rows, accuracies=(0.5, 0.5))
    assert "The features are the same in every row, and tell nothing of the target." in verdict.sentence
    assert verdict.suggestion is None


def test_an_untrained_network_shows_no_drift() -> None:
    """Its validation loss is as large as its training loss."""
    timed = {"x": [[float(row)] for row in range(60)], "y": [row % 5 / 5 for row in range(60)], "time": list(range(60))}
    fields: dict[str, Any] = {"dataset": timed, "standardize": True, "learning_rate": 1e-5}
    untrained = regression([3.6, 3.5, 3.5], -2.5, val=[3.6, 3.6, 3.6], **fields)
    assert "The learning rate is small" in untrained.sentence
    assert "Validation rows are the newest" in regression([1.0, 0.9, 0.9], -9.0, val=[4.4, 4.3, 4.2], **fields).sentence


def test_one_bad_last_epoch_is_no_overfitting() -> None:
    verdict = verdict_of([1.0, 0.7, 0.6, 0.55, 0.5], [1.0, 0.75, 0.7, 0.65, 1.02])
    assert verdict.kind is VerdictKind.good


def test_a_linear_model_is_not_at_its_limit_before_it_is_as_good_as_a_guess() -> None:
    falls: Numbers = [1.6 + 0.3 * 0.8**epoch for epoch in range(20)]
    slow = verdict_of(falls, falls, architecture="perceptron", schedule="step", epochs=20, **POOR)
    assert "Training loss was above a guess's in every epoch" in slow.sentence
    assert (changed(slow)["epochs"], changed(slow)["schedule"]) == (60, {"type": "cosine"})
    short = verdict_of([1.09, 1.089], [1.09, 1.089], activation="identity", epochs=2, batch_size=32, **POOR)
    assert "2 epochs show little" in short.sentence


def test_a_network_is_not_called_small_after_two_epochs() -> None:
    verdict = verdict_of([0.8, 0.81], [0.8, 0.81], architecture={"type": "mlp", "hidden": [2]}, epochs=2, **POOR)
    assert "2 epochs show little" in verdict.sentence


def test_noise_of_dropout_in_a_running_training_loss_is_no_oscillation() -> None:
    noisy: Numbers = [2.0, 1.5, 1.9, 1.4, 1.8, 1.3, 1.7, 1.2]
    falls: Numbers = [1.0 - 0.05 * epoch for epoch in range(8)]
    assert verdict_of(noisy, falls, train_metrics="running", dropout=0.8).kind is not VerdictKind.unstable
    assert verdict_of(noisy, noisy, train_metrics="running", dropout=0.8).kind is VerdictKind.unstable


def test_a_few_validation_rows_are_said_of_a_poor_fit_too() -> None:
    tiny = {"x": [[row / 20] for row in range(20)], "y": [0, 1] * 10}
    verdict = verdict_of([0.69] * 40, [0.69] * 40, dataset=tiny, batch_size=4, accuracies=(0.5, 0.5))
    assert "validation rows are few (4) and say little: try folds" in verdict.sentence
    assert "So few validation rows cannot show whether a relation" in verdict.sentence
    named = {**tiny, "split": ["train"] * 16 + ["validation"] * 4}
    assert "say little." in verdict_of([0.69] * 40, [0.69] * 40, dataset=named, accuracies=(0.5, 0.5)).sentence


def test_a_hidden_layer_gets_a_rate_that_fits_it_and_not_the_perceptron() -> None:
    flat: Numbers = [0.9, 0.8, 0.85, 0.82, 0.84, 0.83, 0.84, 0.83, 0.82, 0.83]
    verdict = verdict_of(flat, flat, architecture="perceptron", learning_rate=1.0, accuracies=(0.7, 0.7))
    assert changed(verdict)["learning_rate"] == 0.03


def test_a_clip_is_not_blamed_where_the_rate_makes_up_for_it() -> None:
    fields: dict[str, Any] = {"optimizer": "sgd", "gradient_clip": 1e-3}
    assert "clipped" in verdict_of([1.09] * 10, [1.09] * 10, **POOR, **fields).sentence
    assert "clipped" not in verdict_of([1.09] * 10, [1.09] * 10, **POOR, **{**fields, "learning_rate": 10.0}).sentence


def test_bounded_neurons_are_saturated_and_do_not_die() -> None:
    for activation, state in (("relu", "have died"), ("tanh", "are saturated")):
        guess = verdict_of([1.09] * 10, [1.09] * 10, **POOR, learning_rate=1.0, activation=activation)
        assert f"hidden neurons {state}" in guess.sentence


def test_augmentation_is_tried_without_before_the_features_are_blamed() -> None:
    flat: Numbers = [1.9, 1.8] * 10
    fields: dict[str, Any] = {"dataset": "digits", "augmentation": {"crop": 4, "flip": True}, "learning_rate": 0.01}
    verdict = verdict_of(flat, flat, accuracies=(0.4, 0.4), architecture={"type": "mlp", "hidden": [64]}, **fields)
    assert "Try no augmentation" in verdict.sentence
    assert changed(verdict)["augmentation"] == {}


def test_a_loss_that_goes_up_and_down_does_not_rise() -> None:
    """Its last fifth is above its best fifth by 40 %, and by less than what such means differ by, by chance."""
    noisy: Numbers = [1.0, 0.6, 0.3, 0.6, 0.25, 0.5, 0.3, 0.6, 0.3, 0.55, 0.3, 0.7, 0.3, 0.65, 0.7]
    falls: Numbers = [1.0 * 0.8**epoch for epoch in range(15)]
    assert verdict_of(falls, noisy).kind is VerdictKind.good
    steady: Numbers = [1.0, 0.6, 0.3, 0.28, 0.25, 0.3, 0.33, 0.37, 0.4, 0.44, 0.5, 0.55, 0.6, 0.65, 0.7]
    assert verdict_of(falls, steady).kind is VerdictKind.overfit


def test_a_fall_that_no_chart_shows_is_no_falling() -> None:
    hardly: Numbers = [0.6, 0.5999]
    verdict = verdict_of(hardly, hardly, accuracies=(0.75, 0.75), epochs=2, schedule="one_cycle", batch_size=32)
    assert "2 epochs show little" in verdict.sentence
    assert "falling" not in verdict.sentence


def test_underfitting_that_only_the_loss_shows_is_said_of_the_loss() -> None:
    falls: Numbers = [0.66, 0.6, 0.55, 0.5, 0.45]
    verdict = verdict_of(falls, falls, dataset="xor", accuracies=(0.99, 0.99), label_smoothing=0.2, epochs=5)
    assert verdict.kind is VerdictKind.underfit
    assert "training loss at the best epoch is 64.9 % of a guess's" in verdict.sentence


@pytest.mark.parametrize(
    ("fields", "says", "suggests"),
    [
        ({"l1": 0.1}, "Try no l1", {"l1": 0.0}),
        ({"weight_decay": 1.0}, "Try no weight_decay", {"weight_decay": 0.0}),
        ({"learning_rate": 0.1}, "The updates are too large.", {"learning_rate": 0.03}),
        ({"restore_best": False}, "Try restore_best true.", {"restore_best": True}),
        ({}, "The model has the weights of the best epoch.", None),
    ],
    ids=str,
)
def test_what_undoes_a_good_epoch_is_said(fields: dict[str, Any], says: str, suggests: dict[str, Any] | None) -> None:
    undone: Numbers = [0.6, 0.2, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.0]
    verdict = verdict_of(undone, undone, **fields)
    assert verdict.kind is VerdictKind.good
    assert "without overfitting; but after it, training loss rose from 0.1 to 1." in verdict.sentence
    assert says in verdict.sentence
    if suggests is None:
        assert verdict.suggestion is None
    else:
        assert changed(verdict).items() >= suggests.items()


def test_a_clip_that_a_large_rate_makes_up_for_goes_with_that_rate() -> None:
    fields: dict[str, Any] = {"optimizer": "sgd", "gradient_clip": 1e-3, "learning_rate": 10.0}
    verdict = verdict_of([1.09] * 10, [1.09] * 10, **POOR, **fields)
    assert "Try a smaller learning_rate, 0.1, gradient_clip 1, schedule cosine" in verdict.sentence
    assert changed(verdict).items() >= {"learning_rate": 0.1, "gradient_clip": 1.0}.items()


def test_a_tiny_clip_is_named_after_few_epochs_and_a_penalty_after_many_updates_in_few_epochs() -> None:
    clipped = verdict_of([1.09, 1.089], [1.09, 1.089], **POOR, optimizer="sgd", gradient_clip=1e-3, epochs=2)
    assert changed(clipped)["gradient_clip"] == 1.0
    flat: Numbers = [1.09] * 4
    assert changed(verdict_of(flat, flat, **POOR, batch_size=4, l1=0.1, epochs=4))["l1"] == 0.0
    counts = {"x": [[row / 40] for row in range(40)], "y": [300.0 * (row % 4) / 3 for row in range(40)]}
    large = regression(
        [-16.4, *[-16.7] * 9],
        -1.9,
        dataset=counts,
        loss="poisson_nll",
        optimizer="sgd",
        learning_rate=0.01,
        gradient_clip=1e-3,
    )
    assert changed(large)["gradient_clip"] == 1.0


def test_outliers_are_said_where_a_large_rate_is_blamed() -> None:
    data: dict[str, Any] = {"id": "ds_" + "0" * 32, "info": {"rows": 300, "features": 4, "targets": "numbers"}}
    outlying: dict[str, Any] = {"dataset": data, "metrics": {"val_rmse": 6.0, "val_mae": 1.0}}
    guess: Numbers = [1.0, 0.99, 1.0, 0.99, 1.0] * 4
    verdict = regression(guess, 0.01, **outlying, loss="mse", learning_rate=0.1)
    assert "; the errors of a few validation rows are far larger than those of the others (the RMSE is 6 times the" in (
        verdict.sentence
    )
    assert "The learning rate is too large" in verdict.sentence


def test_a_loss_that_sinks_to_the_end_is_not_unstable_and_says_nothing_of_the_data() -> None:
    sinks: Numbers = [1.06, 1.0, 0.95, 0.91, 0.88, 0.86, 0.85, 0.845, 0.842, 0.841, 0.8405, 0.8401]
    verdict = verdict_of(
        sinks, sinks, dataset="xor", accuracies=(0.5, 0.5), learning_rate=0.002, optimizer="lion", schedule="cosine"
    )
    assert verdict.kind is VerdictKind.underfit
    assert "Training loss was above a guess's in every epoch" in verdict.sentence
    above: Numbers = [0.9, *[0.86, 0.87] * 6]
    stays = verdict_of(above, above, dataset="xor", accuracies=(0.5, 0.5), learning_rate=0.02)
    assert stays.kind is VerdictKind.unstable
    assert "no relation" not in stays.sentence


def test_a_loss_that_never_comes_near_that_of_a_known_constant_is_the_rates_fault() -> None:
    rows: dict[str, Any] = {"x": [[row / 50] for row in range(50)], "y": [row % 7 / 2 for row in range(50)]}
    losses: Numbers = [338.0, 1150.0, 1220.0, 1110.0, 1100.0, 1090.0, 1085.0, 1080.0, 1080.0, 1080.0, 1080.0]
    verdict = regression(losses, -1e5, dataset=rows, loss="huber", learning_rate=1.0, l1=0.01)
    assert verdict.kind is VerdictKind.unstable
    assert "training loss was never below 338, and a guess has 0.475" in verdict.sentence


def test_a_poisson_loss_that_explodes_or_oscillates_is_unstable() -> None:
    explodes: Numbers = [22.6, 74.6, 628.0, 183.0, 183.0, 182.0, 181.0, 181.0, 180.0, 180.0, 180.0, 179.0]
    verdict = poisson(explodes, -1.3, learning_rate=0.3)
    assert verdict.kind is VerdictKind.unstable
    assert "training loss was never below 22.6, and a guess has 0.892" in verdict.sentence
    waves: Numbers = [1.5, 0.7, 0.9, 0.6, 0.85, 0.62, 0.9, 0.64, 0.88, 0.7]
    assert poisson(waves, 0.5, learning_rate=0.3).kind is VerdictKind.unstable
    begun = poisson([40.0, 5.0, 0.7, 0.6, 0.6, 0.6], 0.7)  # counts that are large are far from those of a new network
    assert begun.kind is VerdictKind.good


def test_a_ranked_rare_class_wants_weights_though_a_schedule_has_ended() -> None:
    vanished = {"schedule": {"type": "step", "every": 1}, "learning_rate": 0.1}
    verdict = rare(0.95, **vanished)
    assert (changed(verdict)["class_weight"], changed(verdict)["learning_rate"]) == ("balanced", 0.03)
    assert "as much as others, and learning_rate 0.03." in verdict.sentence


def test_newer_targets_are_not_blamed_before_a_guess_is_learnt() -> None:
    timed = {"x": [[float(row)] for row in range(60)], "y": [row % 5 / 5 for row in range(60)], "time": list(range(60))}
    fields: dict[str, Any] = {"dataset": timed, "standardize": True, "learning_rate": 1.0, "epochs": 2, "batch_size": 4}
    far = regression([123.0, 9.8], -9000.0, val=[390.0, 76.0], **fields)
    assert "Validation rows are the newest" not in far.sentence


def test_a_schedule_that_has_ended_goes_with_more_epochs_and_comes_before_the_data() -> None:
    fades: dict[str, Any] = {"schedule": {"type": "exponential", "factor": 0.8}, "epochs": 22}
    falls: Numbers = [1.2 - 0.008 * epoch for epoch in range(22)]
    longer = verdict_of(falls, falls, **POOR, **fades)
    assert "Try more epochs: 66, with schedule cosine." in longer.sentence
    assert changed(longer).items() >= {"epochs": 66, "schedule": {"type": "cosine"}}.items()
    stuck: Numbers = [4.0, 0.7, *[0.5] * 38]
    stays = verdict_of(stuck, stuck, accuracies=(0.78, 0.77), **fades | {"epochs": 40})
    assert "The schedule, exponential, left less than a" in stays.sentence


def test_few_updates_with_a_small_rate_want_more_of_both() -> None:
    verdict = verdict_of([1.09], [1.09], **POOR, epochs=1, batch_size=60, learning_rate=0.001)
    assert "The learning rate is small. Try a larger learning_rate: 0.01, and more epochs: 10." in verdict.sentence
    assert changed(verdict).items() >= {"learning_rate": 0.01, "epochs": 10}.items()


def test_a_linear_model_with_a_small_rate_gets_a_hidden_layer_and_a_usual_rate() -> None:
    anneals: Numbers = [4.6 - 3.2 * (1.0 - 0.85**epoch) for epoch in range(30)]
    fields: dict[str, Any] = {"architecture": "perceptron", "learning_rate": 0.001, "schedule": "cosine", "epochs": 30}
    slow = verdict_of(anneals, anneals, **POOR, **fields)
    assert (
        "A single layer is a linear model. Try a hidden layer: mlp, hidden [32], and learning_rate 0.01."
        in slow.sentence
    )
    settled: Numbers = [0.9, *[0.8] * 29]
    assert "linear model" in verdict_of(settled, settled, accuracies=(0.6, 0.6), **fields).sentence


def test_a_tiny_rate_is_named_also_where_the_first_weights_were_lucky() -> None:
    lucky: Numbers = [0.95] * 10
    verdict = verdict_of(lucky, lucky, accuracies=(0.6, 0.6), architecture="perceptron", learning_rate=1e-5)
    assert "The learning rate is small. Try a larger learning_rate: 0.01." in verdict.sentence


def test_a_running_training_loss_of_one_epoch_blames_no_rate_where_validation_rows_are_learnt() -> None:
    curve: dict[str, Numbers] = {"epoch": [1.0], "train_loss": [2.4], "val_loss": [1.5]}
    curve |= {"val_accuracy": [0.5], "val_balanced_accuracy": [0.5]}
    verdict = judge(
        JobSpec.model_validate({"dataset": "digits", "train_metrics": "running", "learning_rate": 0.1, "epochs": 1}),
        curve,
    )
    assert verdict is not None
    assert changed(verdict)["epochs"] == 10


def test_a_loss_that_falls_towards_a_guesss_is_not_flat() -> None:
    falls: Numbers = [1.6, 1.25]
    verdict = verdict_of(falls, falls, **POOR, learning_rate=0.05, epochs=2)
    assert "The loss was still falling" in verdict.sentence


def test_early_stopping_by_min_delta_is_named_also_after_a_worse_last_epoch() -> None:
    falls: Numbers = [1.09, 1.0, 0.9, 0.85, 0.8, 0.77, 0.75, 0.74, 0.73, 0.72, 0.715, 0.713, 0.72]
    verdict = verdict_of(falls, falls, accuracies=(0.67, 0.6), patience=4, min_delta=0.1, epochs=50)
    assert changed(verdict)["min_delta"] == 0.0


@pytest.mark.parametrize(("patience", "ends"), [(1, "one bad epoch does"), (3, "3 bad epochs do"), (5, None)])
def test_a_suggestion_has_the_patience_that_it_needs(patience: int, ends: str | None) -> None:
    verdict = verdict_of([1.09], [1.09], **POOR, epochs=1, patience=patience)
    assert changed(verdict)["patience"] == (patience if ends is None else 10)
    assert (f"Try patience 10, too, so that {ends} not end training." in verdict.sentence) == (ends is not None)


def test_each_of_several_targets_may_want_to_be_standardised() -> None:
    x = [[float(row % 7)] for row in range(40)]
    large = {"x": x, "y": [[row % 5 / 5, 1e4 * (row % 3)] for row in range(40)]}
    verdict = regression([1e8] * 10, -0.05, dataset=large)
    assert "Targets are large, 9,750 in the mean, and are not standardised." in verdict.sentence
    assert changed(verdict)["standardize"] is True
    same = {"x": x, "y": [[1.5, 2.5]] * 40}
    assert "the same in every row" in regression([1.0] * 10, 0.0, dataset=same).sentence
    one = {"x": x, "y": [[1.5, row % 5 / 5] for row in range(40)]}
    assert "the same in every row" not in regression([1.0] * 10, 0.0, dataset=one).sentence


def test_the_logarithm_is_named_of_positive_targets_with_outliers() -> None:
    positive = numbers([1.0 + row % 5 for row in range(20)] + [1e7])
    assert "If the target grows by factors, predict its logarithm." in positive.sentence
    assert "logarithm" not in numbers([float(row % 5 - 2) for row in range(20)] + [1e7]).sentence


def test_dropout_in_many_layers_goes_with_a_rate_that_diverges() -> None:
    deep: dict[str, Any] = {"architecture": {"type": "mlp", "hidden": [16] * 5}, "dropout": 0.8}
    assert changed(verdict_of([None], failure=FailureReason.diverged, **deep))["dropout"] == 0.0


@pytest.mark.parametrize(
    ("train", "fields", "expected"),
    [
        (22.5, {"standardize": False, "optimizer": "lion"}, "standardize"),
        (0.69, {"architecture": {"type": "mlp", "hidden": [16] * 5}, "activation": "sigmoid"}, "Try relu, and"),
        (12.0, {"learning_rate": 1.0}, "schedule cosine and 10 epochs"),
    ],
)  # fmt: skip
def test_one_epoch_at_another_rate_does_not_hide_what_else_hinders(
    train: float, fields: dict[str, Any], expected: str
) -> None:
    spec = {"dataset": "breast_cancer", "learning_rate": 1e-5, "optimizer": "sgd", "epochs": 1, **fields}
    assert expected in verdict_of([train], [train], accuracies=(0.6, 0.6), **spec).sentence
