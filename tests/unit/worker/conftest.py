from collections.abc import Iterator
from pathlib import Path

import pytest

from ..arithmetic import as_a_trainer_process
from .bench import Bench

__all__ = ["as_a_trainer_process"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.engine.dispose()
