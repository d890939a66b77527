"""Curves with fewer points that look the same: largest triangle, three buckets (Steinarsson 2013, section 4.2)."""

from collections.abc import Collection, Sequence

from spec.views import Curve


def thinned(curve: Curve, most: int, *, by: str, keep: Collection[int] = ()) -> Curve:
    """At most about `most` rows of a curve, chosen by its column `by`: the first, the last, and the epochs `keep` stay.

    All other columns have the same rows, so that a point of one curve has its point in each other.
    """
    epochs = [float(epoch or 0) for epoch in curve.get("epoch", [])]
    if len(epochs) <= most:
        return curve
    rows = set(_largest_triangles(epochs, _filled(curve.get(by, [])) or epochs, most))
    rows |= {row for row, epoch in enumerate(epochs) if epoch in keep}
    chosen = sorted(rows)
    return {name: [column[row] for row in chosen] for name, column in curve.items()}


def _largest_triangles(x: Sequence[float], y: Sequence[float], most: int) -> list[int]:
    """Of each bucket the row that spans the largest triangle with the row before and the mean of the next bucket."""
    last, buckets = len(x) - 1, max(most - 2, 1)
    edges = [1 + (last - 1) * bucket // buckets for bucket in range(buckets + 1)] + [last + 1]
    chosen = [0]
    for bucket in range(buckets):
        begin, end, after = edges[bucket], edges[bucket + 1], edges[bucket + 2]
        following = range(end, max(after, end + 1))
        mean_x, mean_y = (sum(axis[row] for row in following) / len(following) for axis in (x, y))
        dx, dy = x[chosen[-1]] - mean_x, y[chosen[-1]] - mean_y
        areas = {row: abs(dx * (y[row] - mean_y) - dy * (x[row] - mean_x)) for row in range(begin, end)}
        chosen.append(max(areas, key=areas.__getitem__))
    return [*chosen, last]


def _filled(column: Sequence[float | None]) -> list[float]:
    """The column with each gap filled by the value before it."""
    filled: list[float] = []
    for value in column:
        filled.append(value if value is not None else (filled[-1] if filled else 0.0))
    return filled
