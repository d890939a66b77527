"""What the counterfactuals of a job show: which of them are better than the job, and a sentence that says so.

A change helps if its mean is better than the job's by more than what seeds do (paired t-test with Holm's correction,
p < 0.05), and by enough to matter: 0.01 of an accuracy or of R², a hundredth of a loss or an error. With classes, other
than by ROC AUC, it must be six rows, too: all seeds are measured on the same rows, and of fewer a sign test never says
p < 0.05.
If the best change is better by enough, but not by more than what seeds do, the sentence says how many seeds decide.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spec.configuration import Configuration, with_fields
from spec.counterfactuals import words
from spec.curve.accuracy import LEAST_SKILL
from spec.halving import score_of
from spec.improvement import MOST_SEEDS, ChangeView
from spec.job import JobSpec
from spec.monitors import LOWER_IS_BETTER, SPLITS, Monitor, figure, is_share, limits_of, measure_of, percent
from spec.p_values import p_text

from .counted import counted_by_class, rows_of
from .statistics import CONFIDENCE, LEAST_ROWS, Comparison, band, compare

MATTERS = 0.01


@dataclass(frozen=True)
class Tried:
    """A configuration, {} for the job as it is, and the objective of each seed; None where it is no number."""

    number: int
    configuration: Configuration
    values: Sequence[float | None]


@dataclass(frozen=True)
class Improvement:
    """The changes, the job as it is first and then the best first, and what they say."""

    changes: list[ChangeView]
    sentence: str
    suggestion: JobSpec | None


def improvement(spec: JobSpec, objective: Monitor, tried: Sequence[Tried]) -> Improvement:
    """Compare the counterfactuals of a job with the job: `tried` holds both, by the same seeds."""
    [original] = (one for one in tried if not one.configuration)
    return _Comparison(spec, objective, original).with_all([one for one in tried if one.configuration])


def too_few_rows(spec: JobSpec, objective: Monitor, value: float | None) -> str | None:
    """Why hardly any change can help a job that has this `value` already; None: enough rows are counted."""
    rows = rows_of(spec, objective)
    if rows is None or value is None or (1.0 - value) * rows + 1e-9 >= LEAST_ROWS:
        return None
    rarest = "" if counted_by_class(spec, objective) is None else " of the rarest class"
    counted = f"six {SPLITS[objective.partition('_')[0]]} rows{rarest}"
    fewer = "there are fewer" if rows < LEAST_ROWS else f"with {shown(value, objective)} the job leaves less"
    return (
        f"A change helps only if its {name_of(objective)} is better by {counted}, and {fewer}: "
        "hardly any change can be seen to help. Train on more rows, or with a larger validation_fraction."
    )


class _Comparison:
    """A job, trained with several seeds, beside its counterfactuals."""

    def __init__(self, spec: JobSpec, objective: Monitor, original: Tried) -> None:
        self._spec, self._objective = spec, objective
        self._ours = self._scores(original)
        self._finite = [score for score in self._ours if math.isfinite(score)]
        self._original = self._view(original, None)

    def with_all(self, others: Sequence[Tried]) -> Improvement:
        scores = {other.number: self._scores(other) for other in others}
        known = [number for number, theirs in scores.items() if all(map(math.isfinite, [*self._ours, *theirs]))]
        compared = dict(
            zip(known, compare(self._ours, [scores[number] for number in known], step=self._step), strict=True)
        )
        changes = [self._view(other, compared.get(other.number)) for other in others]
        changes.sort(key=lambda change: (score_of(change.mean, self._objective), change.number))
        helping = [change for change in changes if change.helps]
        return Improvement(
            [self._original, *changes],
            self._helped(helping) if helping else self._nothing(changes, compared),
            with_fields(self._spec, helping[0].configuration) if helping else None,
        )

    def _scores(self, tried: Tried) -> list[float]:
        return [score_of(value, self._objective) for value in tried.values]

    def _view(self, tried: Tried, compared: Comparison | None) -> ChangeView:
        known = all(map(math.isfinite, self._scores(tried)))
        values = [value for value in tried.values if value is not None]
        limits = limits_of(self._objective, ends_at_zero=self._spec.loss.traits.ends_at_zero)
        interval = band(values, step=self._step, limits=limits) if known else None
        p = None if compared is None else compared.p
        return ChangeView(
            number=tried.number,
            change=words(self._spec, tried.configuration),
            configuration=tried.configuration,
            scores=list(tried.values),
            mean=None if interval is None else interval.mean,
            low=None if interval is None else interval.low,
            high=None if interval is None else interval.high,
            difference=None if compared is None else -compared.difference,
            p=p,
            helps=bool(tried.configuration) and known and self._helps(self._scores(tried), p),
        )

    def _helps(self, scores: Sequence[float], p: float | None) -> bool:
        """Whether finite scores are better; of a job that diverges with a seed, whether the others are not worse."""
        gains = [ours - theirs for ours, theirs in zip(self._ours, scores, strict=True) if math.isfinite(ours)]
        gained = math.fsum(gains) / max(len(gains), 1)
        if len(gains) < len(self._ours):
            return gained >= -self._enough
        return gained >= self._enough and p is not None and p < 1.0 - CONFIDENCE

    @property
    def _enough(self) -> float:
        """The least difference that matters."""
        if self._objective in LOWER_IS_BETTER:
            return MATTERS * abs(math.fsum(self._finite)) / max(len(self._finite), 1)
        return max(MATTERS, LEAST_ROWS * self._step)

    @property
    def _step(self) -> float:
        """The share of one row in a metric of classes; 0.0 of others."""
        rows = rows_of(self._spec, self._objective)
        return 0.0 if rows is None else 1.0 / max(rows, 1)

    # --- sentences ---------------------------------------------------------------------------------------------------

    def _helped(self, helping: Sequence[ChangeView]) -> str:
        seeds, best, others = len(self._ours), helping[0], len(helping) - 1
        more = (
            "" if not others else " Another change helps too." if others == 1 else f" {others} other changes help too."
        )
        if self._original.mean is None:
            lost = seeds - len(self._finite)
            reached = f"{name_of(self._objective)} {shown(best.mean, self._objective)}"
            return (
                f"The job diverges with {lost} of {seeds} seeds; {best.change} never does, and reaches {reached}.{more}"
            )
        return f"{self._effect(best)} ({seeds} seeds, {_p(best.p)}).{more}"

    def _nothing(self, changes: Sequence[ChangeView], compared: Mapping[int, Comparison]) -> str:
        """Nothing helps, or it is not decided: then more seeds would say."""
        name, seeds = name_of(self._objective), len(self._ours)
        best = next((change for change in changes if change.number in compared), None)
        if best is None or best.difference is None:
            lost = "the job has no" if not self._finite else "with some seeds, the job has no"
            return f"Nothing helped: {lost} {name}, and each of {len(changes)} changes has none either, or is worse."
        needed = compared[best.number].needed
        if best.difference >= self._enough and needed is not None:
            allowed = needed + seeds <= MOST_SEEDS
            cure = f"Improve it with {needed + seeds}" if allowed else f"It would take more than {MOST_SEEDS}"
            return (
                f"Not decided: {self._effect(best)}, but with {seeds} seeds the difference is not larger than what "
                f"seeds do. {cure} seeds to decide."
            )
        sure = any(one.difference < 0.0 and one.decided for one in compared.values())
        return (
            f"Nothing helped: none of {len(changes)} changes is better by more than what seeds do ({seeds} seeds)"
            f"{', and by enough to matter' if sure else ''}. "
            f"The job's {name} is {_range(self._original, self._objective)}."
        )

    def _effect(self, best: ChangeView) -> str:
        verb = "lowers" if self._objective in LOWER_IS_BETTER else "raises"
        before, after = (shown(change.mean, self._objective) for change in (self._original, best))
        guess = self._objective.endswith("_r2") and best.mean is not None and best.mean < LEAST_SKILL
        hardly = ", and a guess has 0" if guess else ""
        return f"{best.change} {verb} {name_of(self._objective)} from {before} to {after}{hardly}"


def name_of(objective: Monitor) -> str:
    """The metric in words, such as validation accuracy."""
    return f"{SPLITS[objective.partition('_')[0]]} {measure_of(objective).words}"


def shown(value: float | None, objective: Monitor) -> str:
    """A value of the metric for people: accuracies and F1 in percent."""
    if value is None:
        return "no number"
    return percent(value) if is_share(objective) else figure(value)


def _range(change: ChangeView, objective: Monitor) -> str:
    """The mean with its interval."""
    if change.mean is None or change.low is None or change.high is None:
        return "no number with every seed"
    low, high = shown(change.low, objective), shown(change.high, objective)
    return f"{shown(change.mean, objective)} (95 % interval: {low} to {high})"


def _p(p: float | None) -> str:
    return "" if p is None else "p < 0.001" if p < 0.001 else f"p = {p_text(p)}"
