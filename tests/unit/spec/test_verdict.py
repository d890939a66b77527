from typing import Any

import pytest

from spec.job import JobSpec
from spec.states import FailureReason
from spec.verdict import Verdict, VerdictKind, judge

Numbers = list[float | None]


def verdict_of(train: Numbers, val: Numbers | None = None, **fields: Any) -> Verdict | None:
    """The verdict on a curve of a job on iris (three classes); `accuracies` are 1 unless given."""
    failure = fields.pop("failure", None)
    accuracies = fields.pop("accuracies", (1.0, 1.0))
    spec = JobSpec.model_validate({"dataset": "iris", "learning_rate": 0.3} | fields)
    epochs: Numbers = [float(epoch) for epoch in range(1, len(train) + 1)]
    curve: dict[str, Numbers] = {"epoch": epochs, "train_loss": train, "train_accuracy": [accuracies[0]] * len(train)}
    if val is not None:
        curve |= {"val_loss": val, "val_accuracy": [accuracies[1]] * len(train)}
    return judge(spec, curve, failure)


def kind(*arguments: Any, **fields: Any) -> VerdictKind:
    verdict = verdict_of(*arguments, **fields)
    assert verdict is not None
    assert verdict.sentence.startswith(verdict.kind.value.capitalize())
    return verdict.kind


FALLING: Numbers = [1.0, 0.5, 0.3, 0.2, 0.15, 0.12, 0.11, 0.105, 0.102, 0.101, 0.1]


def test_a_curve_that_falls_on_both_splits_is_good() -> None:
    verdict = verdict_of(FALLING, [value + 0.02 for value in FALLING if value is not None])
    assert verdict is not None
    assert (verdict.kind, verdict.best_epoch, verdict.suggestion) == (VerdictKind.good, 11, None)
    assert verdict.gap == pytest.approx(0.02)


def test_a_good_curve_that_still_falls_suggests_more_epochs() -> None:
    train: Numbers = [1.0 - 0.09 * epoch for epoch in range(10)]
    verdict = verdict_of(train, train, epochs=10)
    assert verdict is not None
    assert verdict.kind is VerdictKind.good
    assert verdict.suggestion is not None
    assert verdict.suggestion.epochs == 20


def test_validation_that_rises_while_training_falls_is_overfit() -> None:
    verdict = verdict_of(FALLING, [1.0, 0.6, 0.4, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9])
    assert verdict is not None
    assert (verdict.kind, verdict.best_epoch) == (VerdictKind.overfit, 4)
    assert verdict.suggestion is not None
    assert (verdict.suggestion.dropout, verdict.suggestion.patience) == (0.5, 20)


def test_a_small_rise_at_the_end_is_no_overfitting() -> None:
    assert kind(FALLING, [1.0, 0.5, 0.3, 0.21, 0.18, 0.17, 0.17, 0.175, 0.18, 0.185, 0.19]) is VerdictKind.good


def test_an_accuracy_gap_is_overfitting_though_the_loss_does_not_rise() -> None:
    assert kind(FALLING, FALLING, accuracies=(1.0, 0.7)) is VerdictKind.overfit


def test_weight_decay_is_suggested_against_overfitting_where_dropout_is_set() -> None:
    verdict = verdict_of(FALLING, FALLING, accuracies=(1.0, 0.7), dropout=0.5, weight_decay=0.01, patience=5)
    assert verdict is not None
    assert verdict.suggestion is not None
    assert (verdict.suggestion.weight_decay, verdict.suggestion.patience) == (0.1, 5)


@pytest.mark.parametrize(
    ("fields", "suggests"),
    [
        ({"activation": "identity"}, {"activation": "tanh"}),
        ({"architecture": "perceptron"}, {"architecture": {"type": "mlp", "hidden": [32], "bias": True}}),
        ({"architecture": {"type": "mlp", "hidden": [2]}}, {"architecture": {"type": "mlp", "hidden": [8]}}),
        ({"architecture": {"type": "resmlp", "width": 4}}, {"architecture": {"type": "resmlp", "width": 16}}),
    ],
    ids=str,
)
def test_low_training_accuracy_is_underfitting_and_the_suggestion_fits(fields: Any, suggests: dict[str, Any]) -> None:
    flat: Numbers = [1.09, 0.99, *[0.98] * 20]
    verdict = verdict_of(flat, flat, accuracies=(0.5, 0.5), **fields)
    assert verdict is not None
    assert verdict.kind is VerdictKind.underfit
    assert verdict.suggestion is not None
    body = verdict.suggestion.model_dump(mode="json", exclude_unset=True)
    assert body.items() >= suggests.items()
    assert JobSpec.model_validate(body) == verdict.suggestion


def test_a_loss_that_still_falls_is_underfitting_and_more_epochs_are_suggested() -> None:
    train: Numbers = [1.1 - 0.02 * epoch for epoch in range(10)]
    verdict = verdict_of(train, train, accuracies=(0.6, 0.6), epochs=10)
    assert verdict is not None
    assert verdict.kind is VerdictKind.underfit
    assert verdict.suggestion is not None
    assert verdict.suggestion.epochs == 30


def test_an_oscillating_loss_is_unstable_and_a_smaller_learning_rate_is_suggested() -> None:
    verdict = verdict_of([1.0, 0.4, 0.9, 0.3, 1.2, 0.5, 0.9, 0.4, 0.8, 0.3, 0.7])
    assert verdict is not None
    assert verdict.kind is VerdictKind.unstable
    assert verdict.gap is None
    assert verdict.suggestion is not None
    assert verdict.suggestion.learning_rate == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("train", "failure"), [([1.0, None], None), ([1.0, 2.0], FailureReason.diverged), ([], FailureReason.diverged)]
)
def test_a_non_finite_loss_is_diverged(train: Numbers, failure: FailureReason | None) -> None:
    verdict = verdict_of(train, failure=failure)
    assert verdict is not None
    assert verdict.kind is VerdictKind.diverged
    assert verdict.suggestion is not None
    assert verdict.suggestion.learning_rate == pytest.approx(0.03)


def test_a_regression_is_underfit_when_most_of_the_variance_remains() -> None:
    flat: Numbers = [0.95] * 30
    spec = JobSpec.model_validate({"dataset": "diabetes", "loss": "mse"})
    curve: dict[str, Numbers] = {"epoch": [float(n) for n in range(1, 31)], "train_loss": flat, "val_loss": flat}
    verdict = judge(spec, curve)
    assert verdict is not None
    assert (verdict.kind, verdict.gap) == (VerdictKind.underfit, 0.0)
    assert "still 95.0 % of an untrained network's" in verdict.sentence


def test_a_job_without_points_or_with_another_failure_has_no_verdict() -> None:
    assert verdict_of([]) is None
    assert verdict_of(FALLING, FALLING, failure=FailureReason.timeout) is None
