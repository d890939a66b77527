"""The upload of a large CSV: its duration, and the memory of the API and the reader (`--write`: into the page)."""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv

from epochal.client import Api
from spec.settings import Settings
from spec.views import DatasetView
from store import db, schema
from store.tokens import TokenStore
from tests.services import free_port

from .machine import about, command
from .tables import PAGE, replace_section, table

CHUNK_ROWS = 100_000
START_TIMEOUT_S = 60.0
SAMPLE_S = 0.05


class MemoryWatch:
    """Measures the peak memory of the API's processes and of its readers."""

    def __init__(self, server: psutil.Process) -> None:
        self.api_bytes = self.reader_bytes = 0
        self._server = server
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(SAMPLE_S):
            api = reader = 0
            for process in [self._server, *self._server.children(recursive=True)]:
                try:
                    size = process.memory_info().rss
                    if "ingest" in process.cmdline():
                        reader += size
                    else:
                        api += size
                except psutil.Error:  # the process has ended
                    continue
            self.api_bytes, self.reader_bytes = max(self.api_bytes, api), max(self.reader_bytes, reader)


def make(file: Path, rows: int, columns: int) -> None:
    """Write a CSV of numbers, a category, missing values and a target of two classes."""
    random = np.random.default_rng(0)
    names = [f"c{number}" for number in range(columns - 2)]
    with pa.csv.CSVWriter(
        file, pa.schema([*((name, pa.string()) for name in names), ("city", pa.string()), ("y", pa.int64())])
    ) as writer:
        for first in range(0, rows, CHUNK_ROWS):
            count = min(CHUNK_ROWS, rows - first)
            numbers = [pa.array(np.char.mod("%.4f", random.normal(size=count))) for _ in names]
            numbers[0] = pa.array(np.where(random.random(count) < 0.05, "", numbers[0].to_numpy(zero_copy_only=False)))
            city = pa.array(np.array(["Oslo", "Paris", "Rome", "Lima"])[random.integers(0, 4, count)])
            target = pa.array(random.integers(0, 2, count))
            writer.write_batch(pa.record_batch([*numbers, city, target], names=[*names, "city", "y"]))


@contextmanager
def serving(home: Path) -> Iterator[tuple[psutil.Process, str, str]]:
    """Gunicorn with the API and a new database; its process, address and token."""
    url = Settings.read({"EPOCHAL_HOME": str(home)}).database_url
    schema.migrate(url)
    engine = db.connect(url)
    token = TokenStore(engine).create(owner="bench")
    engine.dispose()
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("EPOCHAL_")}
    environ |= {"EPOCHAL_HOME": str(home), "EPOCHAL_BROKER_URL": "redis://127.0.0.1:1/0"}
    command = [sys.executable, "-m", "gunicorn", "--config", "python:api.gunicorn", "api.wsgi:app"]
    process = subprocess.Popen([*command, "--bind", f"127.0.0.1:{port}"], env=environ)
    try:
        _await(f"http://127.0.0.1:{port}/readyz")
        yield psutil.Process(process.pid), f"http://127.0.0.1:{port}", token
    finally:
        process.terminate()
        process.wait(timeout=30)


def _await(url: str) -> None:
    ends = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            assert time.monotonic() < ends, f"{url} does not answer"
        time.sleep(0.1)


def measure(rows: int, columns: int, folder: Path) -> tuple[DatasetView, Sequence[str]]:
    """Upload one file; the data set, and its row of the table."""
    file = folder / "large.csv"
    make(file, rows, columns)
    with serving(folder) as (server, url, token), Api(url, token) as client:
        sent_s = 0.0
        begun = time.perf_counter()

        def on_progress(sent: int, total: int) -> None:
            nonlocal sent_s
            sent_s = time.perf_counter() - begun

        with MemoryWatch(server) as watch:
            idle = server.memory_info().rss + sum(child.memory_info().rss for child in server.children())
            made = client.upload(file, target="y", on_progress=on_progress)
        took_s = time.perf_counter() - begun
    cells = [
        f"{rows:,} x {columns}",
        f"{file.stat().st_size / 1e6:,.0f} MB",
        f"{sent_s:.1f} s",
        f"{took_s - sent_s:.1f} s",
        f"{idle / 1e6:,.0f} MB",
        f"{watch.api_bytes / 1e6:,.0f} MB",
        f"{watch.reader_bytes / 1e6:,.0f} MB",
    ]
    return made, cells


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upload", description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the rows")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE}")
    options = parser.parse_args(arguments)
    rows = options.rows // 100 if options.quick else options.rows
    with tempfile.TemporaryDirectory() as folder:
        made, cells = measure(rows, options.columns, Path(folder))
    assert made.rows == rows
    header = ["rows x columns", "CSV", "sent in", "read in", "API before", "API, at most", "reader, at most"]
    text = f"{command('upload', arguments)}: {about('pyarrow', 'gunicorn')}\n\n{table(header, [cells])}"
    print(text)
    if options.write:
        replace_section(PAGE, "upload", text)


if __name__ == "__main__":
    main()
