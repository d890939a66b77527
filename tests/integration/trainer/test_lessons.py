"""Each lesson is run, and what it claims is what its runs show."""

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pytest
import torch

from spec.lesson import Seen, lessons_in, read
from spec.verdict import judge
from spec.views import Curve
from trainer.callbacks import NullCallbacks
from trainer.fit import Entry, Outcome, Point, fit


class Kept(NullCallbacks):
    def __init__(self) -> None:
        self.curves: dict[str, Curve] = {}
        self.outcomes: dict[str, Outcome] = {}

    def on_epoch_end(self, points: Sequence[Point]) -> None:
        for point in points:
            curve = self.curves.setdefault(point.id, {"epoch": []})
            curve["epoch"].append(float(point.epoch))
            for name, value in point.metrics.items():
                curve.setdefault(name, []).append(value if math.isfinite(value) else None)

    def on_member_end(self, outcome: Outcome) -> None:
        self.outcomes[outcome.id] = outcome


@pytest.mark.parametrize(("name", "file"), [pytest.param(*one, id=one[0]) for one in lessons_in()])
def test_a_lesson_shows_what_it_claims(name: str, file: Path) -> None:
    lesson, kept = read(file), Kept()
    jobs = lesson.jobs_of(name)
    entries = sorted((Entry(run, spec) for run, spec in jobs.items()), key=lambda entry: entry.spec.pack_key)
    for _, alike in groupby(entries, lambda entry: entry.spec.pack_key):
        fit(list(alike), kept, device=torch.device("cpu"), limit=64)
    seen: dict[str, Seen] = {}
    for run, spec in jobs.items():
        verdict = judge(spec, kept.curves[run])
        seen[run] = Seen(kept.curves[run], kept.outcomes[run].stop_reason, None if verdict is None else verdict.kind)
    assert [claim.sentence(seen) for claim in lesson.claims if not claim.holds(seen)] == []
