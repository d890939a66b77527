"""Each lesson is run, and what it claims is what its runs show."""

from itertools import groupby
from pathlib import Path

import pytest
import torch

from spec.lesson import Ending, Seen, lessons_in, read
from spec.verdict import VerdictKind, judge
from trainer.callbacks import RecordingCallbacks
from trainer.fit import fit
from trainer.member import Entry

pytestmark = pytest.mark.thorough


@pytest.mark.parametrize(("name", "file"), [pytest.param(*one, id=one[0]) for one in lessons_in()])
def test_a_lesson_shows_what_it_claims(name: str, file: Path) -> None:
    lesson, kept = read(file), RecordingCallbacks()
    jobs = lesson.jobs_of(name)
    entries = sorted((Entry(run, spec) for run, spec in jobs.items()), key=lambda entry: entry.spec.pack_key)
    for _, alike in groupby(entries, lambda entry: entry.spec.pack_key):
        fit(list(alike), kept, device=torch.device("cpu"), limit=64)
    diverge = {one.run for one in lesson.claims if isinstance(one, Ending) and one.verdict is VerdictKind.diverged}
    ends = {run: outcome.end for run, outcome in kept.outcomes.items()}
    assert ends == {run: "diverged" if run in diverge else "succeeded" for run in jobs}
    seen: dict[str, Seen] = {}
    for run, spec in jobs.items():
        verdict = judge(spec, kept.curves[run])
        seen[run] = Seen(kept.curves[run], kept.outcomes[run].stop_reason, None if verdict is None else verdict.kind)
    assert [claim.sentence(seen) for claim in lesson.claims if not claim.holds(seen)] == []
