"""Jobs that are asked for: handles one after the other, or a table of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from spec.views import ListedJob

from .comparing import best_epochs, best_metrics, differing
from .curve import frame_of
from .job import Job

if TYPE_CHECKING:
    import pandas as pd

    from .client import Client


class Jobs(Iterator[Job]):
    """Jobs, page after page as they are read: go through them, or make a list or a DataFrame of them."""

    def __init__(self, client: "Client", found: Iterator[ListedJob]) -> None:
        self._client, self._found = client, found

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Job:
        view = next(self._found)
        return Job(self._client, view.id, view)

    def __repr__(self) -> str:
        return "<Jobs, not read yet: list(jobs), jobs.to_frame(), or `for job in jobs`>"

    def to_frame(self) -> "pd.DataFrame":
        """A pandas DataFrame, a row per job that was not read yet: state, the fields that differ, metrics.

        Metrics are those of the best epochs. Raises `WrongUseError` without pandas.
        """
        jobs = list(self._found)
        about = {"id": [job.id for job in jobs], "name": [job.name for job in jobs]}
        state = {"status": [job.status.value for job in jobs], "epoch": [job.progress.epoch for job in jobs]}
        columns = {**about, **state, **differing(jobs), "best_epoch": best_epochs(jobs), **best_metrics(jobs)}
        return frame_of({**columns, "created_at": [job.created_at for job in jobs]}).set_index("id")
