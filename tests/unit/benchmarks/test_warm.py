"""The clock of persistent actors starts when all of them are warm."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks import peers, warm
from benchmarks.warm import NeverWarmError, Start


def test_the_clock_starts_when_the_last_of_the_first_actors_is_warm(tmp_path: Path) -> None:
    for process, at in {"11": 100.0, "12": 107.5, "13": 130.0}.items():  # the third has replaced another
        (tmp_path / process).write_text(str(at))
    (tmp_path / "14.new").write_text("1")
    assert Start(str(tmp_path), actors=2).at == 107.5
    assert Start(str(tmp_path), actors=1).at == 100.0


def test_an_actor_warms_up_before_its_first_trial_and_begins_with_the_others(tmp_path: Path) -> None:
    start, done = Start(str(tmp_path), actors=2), list[str]()

    def trial(name: str) -> None:
        start.once_warm(lambda: done.append("warm"))
        done.append(name)

    with ThreadPoolExecutor(1) as actor:
        first = actor.submit(trial, "first")
        assert not first.done()
        (tmp_path / "another").write_text(str(float(2**40)))
        first.result(60.0)
    trial("second")
    assert done == ["warm", "first", "second"]
    assert start.at == 2**40
    assert (tmp_path / str(os.getpid())).exists()


def test_an_actor_that_stays_alone_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "PATIENCE_S", 0.0)
    with pytest.raises(NeverWarmError, match="1 of 2"):
        Start(str(tmp_path), actors=2).once_warm(lambda: None)


def test_contestants_with_persistent_processes_run_all_trials() -> None:
    few = {name for name, runner in peers.RUNNERS.items() if runner.trials < peers.SWEEP}
    assert few == {"process per trial", "ray", "ray idiomatic"}
