"""How much two hundred readers of a job's live stream slow its training.

`python -m benchmarks.readers [--quick] [--write] [--rounds N] [--readers 200]`. One job (W1, many epochs) trains on the
whole service, alone and with readers. Both trainings of a round follow each other, in an order that changes with each
round, and begin in the same way: paused, then resumed. So what changes slowly on a machine changes both.

Wall time is what a user waits, and differs from round to round on a shared machine. Processor time differs less: what
the API spends more with readers, while the job trains, as a share of the time of all cores, is how much longer a
training takes that keeps all of them busy. The readers are one process that only empties its sockets: its time is said,
and not counted, because readers elsewhere would not take it from this machine.
"""

import argparse
import os
import selectors
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
import psutil

from epochal.stack.home import Home

from . import ours
from .machine import about, command
from .service import running_stack, until
from .tables import PAGE, replace_section, table
from .workloads import W1, trials

EPOCHS = 600
READERS = 200
LIMIT = 0.02
"""Of its time, readers may take so much of a training."""
PATIENCE_S = 300.0
IDLE = 0.1
"""Services that take less processor time in a second are idle."""


@dataclass(frozen=True)
class Trained:
    """A training after its readers came: its epochs, its wall time by the record, and what the API spent meanwhile."""

    epochs: int
    wall_s: float
    api_share: float
    """Processor time of the API, with its part of the record, as a share of the time of all cores."""

    @property
    def epoch_ms(self) -> float:
        """Wall time of an epoch."""
        return 1000.0 * self.wall_s / self.epochs


@dataclass(frozen=True)
class Heard:
    """What the readers have heard, and what hearing cost them."""

    events: int
    ended: int
    """Streams that came to the end of the job."""
    cpu_s: float


def read(port: int, path: str, token: str, readers: int, pipe: Connection) -> None:
    """In a process of its own: follow a stream many times, until all have ended."""
    chosen, events, ended = selectors.DefaultSelector(), 0, 0
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    for _ in range(readers):
        line = socket.create_connection(("127.0.0.1", port), timeout=30)
        line.sendall(request)
        assert line.recv(1 << 16), "a stream ended before it began"
        line.setblocking(False)
        chosen.register(line, selectors.EVENT_READ)
    pipe.send("reading")
    while chosen.get_map():
        for key, _ in chosen.select(timeout=60):
            line = key.fileobj  # type: ignore[assignment]
            try:
                heard = line.recv(1 << 16)
            except ConnectionError:
                heard = b""
            events += heard.count(b"event: ")
            ended += heard.count(b"event: end")
            if not heard or b"event: end" in heard:
                chosen.unregister(line)
                line.close()
    pipe.send(Heard(events, ended, time.process_time()))


@contextmanager
def reading(api: httpx.Client, path: str, readers: int) -> Iterator[Connection]:
    """The readers, while a job trains."""
    mine, theirs = get_context("spawn").Pipe()
    token = api.headers["Authorization"].removeprefix("Bearer ")
    process = get_context("spawn").Process(target=read, args=(api.base_url.port, path, token, readers, theirs))
    process.start()
    try:
        yield mine
    finally:
        process.join(timeout=60)
        process.kill()


def trained(api: httpx.Client, home: Home, epochs: int, readers: int) -> tuple[Trained, Heard | None]:
    """What a training took, and what its readers heard."""
    (trial,) = trials(W1, 1)
    spec = ours.spec(W1.shortened(epochs=epochs), trial).model_dump(mode="json", exclude_unset=True)
    body = {**spec, "name": f"{readers} readers"}
    path = f"/api/v1/jobs/{_json(api.post('/api/v1/jobs', json=body))['id']}"
    _json(api.post(f"{path}/pause"))  # it goes on when all readers are there
    with reading(api, f"{path}/stream", readers) if readers else nullcontext() as pipe:
        assert pipe is None or pipe.recv() == "reading"
        until("the job is paused", lambda: _json(api.get(path))["status"] == "paused")
        left = epochs - _json(api.get(path))["progress"]["epoch"]
        _json(api.post(f"{path}/resume"))
        api_share = share_of_api(home, lambda: _json(api.get(path))["status"] not in ("queued", "running"))
        heard = None if pipe is None else pipe.recv()
    assert heard is None or heard.ended == readers, f"{heard.ended} of {readers} streams came to the end"
    return Trained(left, _trained_s(api, path), api_share), heard


def share_of_api(home: Home, over: Callable[[], bool]) -> float:
    """Of the time of all cores, what the API spends until it is over: streams that end then no longer count."""
    began, before = time.monotonic(), spent(home)
    share, ends = 0.0, began + PATIENCE_S
    while not over():
        assert time.monotonic() < ends, "the training does not end"
        share = (spent(home) - before) / (time.monotonic() - began) / (os.cpu_count() or 1)
        time.sleep(0.25)
    return share


def spent(home: Home, *services: str) -> float:
    """Processor seconds that services have spent so far, with the processes that they started."""
    seconds = 0.0
    for service in home.services():
        if service.name in (services or ("api",)) and service.pid is not None:
            root = psutil.Process(service.pid)
            for process in (root, *root.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    seconds += sum(process.cpu_times()[:2])
    return seconds


def _trained_s(api: httpx.Client, path: str) -> float:
    """The seconds between the record's last start of a job and its success."""
    events = _json(api.get(f"{path}/events"))["events"]
    at = {event["to_status"]: datetime.fromisoformat(event["at"]) for event in events}
    assert events[-1]["to_status"] == "succeeded", events[-1]
    return (at["succeeded"] - at["running"]).total_seconds()


def idle(home: Home) -> bool:
    """Whether no service works any more, such as on the pictures of the job before."""
    names = [service.name for service in home.services()]
    before = spent(home, *names)
    time.sleep(1.0)
    return spent(home, *names) - before < IDLE


def _json(answer: httpx.Response) -> Any:
    return answer.raise_for_status().json()


@dataclass(frozen=True)
class Round:
    """A training alone and one with readers."""

    alone: Trained
    followed: Trained
    heard: Heard

    @property
    def slower(self) -> float:
        """By wall time."""
        return self.followed.epoch_ms / self.alone.epoch_ms - 1.0

    @property
    def cost(self) -> float:
        """What readers cost, as a share of the time of all cores."""
        return self.followed.api_share - self.alone.api_share


def measured(epochs: int, rounds: int, readers: int) -> list[Round]:
    """Each round's trainings."""
    found = list[Round]()
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder), DEVICES="cpu") as (api, _):
        home = Home(Path(folder))
        for warm in (0, readers):
            trained(api, home, 200, warm)
        for number in range(rounds):
            both = dict[int, tuple[Trained, Heard | None]]()
            for many in sorted((0, readers), reverse=number % 2 == 1):
                until("the services are idle", lambda: idle(home))
                both[many] = trained(api, home, epochs, many)
            (alone, _none), (followed, heard) = both[0], both[readers]
            assert heard is not None
            found.append(Round(alone, followed, heard))
            print(f"  round {number + 1}/{rounds}: {found[-1]}", file=sys.stderr, flush=True)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short job, once")
    parser.add_argument("--write", action="store_true", help="replace the table in docs/benchmarks.md")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--readers", type=int, default=READERS)
    asked = parser.parse_args(arguments)
    epochs, rounds = (200, 1) if asked.quick else (EPOCHS, asked.rounds)
    found = measured(epochs, rounds, asked.readers)

    def median(of: Callable[[Round], float]) -> float:
        return statistics.median(of(one) for one in found)

    slower, costs = sorted(one.slower for one in found), sorted(one.cost for one in found)
    row = [
        f"{asked.readers}",
        f"{median(lambda one: one.alone.epoch_ms):.2f} ms",
        f"{median(lambda one: one.followed.epoch_ms):.2f} ms",
        f"{100 * median(lambda one: one.slower):+.1f} % ({100 * slower[0]:+.1f} to {100 * slower[-1]:+.1f})",
        f"{100 * median(lambda one: one.cost):.2f} % ({100 * costs[0]:.2f} to {100 * costs[-1]:.2f})",
        f"{median(lambda one: one.heard.events / one.followed.wall_s):,.0f}",
        f"{median(lambda one: one.heard.cpu_s):.2f} s",
    ]
    header = [
        *("readers", "epoch alone", "followed", "slower by", "cost, of the time of all cores"),
        *("events a second", "CPU of the readers"),
    ]
    caption = f"medians of {rounds} rounds of {epochs} epochs of W1. At most {100 * LIMIT:.0f} % are allowed. "
    text = f"{table(header, [row])}\n\n{command('readers', arguments)}: {caption}{about('torch')}"
    print(text)
    if asked.write:
        replace_section(PAGE, "readers", text)


if __name__ == "__main__":
    main()
