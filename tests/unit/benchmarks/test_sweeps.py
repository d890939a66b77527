import json
import math
from pathlib import Path

import pytest

from benchmarks import sweeps
from benchmarks.sweep_tasks import TASKS, Moment
from benchmarks.sweeps import Run, keep, kept, key_of, report, to_target

FAST = Run(4.0, [Moment(1.0, 3, 0.5, None), Moment(2.0, 3, 0.2, 0.9), Moment(3.0, 1, 0.3, 0.8)], 10)
SLOW = Run(90.0, [Moment(10.0, 5, 0.6, 0.7), Moment(60.0, 5, 0.2, 0.9), Moment(80.0, 5, 0.4, 0.8)], 10)


def test_a_run_is_as_good_as_its_best_moment_so_far() -> None:
    assert FAST.by_seconds(0.5) is None
    known = [FAST.by_seconds(at) for at in (1.0, 2.5, 9.0)]
    assert [one.val_loss for one in known if one is not None] == [0.5, 0.2, 0.2]
    assert FAST.steps == [30, 60, 70]
    assert math.isinf(FAST.reaches(0.1))


def test_a_test_score_is_known_when_a_job_has_ended() -> None:
    ends = Run(4.0, [Moment(1.0, 3, 0.2, None), Moment(2.0, 3, 0.3, None), Moment(3.0, 0, 0.2, 0.9)], 10)
    assert ends.by_seconds(2.5) == Moment(1.0, 3, 0.2, None)
    assert ends.end == Moment(3.0, 0, 0.2, 0.9)
    assert ends.reaches(0.2) == 1.0


def test_the_time_to_a_score_is_compared_with_the_time_when_the_other_first_had_it() -> None:
    assert to_target([FAST], [SLOW]) == ("2.0", "30x")
    assert to_target([SLOW, SLOW], [FAST, Run(1.0, [Moment(1.0, 1, 0.1, None)], 10)])[0].endswith("(1 of 2)")


def test_the_report_names_every_contestant() -> None:
    text = report(TASKS["digits"], {"hyperband": [FAST, FAST], "ray": [SLOW, SLOW]})
    assert "| **ours**, Hyperband | 0.2000 ± 0.0000 | 0.9000 ± 0.0000 | 70 | 4.0 | 2.0 | 30x |" in text


def test_a_kept_run_is_taken_for_the_same_epochs_trials_and_limit_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "RAW", tmp_path / "build" / "sweeps.json")
    digits = TASKS["digits"]
    keep(key_of(digits, "ray", 0, 90.0), SLOW)
    keep(key_of(digits, "random", 0, 90.0), FAST)
    known = dict(kept())
    assert known[key_of(digits, "ray", 0, 90.0)] == SLOW
    assert known[key_of(digits, "random", 0, 7200.0)] == FAST  # the limit stops peers only
    others = [
        key_of(digits, "ray", 0, 7200.0),
        key_of(digits, "ray", 1, 90.0),
        key_of(digits.smaller(epochs=3, trials=None), "ray", 0, 90.0),
        key_of(digits.smaller(epochs=None, trials=10), "ray", 0, 90.0),
    ]
    assert not known.keys() & set(others)


def test_a_run_that_was_kept_without_its_epochs_and_limit_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "RAW", tmp_path / "sweeps.json")
    old = {"task": "digits", "contestant": "ray", "seed": 0, "trials": 256, "seconds": 90.0}
    sweeps.RAW.write_text(json.dumps(old | {"steps_per_epoch": 10, "moments": [[1.0, 1, 0.5, None]]}))
    assert not dict(kept())
