"""Users: they submit jobs over HTTP, cancel some, and remember what they were promised."""

import heapq
import queue
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx

from spec.states import FINISHED

from .background import Background

SHAPES: Mapping[str, Mapping[str, object]] = {
    "digits": {"dataset": "digits", "epochs": 80, "architecture": {"type": "mlp", "hidden": [32]}},
    "moons": {
        **{"dataset": {"name": "moons", "n": 400}, "epochs": 200, "dropout": 0.1},
        "architecture": {"type": "mlp", "hidden": [16]},
    },
    "iris": {"dataset": "iris", "epochs": 200, "architecture": "perceptron"},
    "wine": {"dataset": "wine", "epochs": 400, "patience": 12, "optimizer": "adam"},
}
"""Trainings of one to a few seconds, which share packs; one of them stops early. The others are `LONG`."""

LONG: Mapping[str, Mapping[str, object]] = {
    f"long {width}": {"dataset": "digits", "epochs": 600, "architecture": {"type": "mlp", "hidden": [width, width]}}
    for width in (256, 288)
}
"""Trainings of ten seconds and more, most of it matrix products and not epochs. There is always one of each, which
shares no pack with the other: so two workers train whenever they can, and a fault has somebody to strike. The others
have the rest."""

SEEDS = 4
KINDS: Sequence[tuple[str, int]] = [(shape, seed) for shape in (*SHAPES, *LONG) for seed in range(SEEDS)]
"""The different jobs there are: each has one right curve and one right model."""

CANCELLED = 0.1
"""The share of jobs that their users cancel."""
REPEATED = 0.1
"""The share of submissions that are sent once more with their key, though they were answered."""
BULK = 8


@dataclass(frozen=True)
class Cancel:
    """The answer to a user who cancelled a job."""

    job_id: str
    code: int
    status: str


def spec(kind: tuple[str, int], project: str, priority: int = 0) -> dict[str, object]:
    """The spec of one of the different jobs; it may lose as many workers as a job may."""
    shape, seed = kind
    fields = {**SHAPES, **LONG}[shape]
    named = {"name": f"{shape} {seed}", "project": project, "priority": priority}
    return {**fields, **named, "seed": seed, "max_attempts": 20}


class Load:
    """Submits `jobs` jobs over `over_s` seconds, alone and in bulk, cancels some, and keeps long ones going."""

    def __init__(self, http: httpx.Client, random: Random, *, jobs: int, over_s: float) -> None:
        self._http, self._random = http, random
        self._jobs, self._every_s = jobs, over_s / jobs
        self._wanted: queue.SimpleQueue[Callable[[str], object]] = queue.SimpleQueue()
        self._to_cancel: list[tuple[float, str]] = []
        self._long: dict[str, str] = {}
        self._looked_at = 0.0
        self.accepted: dict[str, tuple[str, int]] = {}
        """Every job that a 2xx answer named, and which it is."""
        self.submitted = 0
        """How many of the `jobs` were submitted; the long ones and those that faults want are beside them."""
        self.cancels: list[Cancel] = []
        self._broken: list[str] = []
        self._background = Background("load", self._run)

    @property
    def violations(self) -> list[str]:
        """Promises that an answer broke by itself, and whether users ceased to submit."""
        return [*self._broken, *self._background.violations]

    def start(self) -> None:
        """Begin."""
        self._background.start()

    def one_more(self, accepted: Callable[[str], object]) -> None:
        """Submit a job soon, which is the next in the queue, and return its id once it is accepted."""
        self._wanted.put(accepted)

    def stop(self) -> None:
        """Submit what is left of the jobs, and no more; each is asked for until it is answered."""
        self._background.stop(within_s=120.0)
        self._http.close()

    def submit(self, kinds: Sequence[tuple[str, int]], project: str = "storm", *, priority: int = 0) -> list[str]:
        """Submit jobs, with one key until there is an answer; their ids."""
        specs = [spec(kind, project, priority) for kind in kinds]
        path, body = ("/jobs", specs[0]) if len(specs) == 1 else ("/jobs/bulk", {"jobs": specs})
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        ids = _ids(self._ask(path, body, headers))
        new = set(ids) - self.accepted.keys()
        if not len(ids) == len(new) == len(kinds):
            self._broken.append(f"{len(kinds)} jobs to {path} got {len(ids)} ids, {len(new)} of them new")
        self.accepted.update(zip(ids, kinds, strict=False))
        if self._random.random() < REPEATED and _ids(self._ask(path, body, headers)) != ids:
            self._broken.append(f"the key of {ids} gave other jobs when it was sent again")
        return ids

    def _run(self) -> None:
        began = time.monotonic()
        while not self._background.is_stopped_within(0.05):
            while not self._wanted.empty():
                kind = self._random.choice(list(SHAPES)), self._random.randrange(SEEDS)
                (job_id,) = self.submit([kind], priority=9)  # its bell is measured, and not the queue
                self._wanted.get()(job_id)
            self._cancel_due()
            self._keep_long()
            if self.submitted < min(self._jobs, (time.monotonic() - began) / self._every_s):
                self._some()
        while self.submitted < self._jobs:  # a fault kept the API from answering
            self._some()

    def _some(self) -> None:
        """Submit one job, or a few of one shape."""
        size = min(self._random.choice((1, 1, 1, BULK // 2, BULK)), self._jobs - self.submitted)
        shape = self._random.choice(list(SHAPES))
        for job_id in self.submit([(shape, self._random.randrange(SEEDS)) for _ in range(size)]):
            if self._random.random() < CANCELLED:
                heapq.heappush(self._to_cancel, (time.monotonic() + self._random.uniform(0.0, 6.0), job_id))
        self.submitted += size

    def _keep_long(self) -> None:
        """Submit the next of the long jobs that have ended."""
        if time.monotonic() - self._looked_at < 1.0:
            return
        self._looked_at = time.monotonic()
        for shape in LONG:
            if shape not in self._long or self._has_ended(self._long[shape]):
                (self._long[shape],) = self.submit([(shape, self._random.randrange(SEEDS))])

    def _has_ended(self, job_id: str) -> bool:
        try:
            answer = self._http.get(f"/jobs/{job_id}")
        except httpx.HTTPError:
            return False
        return answer.is_success and answer.json()["status"] in [status.value for status in FINISHED]

    def _cancel_due(self) -> None:
        while self._to_cancel and self._to_cancel[0][0] <= time.monotonic():
            _, job_id = heapq.heappop(self._to_cancel)
            answer = self._ask(f"/jobs/{job_id}/cancel", None, {}, also=(409,))
            self.cancels.append(Cancel(job_id, answer.status_code, str(answer.json()["status"])))

    def _ask(self, path: str, body: Any, headers: Mapping[str, str], also: Sequence[int] = ()) -> httpx.Response:
        """Ask until there is an answer, as a patient client would."""
        while True:
            try:
                answer = self._http.post(path, json=body, headers=headers)
            except httpx.HTTPError:
                time.sleep(0.2)
                continue
            if answer.is_success or answer.status_code in also:
                return answer
            if answer.status_code not in (429, 503):
                self._broken.append(f"{path} was answered with {answer.status_code}: {answer.text[:200]}")
            time.sleep(0.5)


def _ids(answer: httpx.Response) -> list[str]:
    body = answer.json()
    return list(body["ids"]) if "ids" in body else [body["id"]]
