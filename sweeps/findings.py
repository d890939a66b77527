"""What the scores of the best configurations say: the band of each, and whether the best differs from the others."""

from collections.abc import Mapping, Sequence

from spec.halving import metric_of
from spec.sweep import SweepSpec

from .statistics import Band, Comparison, band, compare, sentence


def interval(spec: SweepSpec, scores: Sequence[float]) -> Band:
    """Mean and confidence interval of a configuration's objective, in its own units."""
    return band([metric_of(score, spec.monitored) or 0.0 for score in scores], test_share=test_share(spec))


def compared(spec: SweepSpec, scores: Mapping[int, Sequence[float]]) -> tuple[str, Mapping[int, Comparison]]:
    """The best configuration beside each of the others, and a sentence.

    `scores` are those of the seeds or folds by the configuration's number, the best first; at least one.
    """
    (best, of_best), *others = scores.items()
    found = compare(of_best, [theirs for _, theirs in others], test_share=test_share(spec))
    by_number = {number: one for (number, _), one in zip(others, found, strict=True)}
    named = {f"#{number}": one for number, one in by_number.items()}
    return sentence(f"#{best}", named, unit="folds" if spec.folds else "seeds"), by_number


def test_share(spec: SweepSpec) -> float | None:
    """Validation rows by training rows of a fold; None of seeds."""
    return None if spec.folds is None else 1.0 / (spec.folds - 1)
