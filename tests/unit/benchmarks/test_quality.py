import numpy as np
import pytest

from benchmarks import quality
from benchmarks.quality import CASES, Case, Scores, spec
from spec.splits import split_sizes

IRIS = CASES[3]


def test_a_smoke_run_prints_a_row_for_every_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    quality.main(["--quick"])
    rows = [line.split(" | ")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert rows[2:5] == ["| wine, accuracy", "| iris, accuracy", "| diabetes, R²"]
    assert rows[2:5] == rows[7:]


def test_the_difference_is_in_pooled_standard_deviations() -> None:
    scores = Scores(IRIS, ours=[0.8, 0.9, 1.0], theirs=[0.9, 1.0, 1.1])
    assert scores.difference == pytest.approx(-1.0)
    assert not Scores(IRIS, ours=[0.79, 0.89, 0.99], theirs=[0.9, 1.0, 1.1]).is_as_good
    assert Scores(IRIS, ours=[0.95, 1.0, 1.05], theirs=[0.9, 1.0, 1.1]).is_as_good
    assert scores.cells()[1:5] == ["0.9000 ± 0.1000", "1.0000 ± 0.1000", "-1.00", "-0.1000 ± 0.0000"]


@pytest.mark.parametrize(("ours", "good"), [(0.9, True), (1.0, True), (0.8, False)])
def test_scores_that_never_differ_are_compared_too(ours: float, good: bool) -> None:
    assert Scores(IRIS, ours=[ours] * 2, theirs=[0.9] * 2).is_as_good is good


def test_a_seed_has_a_split_of_its_own_and_both_see_its_rows() -> None:
    first, second = (quality.rows(spec(IRIS, seed, epochs=1)) for seed in (0, 1))
    assert not np.array_equal(first.x["val"], second.x["val"])
    assert (len(first.x["train"]), len(first.x["val"])) == split_sizes(150, 0.2)[:2]
    assert abs(float(first.x["train"].mean())) < 1e-6


@pytest.mark.parametrize("case", [IRIS, CASES[0], CASES[4]], ids=lambda case: case.dataset)
def test_both_learn(case: Case) -> None:
    specs = [spec(case, seed, epochs=40) for seed in range(2)]
    least = 0.2 if case.score == "R²" else 0.85
    assert min(*quality.ours(specs), *quality.theirs(specs)) > least


def test_a_score_of_numbers_is_the_share_of_their_variance_that_is_told() -> None:
    job = spec(CASES[4], 0, epochs=1)
    targets = quality.rows(job).y["val"].numpy().astype(float)
    mean_squared = float(np.mean((targets - targets.mean()) ** 2))
    assert quality._score(job, {"val_loss": mean_squared}) == pytest.approx(0.0, abs=1e-6)
    assert quality._score(job, {"val_loss": 0.0}) == 1.0
