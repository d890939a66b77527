"""Device time: what attempts are charged adds up to the time of their slots."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.usage import report
from store.usage import Span, Use, shares

moments = st.integers(0, 40).map(float)
spans = st.lists(st.builds(Span, st.tuples(st.just("w"), st.sampled_from(["cuda:0", "cuda:1"])), moments, moments))


@given(spans)
def test_shares_add_up_to_the_time_in_which_a_slot_was_used(spans: list[Span]) -> None:
    charged, seconds = defaultdict[tuple[str, str], float](float), defaultdict[tuple[str, str], set[int]](set)
    for span, share in zip(spans, shares(spans), strict=True):
        assert -1e-9 <= share <= max(span.ends - span.begins, 0.0) + 1e-9
        charged[span.slot] += share
        seconds[span.slot] |= set(range(int(span.begins), int(span.ends)))
    assert charged == pytest.approx({slot: float(len(used)) for slot, used in seconds.items()})


uses = st.builds(
    Use, *(st.sampled_from(["ada", "bob"]), st.sampled_from(["", "vision"]), st.none()),
    tags=st.sampled_from([{}, {"team": "a"}]), kind=st.sampled_from(["cpu", "cuda"]), seconds=st.floats(0.0, 1e6),
)  # fmt: skip


@given(st.lists(uses), st.sampled_from(["user", "project", "tag:team"]))
def test_the_lines_of_a_report_add_up_to_all_attempts(uses: list[Use], by: str) -> None:
    until = datetime.now(UTC)
    made = report(by, until - timedelta(days=30), until, uses)
    assert sum(line.attempts for line in made.lines) == len(uses)
    for kind, of_lines, in_all in (
        ("cuda", sum(line.gpu_hours for line in made.lines), made.gpu_hours),
        ("cpu", sum(line.cpu_hours for line in made.lines), made.cpu_hours),
    ):
        assert of_lines == pytest.approx(in_all, abs=1e-5)
        assert in_all == pytest.approx(sum(use.seconds for use in uses if use.kind == kind) / 3600.0, abs=1e-5)
