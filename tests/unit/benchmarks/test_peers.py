import pytest

from benchmarks import gpu, peers
from benchmarks.contestants import CONTESTANTS
from benchmarks.workloads import W1


def test_every_row_has_a_contestant() -> None:
    assert set(peers.RUNNERS) == set(CONTESTANTS)


def test_without_a_gpu_the_table_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    gpu.main([])
    assert "not run: this machine has no CUDA device" in capsys.readouterr().out


def test_the_least_bytes_of_a_step_are_about_what_the_parameters_weigh() -> None:
    weights = 4 * (64 * 64 + 64 + 64 * 32 + 32 + 32 * 10 + 10)
    assert 10 * weights < gpu.least_bytes(W1) < 13 * weights
