import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .test_main import run


@pytest.mark.thorough
def test_a_file_that_unpacks_to_more_than_the_memory_is_refused(tmp_path: Path) -> None:
    text = pa.array([f"{row}" + "a" * 60_000 for row in range(6_000)])
    columns = pa.table({"a": text, "y": np.arange(6_000)})
    pq.write_table(columns, tmp_path / "f.parquet", use_dictionary=False, compression="zstd")
    assert (tmp_path / "f.parquet").stat().st_size < 1_000_000  # and 360 MB unpacked
    code, said = run(tmp_path / "f.parquet", target=["y"], code="import ingest.limits as l; l.MEMORY = l.GIB // 2")
    assert (code, json.loads(said)["message"]) == (2, "needs more than 0.5 GiB of memory to be read")
