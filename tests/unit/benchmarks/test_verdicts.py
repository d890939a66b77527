from typing import Any

import pytest

from benchmarks.verdicts import PROBLEMS, Counts, Run, Trial, grid
from spec.job import JobSpec
from spec.verdict import Verdict, VerdictKind


def trial(kind: str, before: dict[str, Any], after: dict[str, Any], sentence: str = "") -> Trial:
    """Two runs with these curves, whose training losses are 0.1, and a verdict of this kind."""
    spec = JobSpec.model_validate({"dataset": "iris"})
    runs = [Run(spec, {"train_loss": [0.1] * len(curve["val_loss"]), **curve}, None) for curve in (before, after)]
    shown = {"kind": kind, "sentence": sentence, "gap": 0.1, "best_epoch": 1, "suggestion": spec}
    return Trial(runs[0], Verdict.model_validate(shown), runs[1])


def test_the_grid_has_every_rate_with_every_dropout() -> None:
    for problem in PROBLEMS:
        specs = list(grid(problem))
        assert len(specs) == len({spec.model_dump_json() for spec in specs}) == 195
        assert {(spec.learning_rate, spec.dropout) for spec in specs} >= {(0.0001, 0.0), (1.0, 0.7)}


def test_a_lower_validation_loss_at_the_best_epoch_is_better() -> None:
    assert trial("underfit", {"val_loss": [0.9, 1.2]}, {"val_loss": [1.3, 0.5]}).is_better
    assert not trial("unstable", {"val_loss": [0.5, 1.2]}, {"val_loss": [0.6, 0.6]}).is_better


def test_a_small_difference_is_not_clear() -> None:
    assert trial("underfit", {"val_loss": [1.0]}, {"val_loss": [0.5]}).is_clear
    assert not trial("underfit", {"val_loss": [1.0]}, {"val_loss": [0.95]}).is_clear


def test_balanced_accuracy_decides_where_the_verdict_is_about_it() -> None:
    before = {"val_loss": [0.1], "val_balanced_accuracy": [0.5]}
    after = {"val_loss": [0.6], "val_balanced_accuracy": [0.8]}
    assert trial("underfit", before, after, "balanced accuracy is 50.0 %").is_better
    assert not trial("underfit", before, after).is_better


def test_overfitting_is_less_if_loss_and_gap_at_the_end_are_less_and_the_best_loss_is_no_more() -> None:
    rises = {"val_loss": [0.3, 0.5, 0.9]}
    assert trial("overfit", rises, {"val_loss": [0.3, 0.5]}).is_better
    assert not trial("overfit", rises, {"val_loss": [0.4, 0.5]}).is_better
    assert not trial("overfit", rises, rises).is_better


def test_the_text_counts_suggestions_of_jobs_that_are_not_good() -> None:
    counts = Counts()
    pair = trial("underfit", {"val_loss": [1.0]}, {"val_loss": [0.5]})
    good = trial("good", {"val_loss": [1.0]}, {"val_loss": [0.5]})
    counts.add("xor", [(pair, True), (pair, True), (pair, True), (pair, False), (good, False)], [pair.verdict])
    counts.add("noise, numbers", [(pair, False)], [pair.verdict, pair.verdict])
    text = counts.text(["xor", "noise, numbers"])
    assert "of 5 jobs that are not called good, 4 have a suggestion, and 3 of these" in text
    assert "**75.0 %**. For 1 jobs" in text
    assert "Where they tell nothing: of 3 jobs that are not called good, 1 have a suggestion, and 0 of these" in text
    assert "| all | - | - | - | 3 of 5; 3 | 0 of 1; 0 |" in text
    assert "| xor | - | - | - | 3 of 4; 1 | 0 of 1; 0 |" in text


@pytest.mark.parametrize("kind", VerdictKind)
def test_a_diverged_run_is_never_better(kind: VerdictKind) -> None:
    assert not trial(kind.value, {"val_loss": [1.0]}, {"val_loss": [None]}).is_better
