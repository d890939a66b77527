"""Improvements: what helps by more than what seeds do, and the sentence that says so."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from spec.dataset import Inline
from spec.job import JobSpec
from spec.monitors import Monitor
from sweeps.improvement import Improvement, Tried, improvement, shown, too_few_rows

SPEC = JobSpec.model_validate({"dataset": "digits", "learning_rate": 0.1, "seed": 4})
JOB = [0.30, 0.31, 0.33, 0.29, 0.32]
SLOWER, WIDER = {"learning_rate": 0.01}, {"dropout": 0.5}


def seen(
    *changes: tuple[dict[str, Any], Sequence[float | None]],
    job: Sequence[float | None] = JOB,
    objective: Monitor = "val_accuracy",
    spec: JobSpec = SPEC,
) -> Improvement:
    tried = [Tried(0, {}, job), *(Tried(number, *change) for number, change in enumerate(changes, start=1))]
    return improvement(spec, objective, tried)


def test_the_best_change_that_helps_is_told_and_suggested() -> None:
    found = seen((WIDER, [0.40, 0.42, 0.43, 0.40, 0.41]), (SLOWER, [0.95, 0.96, 0.97, 0.96, 0.96]))
    assert found.sentence == (
        "learning_rate 0.01 instead of 0.1 raises validation accuracy from 31.0 % to 96.0 % (5 seeds, p < 0.001). "
        "Another change helps too."
    )
    assert found.suggestion is not None
    assert (found.suggestion.learning_rate, found.suggestion.seed) == (0.01, 4)
    first, best, second = found.changes
    assert (first.number, first.change, first.helps, first.difference, first.p) == (
        *(0, "the job as it is", False, None, None),
    )
    assert (best.number, second.number) == (2, 1)
    assert best.difference == pytest.approx(0.65)
    assert best.low is not None
    assert best.high is not None
    assert best.low < 0.96 < best.high
    assert best.p is not None
    assert second.p is not None
    assert best.p < second.p < 0.05


def test_nothing_helps_when_differences_are_what_seeds_do() -> None:
    found = seen((SLOWER, [0.31, 0.30, 0.32, 0.30, 0.31]), (WIDER, [0.1, 0.2, 0.15, 0.1, 0.1]))
    assert found.suggestion is None
    assert not any(change.helps for change in found.changes)
    assert found.sentence == (
        "Nothing helped: none of 2 changes is better by more than what seeds do (5 seeds). "
        "The job's validation accuracy is 31.0 % (95 % interval: 29.0 % to 33.0 %)."
    )


def test_a_difference_that_is_sure_and_too_small_to_matter_does_not_help() -> None:
    found = seen((SLOWER, [value + 0.005 for value in JOB]))
    assert SPEC.info is not None
    rows = SPEC.split_rows(SPEC.info)[1]
    assert found.changes[1].p == pytest.approx(2 * stats.t.sf(0.005 * np.sqrt(5) / (1 / rows / np.sqrt(6)), 4))
    assert not found.changes[1].helps
    assert found.sentence.startswith(
        "Nothing helped: none of 1 changes is better by more than what seeds do (5 seeds), and by enough to matter."
    )


def test_a_difference_of_fewer_than_six_rows_does_not_help() -> None:
    rows = [330 / 360] * 5
    assert seen((SLOWER, [335 / 360] * 5), job=rows).suggestion is None
    assert seen((SLOWER, [337 / 360] * 5), job=rows).suggestion is not None


def test_equal_accuracies_have_an_interval() -> None:
    original, _ = seen((SLOWER, [337 / 360] * 5), job=[330 / 360] * 5).changes
    assert original.low is not None
    assert original.high is not None
    assert original.low < 330 / 360 < original.high


def test_an_interval_ends_at_100_percent() -> None:
    original, _ = seen((SLOWER, [0.97] * 5), job=[0.99, 0.98, 1.0, 0.99, 1.0]).changes
    assert original.high == 1.0
    assert original.mean == pytest.approx(0.992)
    assert original.low == pytest.approx(
        0.992 - stats.t.ppf(0.975, 4) * np.std([0.99, 0.98, 1, 0.99, 1], ddof=1) / 5**0.5
    )
    loss, _ = seen((SLOWER, [0.1] * 5), job=[0.1, 0.1, 0.1, 0.1, 2.0], objective="train_loss").changes
    assert loss.low == 0.0


def test_a_roc_auc_counts_no_rows() -> None:
    cancer = JobSpec.model_validate({"dataset": "breast_cancer", "learning_rate": 0.1})
    better = (SLOWER, [0.96, 0.961, 0.962, 0.96, 0.961])  # of 114 rows, six are 0.05
    found = seen(better, job=[0.93, 0.931, 0.929, 0.93, 0.932], objective="val_roc_auc", spec=cancer)
    assert found.suggestion is not None


def test_more_seeds_are_asked_for_when_they_would_decide() -> None:
    found = seen((SLOWER, [0.45, 0.30, 0.55, 0.35, 0.60]))
    assert found.suggestion is None
    assert found.sentence == (
        "Not decided: learning_rate 0.01 instead of 0.1 raises validation accuracy from 31.0 % to 45.0 %, but with 5 "
        "seeds the difference is not larger than what seeds do. Improve it with 8 seeds to decide."
    )
    erratic = seen((SLOWER, [0.99, 0.96, 0.98, 0.97, 0.97]), job=[0.63, 0.97, 0.96, 0.96, 0.97])
    assert erratic.sentence == (
        "Not decided: learning_rate 0.01 instead of 0.1 raises validation accuracy from 89.8 % to 97.4 %, but with 5 "
        "seeds the difference is not larger than what seeds do. It would take more than 30 seeds to decide."
    )


def test_losses_fall() -> None:
    found = seen((SLOWER, [0.1, 0.11, 0.12, 0.1, 0.12]), (WIDER, [0.4] * 5), objective="val_loss")
    assert "lowers validation loss from 0.31 to 0.11 (5 seeds" in found.sentence
    assert [change.number for change in found.changes] == [0, 1, 2]
    assert found.changes[1].difference == pytest.approx(0.2)


def test_a_job_that_diverges_is_helped_by_one_that_does_not() -> None:
    found = seen((WIDER, [0.5, None, 0.5, 0.5, 0.5]), (SLOWER, [0.9, 0.91, 0.9, 0.92, 0.9]), job=[None] * 5)
    assert found.sentence == (
        "The job diverges with 5 of 5 seeds; learning_rate 0.01 instead of 0.1 never does, and reaches validation "
        "accuracy 90.6 %."
    )
    assert found.suggestion is not None
    assert [change.helps for change in found.changes] == [False, True, False]
    assert (found.changes[0].mean, found.changes[1].p) == (None, None)
    some = seen((SLOWER, [0.2, 0.2, 0.2, 0.2, 0.2]), job=[0.5, None, 0.5, 0.5, 0.5])
    assert some.suggestion is None  # it never diverges, and is worse where the job does not either
    nowhere = seen((SLOWER, [None] * 5), job=[None] * 5)
    assert nowhere.sentence == (
        "Nothing helped: the job has no validation accuracy, and each of 1 changes has none either, or is worse."
    )


def test_a_change_that_never_diverges_helps_if_it_is_no_worse_with_the_other_seeds() -> None:
    job = [0.96, None, 0.96, 0.95, 0.96]
    same = seen((SLOWER, [0.96, 0.90, 0.96, 0.95, 0.96]), job=job)
    assert same.sentence.startswith("The job diverges with 1 of 5 seeds; learning_rate 0.01 instead of 0.1 never does")
    worse = seen((SLOWER, [0.8] * 5), job=job).sentence
    assert worse.startswith(
        "Nothing helped: with some seeds, the job has no validation accuracy, and each of 1 changes"
    )


def test_what_is_still_a_guess_is_called_so() -> None:
    guess = seen((WIDER, [0.01, 0.02, 0.03, 0.02, 0.02]), job=[-9.0, -9.1, -9.2, -9.0, -9.1], objective="val_r2")
    assert "raises validation R² from -9.08 to 0.02, and a guess has 0 (5 seeds" in guess.sentence


@pytest.mark.parametrize(
    ("value", "objective", "text"),
    [(0.9612, "val_accuracy", "96.1 %"), (0.5, "val_macro_f1", "50.0 %"), (0.4567, "val_r2", "0.457")],
)
def test_values_are_shown_as_people_read_them(value: float, objective: Monitor, text: str) -> None:
    assert shown(value, objective) == text


def labelled(rare: int, others: int, **fields: Any) -> JobSpec:
    """A job of rows in the spec, half of which are validated: `rare` of one class, and `others`."""
    rows = {"x": [[float(row)] for row in range(rare + others)], "y": [1] * rare + [0] * others}
    return JobSpec.model_validate({"dataset": rows, "validation_fraction": 0.5, **fields})


@pytest.mark.parametrize(
    ("spec", "objective", "value", "fewer"),
    [
        (labelled(4, 40), "val_balanced_accuracy", 0.5, "there are fewer"),
        (labelled(8, 40), "val_macro_f1", 0.5, "with 50.0 % the job leaves less"),
        (labelled(24, 40), "val_balanced_accuracy", 0.5, None),
        (labelled(24, 40), "val_balanced_accuracy", 0.9, "with 90.0 % the job leaves less"),
        (labelled(4, 40), "val_accuracy", 0.5, None),
        (JobSpec.model_validate({"dataset": "iris"}), "val_accuracy", 29 / 30, "with 96.7 % the job leaves less"),
        (JobSpec.model_validate({"dataset": "iris"}), "val_accuracy", 24 / 30, None),
        (
            JobSpec.model_validate({"dataset": "iris"}),
            "val_balanced_accuracy",
            29 / 30,
            "with 96.7 % the job leaves less",
        ),
        (JobSpec.model_validate({"dataset": "iris"}), "val_accuracy", None, None),
        (JobSpec.model_validate({"dataset": "diabetes"}), "val_r2", 0.99, None),
    ],
)
def test_it_is_said_before_training_that_too_few_rows_are_left_to_be_better_on(
    spec: JobSpec, objective: Monitor, value: float | None, fewer: str | None
) -> None:
    said = too_few_rows(spec, objective, value)
    assert (said is None) == (fewer is None)
    if fewer is not None:
        by_class = isinstance(spec.dataset, Inline) and objective != "val_accuracy"
        rarest = " of the rarest class" if by_class else ""
        assert f"is better by six validation rows{rarest}, and {fewer}: hardly any change can" in (said or "")
