"""The routes about sweeps."""

import uuid
from collections.abc import Collection, Iterator

from pydantic import ValidationError

from spec.newer import NewerView
from spec.replay import ReplayView
from spec.states import SweepState, TrialState
from spec.sweep import SweepSpec
from spec.sweep_views import SweepCheck, SweepPage, SweepSummary, SweepView, TrialDetail, TrialPage, TrialView
from spec.validation_errors import sentences

from ..errors import BadSpecError
from .transport import Body, Transport, Update, commas, path_of, read


class SweepRoutes:
    """What `Api` does with sweeps."""

    _transport: Transport

    def submit_sweep(self, sweep: SweepSpec | Body, *, key: str | None = None) -> SweepView:
        """Submit a sweep. `key` makes a repeated submit the same submit; without one, each call is a new sweep."""
        body = sweep_body(parse_sweep(sweep))
        return read(SweepView, self._transport.request("POST", "/sweeps", body=body, key=key or str(uuid.uuid4())))

    def check_sweep(self, sweep: SweepSpec | Body) -> SweepCheck:
        """The sweep's configurations, jobs, epochs and brackets, without submitting it."""
        body = sweep_body(parse_sweep(sweep))
        return read(SweepCheck, self._transport.request("POST", "/sweeps/check", body=body, repeatable=True))

    def sweep(self, sweep_id: str) -> SweepView:
        """The sweep as it is now, with what it has found."""
        return read(SweepView, self._transport.request("GET", path_of("sweeps", sweep_id)))

    def sweeps(
        self,
        *,
        state: SweepState | Collection[SweepState] | None = None,
        name: str | None = None,
        search: str | None = None,
        id_part: str | None = None,
        limit: int | None = None,
        newer: list[NewerView] | None = None,
    ) -> Iterator[SweepSummary]:
        """Sweeps, newest first, page after page; `limit` in all.

        `search` is a part of the name, `id_part` the beginning or the end of an id. `newer` as for jobs.
        """
        query = {"state": commas(state), "name": name, "search": search, "id": id_part}
        return self._transport.pages(
            SweepPage, "/sweeps", lambda page: page.sweeps, query=query, limit=limit, newer=newer
        )

    def trials(
        self,
        sweep_id: str,
        *,
        sort: str = "number",
        state: TrialState | Collection[TrialState] | None = None,
        limit: int | None = None,
    ) -> Iterator[TrialView]:
        """The sweep's configurations by `number` or best `score` first, page after page; `limit` in all."""
        path, query = path_of("sweeps", sweep_id, "trials"), {"sort": sort, "state": commas(state)}
        return self._transport.pages(TrialPage, path, lambda page: page.trials, query=query, limit=limit, together=500)

    def trial(self, sweep_id: str, number: int) -> TrialDetail:
        """A configuration, with the job of each seed or fold."""
        path = path_of("sweeps", sweep_id, "trials", str(number))
        return read(TrialDetail, self._transport.request("GET", path))

    def cancel_sweep(self, sweep_id: str) -> SweepView:
        """Cancel the sweep with its jobs; running ones end within seconds."""
        return self._ask(sweep_id, "cancel")

    def pause_sweep(self, sweep_id: str) -> SweepView:
        """Pause the sweep with its jobs; running ones stop within seconds."""
        return self._ask(sweep_id, "pause")

    def resume_sweep(self, sweep_id: str) -> SweepView:
        """Let a paused sweep go on."""
        return self._ask(sweep_id, "resume")

    def retry_sweep(self, sweep_id: str) -> SweepView:
        """Queue the sweep's failed jobs again that another try may mend; one that has finished goes on."""
        return self._ask(sweep_id, "retry")

    def extend_sweep(self, sweep_id: str, trials: int) -> SweepView:
        """Give the sweep more configurations: `trials` in all."""
        path, body = path_of("sweeps", sweep_id), {"trials": trials}
        return read(SweepView, self._transport.request("PATCH", path, body=body))

    def replay_sweep(self, sweep_id: str) -> SweepView:
        """Make a sweep that has finished again: a new sweep with the same spec."""
        return self._ask(sweep_id, "replay")

    def compare_sweep(self, sweep_id: str) -> ReplayView:
        """A sweep's replay beside its original: whether the tables are the same, and the first value that is not."""
        return read(ReplayView, self._transport.request("GET", path_of("sweeps", sweep_id, "replay")))

    def watch_sweep(self, sweep_id: str) -> Iterator[Update]:
        """The sweep's progress, whenever it changes, until its end; `data` is that of `spec.sweep_views.SweepProgress`.

        After a broken connection the stream goes on.
        """
        return self._transport.stream(path_of("sweeps", sweep_id, "stream"))

    def _ask(self, sweep_id: str, request: str) -> SweepView:
        return read(SweepView, self._transport.request("POST", path_of("sweeps", sweep_id, request)))


def parse_sweep(sweep: SweepSpec | Body) -> SweepSpec:
    """`sweep` as a spec. Raises `BadSpecError`, which names every field at fault."""
    if isinstance(sweep, SweepSpec):
        return sweep
    try:
        return SweepSpec.model_validate(sweep)
    except ValidationError as error:
        raise BadSpecError("The sweep is not valid.", errors=sentences(error, sweep)) from error


def sweep_body(sweep: SweepSpec) -> Body:
    """The fields that the user set; the server chooses the others."""
    return sweep.model_dump(mode="json", exclude_unset=True)
