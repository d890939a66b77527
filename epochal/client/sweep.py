"""A sweep as a handle: how far it is, its best configuration, its table, and what can be asked of it."""

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from spec.ensemble import EnsembleView
from spec.monitors import LOWER_IS_BETTER
from spec.replay import ReplayView
from spec.short_ids import short
from spec.states import SweepState, TrialState
from spec.sweep_views import Standing, SweepSummary, SweepView, TrialView

from ..errors import WrongUseError
from .bars import console
from .curve import frame_of
from .job import Job
from .predictions import Predictions, predict
from .states import states
from .sweep_progress import sweep_shown
from .waiting import wait_for_sweep
from .words import html_table, interval, metric

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from .client import Client

FRESH_S = 1.0
"""How long what is known of a sweep that has not ended counts as its present state."""


class Sweep:
    """One sweep of the service. Errors are those of `epochal.errors`."""

    def __init__(self, client: "Client", view: SweepSummary) -> None:
        self._client, self._api = client, client.api
        self._view, self._seen_at = view, time.monotonic()
        self.id = view.id

    @property
    def view(self) -> SweepView:
        """All that the service says of it."""
        view = self._view
        is_fresh = self.ended_as(view) or time.monotonic() - self._seen_at < FRESH_S
        if not isinstance(view, SweepView) or not is_fresh:
            view = self._api.sweep(self.id)
            self.learn(view)
        return view

    def refresh(self) -> Self:
        """Ask the service for its state."""
        return self.learn(self._api.sweep(self.id))

    @property
    def state(self) -> SweepState:
        """running, paused, finished, cancelled or failed."""
        return self.view.state

    @property
    def ended(self) -> bool:
        """Whether it trains nothing more."""
        return self.ended_as(self.view)

    @property
    def best(self) -> Standing | None:
        """Its best configuration, with score, interval and the scores of its seeds; None before one was trained."""
        leaders = self.view.leaderboard
        return leaders[0] if leaders else None

    @property
    def best_job(self) -> Job | None:
        """The job of the best configuration's best seed or fold: its model predicts."""
        best = self.best
        if best is None:
            return None
        scores = dict(zip(best.jobs, best.scores, strict=True))
        choose = min if self.view.objective in LOWER_IS_BETTER else max
        return Job(self._client, choose(scores, key=scores.__getitem__))

    @property
    def leaderboard(self) -> list[Standing]:
        """The best ten configurations."""
        return self.view.leaderboard

    @property
    def sentence(self) -> str:
        """Whether the best configuration is better than the others by more than what seeds do; or why there is none."""
        comparison = self.view.comparison
        return self.view.message or "" if comparison is None else comparison.sentence

    def trials(
        self,
        *,
        sort: str = "number",
        state: TrialState | str | Iterable[TrialState | str] | None = None,
        limit: int | None = None,
    ) -> list[TrialView]:
        """Its configurations, by `number` or best `score` first; `state` is a state or several."""
        return list(self._api.trials(self.id, sort=sort, state=states(TrialState, state), limit=limit))

    def wait(self, timeout: float | None = None, *, progress: bool = True) -> Self:
        """Wait for its end, `timeout` seconds at most. After Ctrl-C it goes on. Raises `NotEndedError`."""
        with sweep_shown(console(quiet=not progress)) as show:
            return self.learn(wait_for_sweep(self._api, self.id, show, timeout_s=timeout, sleep=self._client.sleep))

    def cancel(self) -> Self:
        """Cancel it with its jobs."""
        return self.learn(self._api.cancel_sweep(self.id))

    def pause(self) -> Self:
        """Pause it with its jobs."""
        return self.learn(self._api.pause_sweep(self.id))

    def resume(self) -> Self:
        """Let it go on after a pause."""
        return self.learn(self._api.resume_sweep(self.id))

    def retry(self) -> Self:
        """Train its failed jobs again that another try may mend. Raises `ConflictError` when there are none."""
        return self.learn(self._api.retry_sweep(self.id))

    def extend(self, trials: int) -> Self:
        """Give it more configurations: `trials` in all."""
        return self.learn(self._api.extend_sweep(self.id, trials))

    def replay(self) -> "Sweep":
        """Make it again. The new sweep's `compare` says whether its table is the same. Raises `ConflictError`."""
        return Sweep(self._client, self._api.replay_sweep(self.id))

    def compare(self) -> ReplayView:
        """A replay beside its original: whether the tables are the same, and the first value that is not."""
        return self._api.compare_sweep(self.id)

    def ensemble(self) -> EnsembleView:
        """The models that answer best together: `.members`, `.sentence`, scores beside the best model's.

        Raises `ConflictError` before its end, and for folds.
        """
        return self._api.ensemble(self.id)

    def predict(self, data: Any, **options: Any) -> Predictions:
        """The ensemble's predictions of raw rows; `data` and `options` are those of `Job.predict`."""
        if isinstance(data, str | Path):
            return Predictions([self._api.predict_file_by_sweep(self.id, Path(data), **options)])
        return predict(partial(self._api.predict_by_sweep, self.id), data)

    def to_frame(self) -> "pd.DataFrame":
        """A pandas DataFrame, a row per configuration by its number. Raises `WrongUseError` without pandas."""
        rows = self.trials()
        names = self._parameters(rows)
        columns: dict[str, list[Any]] = {"trial": [row.number for row in rows]}
        columns |= {name: [row.configuration.get(name) for row in rows] for name in names}
        columns |= {
            "score": [row.score for row in rows],
            "deviation": [row.deviation for row in rows],
            "state": [row.state.value for row in rows],
            "epochs trained" if "epochs" in names else "epochs": [row.epochs for row in rows],
        }
        measured = dict.fromkeys(name for row in rows for name in row.metrics or ())
        columns |= {name: [(row.metrics or {}).get(name) for row in rows] for name in measured if name not in columns}
        return frame_of(columns).set_index("trial")

    def plot(self, *, axes: "Mapping[str, Axes] | None" = None) -> "Mapping[str, Axes]":
        """Draw the score against each parameter that is a number; `axes` by parameter, by default new ones."""
        space = self.view.spec.space
        rows = [row for row in self.trials() if row.score is not None]
        numbers = [
            name for name in self._parameters(rows) if all(_is_number(row.configuration.get(name)) for row in rows)
        ]
        if not (rows and numbers):
            raise WrongUseError("There is nothing to draw: no parameter is a number, or no configuration has a score.")
        if axes is None:
            from matplotlib import pyplot

            size = (4.0 * len(numbers), 3.5)
            made = pyplot.subplots(1, len(numbers), figsize=size, sharey=True, squeeze=False, layout="constrained")[1]
            axes = dict(zip(numbers, made[0], strict=True))
        for name, ax in axes.items():
            places = [row.configuration.get(name, float("nan")) for row in rows]
            ax.scatter(places, [row.score or 0.0 for row in rows], s=12, alpha=0.7)
            ax.set_xscale("log" if hasattr(space.get(name), "log_uniform") else "linear")
            ax.set_xlabel(name)
            ax.set_ylabel(self.view.objective.replace("_", " "))
        return axes

    def _parameters(self, rows: Sequence[TrialView]) -> list[str]:
        """The fields that vary, by the space or by the configurations that were given."""
        return list(dict.fromkeys([*self.view.spec.space, *(name for row in rows for name in row.configuration)]))

    def learn(self, view: SweepView) -> Self:
        """Take what the service has just said of it."""
        self._view, self._seen_at = view, time.monotonic()
        return self

    @staticmethod
    def ended_as(view: SweepSummary) -> bool:
        """Whether a sweep in this state trains nothing more."""
        return view.state.is_final

    def __repr__(self) -> str:
        view = self._view
        best = "" if view.best is None else f", best {view.objective} {metric(view.objective, view.best)}"
        name = f"{short(self.id)} {view.name}" if view.name else short(self.id)
        return f"<Sweep {name}: {view.state.value}, {view.proposed} configurations{best}>"

    def _repr_html_(self) -> str:
        view = self.view
        names = self._parameters(view.leaderboard)
        rows = [
            (
                f"#{one.number}",
                metric(view.objective, one.score),
                "" if one.low is None else interval(view.objective, one.low, one.high),
                *(str(one.configuration.get(name, "")) for name in names),
            )
            for one in view.leaderboard
        ]
        return html_table(("", view.objective, "95 % interval", *names), rows) + f"<p>{self.sentence}</p>"


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
