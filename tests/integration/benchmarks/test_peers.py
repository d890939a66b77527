import pytest

from benchmarks import contestants, peers

pytestmark = pytest.mark.thorough


def test_a_smoke_run_lets_real_processes_compete(capsys: pytest.CaptureFixture[str]) -> None:
    peers.main(["--quick"])
    said = capsys.readouterr().out
    for name, trials in zip(peers.QUICK, (2, 1), strict=True):
        assert f"| {peers.RUNNERS[name].label} | {trials} |" in said


def test_an_unknown_contestant_is_told_all_names() -> None:
    with pytest.raises(SystemExit, match="process per trial"):
        contestants.main(["nobody"])
