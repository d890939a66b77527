"""Brackets and rungs: who trains together, and who goes on."""

from typing import Any

import pytest

from spec.halving import Rung, best_so_far, bracket, mean_score, survivors
from spec.sweep import RULES_VERSION, SweepSpec

from .sweeping import BASE, sweep


def test_hyperband_has_the_brackets_of_its_paper() -> None:
    asked = sweep(halving="hyperband")
    brackets = [bracket(asked, generation, 10_000) for generation in range(6)]
    assert [one.size for one in brackets] == [81, 34, 15, 8, 5, 81]  # Li et al. 2018, table 1
    assert [[rung.epoch for rung in one.rungs] for one in brackets[:5]] == [
        [1, 3, 9, 27],
        [3, 9, 27],
        [9, 27],
        [27],
        [],
    ]
    assert [[rung.keep for rung in one.rungs] for one in brackets[:3]] == [[27, 9, 3, 1], [11, 3, 1], [5, 1]]


@pytest.mark.parametrize(("epochs", "rungs"), [(81, ()), (100, (Rung(epoch=81, keep=1),))])
def test_the_last_bracket_of_hyperband_prunes_nothing_only_where_epochs_are_a_power(
    epochs: int, rungs: tuple[Rung, ...]
) -> None:
    last = bracket(sweep(halving="hyperband", base={**BASE, "epochs": epochs}), 4, 10_000)
    assert (last.size, last.rungs) == (5, rungs)


def test_a_long_sweep_has_larger_brackets_of_hyperband_and_each_kind_often() -> None:
    def sizes(trials: object, **fields: Any) -> list[int]:
        asked = sweep(halving="hyperband", base={"dataset": "iris", "epochs": 9}, trials=trials, **fields)
        return [bracket(asked, generation, 10_000).size for generation in range(3)]

    assert sizes(10_000) == [63, 35, 21]  # seven times the paper's, for a generation may have 64
    assert sizes(10_000, generation=200) == [198, 110, 66]
    assert sizes(17 * 16 * 2) == [18, 10, 6]
    assert sizes(17 * 16 * 2 - 1) == sizes({"epochs": 10**6}) == sizes(10_000, version=2) == [9, 5, 3]


def test_brackets_of_hyperband_share_their_rungs_whatever_the_last_epoch() -> None:
    asked = sweep(halving={"type": "hyperband", "min_epochs": 2}, base={"dataset": "iris", "epochs": 52})
    rungs = [[rung.epoch for rung in bracket(asked, generation, 10_000).rungs] for generation in range(3)]
    assert rungs == [[2, 6, 18], [6, 18], [18]]


def test_a_sweep_from_before_versions_keeps_its_rungs() -> None:
    asked = sweep(halving="hyperband", base={"dataset": "iris", "epochs": 52})
    older = SweepSpec.stored(asked.model_dump(mode="json", exclude_unset=True))
    rungs = [[[rung.epoch for rung in bracket(one, at, 10_000).rungs] for at in (0, 3)] for one in (older, asked)]
    assert rungs == [[[1, 5, 17], []], [[1, 3, 9, 27], [27]]]
    assert SweepSpec.stored(asked.model_dump(mode="json")).version == RULES_VERSION


def test_successive_halving_has_rungs_until_the_last_epoch() -> None:
    one = bracket(sweep(halving={"type": "successive", "factor": 2, "min_epochs": 5}, generation=16), 0, 100)
    assert [(rung.epoch, rung.keep) for rung in one.rungs] == [(5, 8), (10, 4), (20, 2), (40, 1), (80, 1)]


def test_the_best_go_on_and_of_equal_ones_the_first() -> None:
    scores = {4: 0.5, 1: 0.5, 2: 0.1, 3: float("inf"), 0: 0.9}
    assert survivors(scores, 2) == {2, 1}
    assert survivors(scores, 10) == {0, 1, 2, 4}


def test_scores_are_less_where_the_metric_is_better() -> None:
    assert best_so_far([0.2, 0.9, None, 0.8], "val_accuracy") == -0.9
    assert best_so_far([0.2, 0.1, float("nan")], "val_loss") == 0.1
    assert best_so_far([None], "val_loss") == float("inf")
    assert mean_score([0.1, float("inf")]) == float("inf")
