"""Numbers as people read them: losses, shares, times, sizes, curves in one line."""

from collections.abc import Sequence

from rich.text import Text

from spec.views import Metrics

from ..client.words import percent

BARS = "▁▂▃▄▅▆▇█"


def duration(seconds: float) -> str:
    """A length of time in its largest unit."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def size(count: int) -> str:
    """A number of bytes in its largest unit."""
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return f"{count} B"


def one_line(text: str) -> Text:
    """A cell that is cut where its column ends, if the column may wrap: a table gives way in such columns first."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def of_rows(metrics: Metrics, name: str) -> float | None:
    """The metric of the validation rows; of the training rows where a job has no validation."""
    split = "val" if "val_loss" in metrics else "train"
    return metrics.get(f"{split}_{name}")


def score(metrics: Metrics) -> str:
    """The accuracy, or else R², of the validation rows."""
    accuracy, r2 = of_rows(metrics, "accuracy"), of_rows(metrics, "r2")
    return percent(accuracy) if accuracy is not None or r2 is None else f"R² {r2:.3f}"


def sparkline(values: Sequence[float | None], *, low: float, high: float, width: int) -> str:
    """A curve as `width` bars or fewer, between the given bounds; a value that is missing is a space."""
    count = min(width, len(values))
    picked = [values[round(place * (len(values) - 1) / max(count - 1, 1))] for place in range(count)]
    return "".join(" " if value is None else _bar(value, low, high) for value in picked)


def _bar(value: float, low: float, high: float) -> str:
    share = (value - low) / (high - low) if high > low else 0.0
    return BARS[min(int(max(share, 0.0) * len(BARS)), len(BARS) - 1)]
