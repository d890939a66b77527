"""Bands and comparisons, beside scipy and published examples."""

import numpy as np
import pytest
from scipy import stats

from sweeps.statistics import band, compare, holm, sentence, spearman

SEEDS = np.random.default_rng(0).normal(0.5, 0.1, (3, 8))


def test_a_band_is_students() -> None:
    found = band(SEEDS[0].tolist())
    low, high = stats.t.interval(0.95, 7, loc=SEEDS[0].mean(), scale=stats.sem(SEEDS[0]))
    assert (found.mean, found.low, found.high) == pytest.approx((SEEDS[0].mean(), low, high))
    assert band([0.3]).deviation is None


def test_a_band_ends_at_the_limits_of_what_is_measured() -> None:
    found = band([0.97, 0.99, 1.0], limits=(0.0, 1.0))
    assert found.high == 1.0
    assert found.low == band([0.97, 0.99, 1.0]).low


def test_folds_have_the_wider_band_of_nadeau_and_bengio() -> None:
    plain, corrected = band(SEEDS[0].tolist()), band(SEEDS[0].tolist(), test_share=0.25)
    assert plain.high is not None
    assert corrected.high is not None
    ratio = (corrected.high - corrected.mean) / (plain.high - plain.mean)
    assert ratio == pytest.approx(np.sqrt((1 / 8 + 0.25) / (1 / 8)))


def test_comparisons_are_paired_t_tests_with_holms_correction() -> None:
    best, *others = (row.tolist() for row in SEEDS)
    raw = [float(stats.ttest_rel(other, best).pvalue) for other in others]
    assert [one.p for one in compare(best, others)] == pytest.approx(holm(raw))


def test_holm_is_that_of_his_paper() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_a_difference_as_large_as_seeds_asks_for_more_of_them() -> None:
    best = [0.50, 0.60, 0.40, 0.55]
    (one,) = compare(best, [[0.52, 0.66, 0.38, 0.60]])
    assert not one.decided
    assert one.needed is not None
    more = np.resize(np.subtract([0.52, 0.66, 0.38, 0.60], best), 4 + one.needed)
    assert stats.ttest_1samp(more, 0.0).pvalue < 0.07
    said = sentence("trial 1", {"trial 2": one})
    assert said == (
        f"The difference between trial 1 and trial 2 is not larger than what seeds do; about {one.needed} more seeds "
        "would decide it."
    )


def test_the_seeds_that_are_needed_are_those_of_holms_step_down() -> None:
    best = [0.50, 0.60, 0.40, 0.55, 0.52]
    near, far = [0.52, 0.66, 0.38, 0.60, 0.52], [0.9, 1.0, 0.8, 0.95, 0.93]
    alone = compare(best, [near])[0].needed
    decided = compare(best, [far, near, far, far])
    assert [one.needed for one in decided] == [None, alone, None, None]  # the others are decided: one test is left
    nearer = [0.51, 0.65, 0.38, 0.60, 0.52]
    first, second = compare(best, [near, nearer])
    assert alone is not None
    assert first.needed is not None
    assert second.needed is not None
    assert alone < first.needed <= second.needed  # two tests are left, and the larger difference comes first


def test_with_the_seeds_that_are_needed_four_of_five_samples_decide() -> None:
    differences = 1.0 + np.array([-2.0, -1.0, 0.0, 1.0, 2.0]) / np.sqrt(2.5)  # their deviation is their mean
    (one,) = compare([0.0] * 5, [differences.tolist()])
    assert one.needed is not None
    samples = np.random.default_rng(0).normal(1.0, 1.0, (2_000, 5 + one.needed))
    assert 0.75 < np.mean(stats.ttest_1samp(samples, 0.0, axis=1).pvalue < 0.05) < 0.85


def test_a_clear_difference_is_said_so() -> None:
    (one,) = compare([0.1, 0.11, 0.12], [[0.9, 0.93, 0.95]])
    assert one.decided
    assert sentence("trial 1", {"trial 2": one}).startswith("trial 1 is better than all others")


def test_equal_differences_of_rows_are_not_taken_for_no_noise() -> None:
    best, other = [-0.90, -0.92], [-0.88, -0.90]
    (exact,), (counted,) = compare(best, [other]), compare(best, [other], step=0.01)
    assert exact.decided  # of a number that has no steps, seeds would do nothing
    assert counted.p == pytest.approx(stats.t.sf(0.02 / (0.01 / np.sqrt(6) / np.sqrt(2)), 1) * 2)
    assert not counted.decided
    assert counted.needed == 1
    spread = SEEDS[:2].tolist()
    assert compare(spread[0], [spread[1]]) == compare(spread[0], [spread[1]], step=0.01)


def test_one_seed_decides_nothing() -> None:
    (one,) = compare([0.1], [[0.2]])
    assert one.p is None
    assert "more seeds would say" in sentence("trial 1", {"trial 2": one})


def test_the_correlation_of_ranks_is_scipys() -> None:
    first, second = SEEDS[0].round(1).tolist(), SEEDS[1].tolist()
    assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    assert spearman([1.0, 2.0, 3.0], [9.0, float("inf"), float("inf")]) == pytest.approx(0.866, abs=1e-3)
    assert spearman([1.0, 2.0], [1.0, 2.0]) is None
    assert spearman([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None


def said(best: list[float], *others: list[float], unit: str = "seeds", more: bool = False) -> str:
    share = 0.25 if unit == "folds" else None
    found = compare(best, others, test_share=share)
    return sentence("#0", {f"#{number}": one for number, one in enumerate(found, start=1)}, unit=unit, more=more)


def test_equal_configurations_are_called_equal() -> None:
    assert said([0.1], [0.1]) == "#0 and #1 are equally good, by one run each."
    assert said([0.1], [0.1], [0.1], [0.2]) == "#0 and 2 others are equally good, by one run each."
    assert said([0.1], [0.1], [0.1], more=True) == "#0 and at least 2 others are equally good, by one run each."
    assert said([0.1, 0.2], [0.2, 0.1]) == "#0 and #1 are equally good, in the mean of their seeds."
    assert said([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [0.5, 0.7, 0.8]).endswith(" It is better than 1 other.")


def test_a_configuration_without_a_number_is_left_out() -> None:
    inf = float("inf")
    assert said([0.1, 0.2, 0.3], [inf, 0.2, 0.3], [0.2, 0.31, 0.4]).startswith("#0 is better than all others")
    assert said([0.1, 0.2], [inf, inf]) == "#0 is the only configuration that was trained to its end."


def test_folds_are_not_asked_for_and_one_seed_is_one() -> None:
    folds = said([0.1, 0.2, 0.3, 0.2, 0.1], [0.12, 0.22, 0.4, 0.2, 0.1], unit="folds")
    assert folds == "The difference between #0 and #1 is not larger than what folds do."
    near = said([0.1, 0.2, 0.3], [0.2, 0.24, 0.38])
    assert near.endswith("; about 1 more seed would decide it.")
