import tracemalloc
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from spec.views import Curve, Metrics
from store.curves import _joined

Chunks = list[tuple[int, dict[str, list[float | None]]]]


def by_rows(chunks: Chunks, after_epoch: int, upto: int | None) -> Curve:
    """What `_joined` gives, made epoch by epoch."""
    rows: dict[int, Metrics] = {}
    newest = 0
    for attempt, columns in chunks:
        epochs = [int(epoch or 0) for epoch in columns["epoch"]]
        if attempt > newest:
            newest, rows = attempt, {epoch: row for epoch, row in rows.items() if epoch < epochs[0]}
        for place, epoch in enumerate(epochs):
            if epoch > after_epoch and (upto is None or epoch <= upto):
                rows[epoch] = {name: column[place] for name, column in columns.items() if name != "epoch"}
    ordered = [rows[epoch] for epoch in sorted(rows)]
    curve: Curve = {"epoch": [*sorted(rows)]}
    return curve | {
        name: [row.get(name) for row in ordered] for name in dict.fromkeys(n for row in ordered for n in row)
    }


@st.composite
def chunks_in_order(draw: st.DrawFn) -> Chunks:
    """Chunks that overlap, leave gaps and lack columns, of several attempts."""
    found: Chunks = []
    for attempt in range(1, draw(st.integers(1, 3)) + 1):
        of_attempt = draw(st.lists(st.sets(st.integers(1, 12), min_size=1, max_size=6), max_size=4))
        for epochs in sorted((sorted(one) for one in of_attempt), key=lambda one: one[0]):
            names: Sequence[str] = draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True))
            values = st.lists(st.none() | st.floats(0, 1), min_size=len(epochs), max_size=len(epochs))
            found.append((attempt, {"epoch": [*epochs], **{name: draw(values) for name in names}}))
    return found


@given(chunks=chunks_in_order(), after_epoch=st.integers(0, 13), upto=st.none() | st.integers(0, 13))
def test_chunks_in_any_relation_become_the_curve_of_their_epochs(
    chunks: Chunks, after_epoch: int, upto: int | None
) -> None:
    joined = _joined(chunks, after_epoch, upto)
    assert joined == by_rows(chunks, after_epoch, upto)
    assert all(joined["epoch"] is not columns["epoch"] for _, columns in chunks)


def test_a_long_curve_takes_the_memory_of_its_columns() -> None:
    epochs, names = 40_000, [f"m{number}" for number in range(7)]
    chunks: Chunks = []
    for first in range(1, epochs, 500):
        column: list[float | None] = [*range(first, first + 500)]
        chunks.append((1, {"epoch": column, **dict.fromkeys(names, column)}))
    tracemalloc.start()
    try:
        curve = _joined(chunks, 0, None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert curve["m6"] == [*range(1, epochs + 1)]
    assert peak < 1.5 * 8 * epochs * (len(names) + 1)
