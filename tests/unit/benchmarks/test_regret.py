import numpy as np
import pytest

from benchmarks import regret
from benchmarks.surrogates import MfHartmann

LANDSCAPE = MfHartmann(6, "good", 2.5, 2.0)


def test_a_smoke_run_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["ours: TPE and Hyperband", "Optuna: random and Hyperband"]
    regret.main(["--quick", "--only", *names])
    said = capsys.readouterr().out
    assert all(f"| {name} |" in said for name in names)


def test_a_smoke_run_compares_whole_sweeps_by_two_versions_of_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    regret.main(["--quick", "--trials", "600"])
    said = capsys.readouterr().out
    assert all(f"| {name} |" in said for name in regret.by_rules(600))


def test_the_optimum_of_hartmanns_function_is_the_published_one() -> None:
    place = dict(zip(LANDSCAPE.space, (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573), strict=True))
    curve = LANDSCAPE.curves([place], np.random.default_rng(0))[0]
    assert curve[-1] == pytest.approx(LANDSCAPE.optimum, abs=1e-4)
    assert curve[0] > curve[-1]


def test_no_more_is_trained_than_the_budget() -> None:
    ledger = regret.run(regret.CONTESTANTS["ours: Hyperband"], LANDSCAPE, 5, 0)
    assert ledger.spent[-1] <= 5
    assert ledger.regret[-1] == ledger.by(5) >= 0
