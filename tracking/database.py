"""Whether MLflow's database is the one that runs were sent to, or another: lost and made anew, or a new server's."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from store.mirror import MirrorStore

from .mlflow import Mlflow, MlflowError, MlflowMissingError, MlflowUnreachableError

log = logging.getLogger(__name__)

LOOKS_EVERY_S = 1.0
"""Between two looks: each is a request that takes milliseconds."""


class Database:
    """MLflow's database, which is known by the time when it was made."""

    def __init__(self, mlflow: Mlflow, store: MirrorStore, clock: Callable[[], float]) -> None:
        self._mlflow, self._store, self._clock = mlflow, store, clock
        self._made_at: datetime | None = None
        self._looks_at = float("-inf")

    def has_changed(self) -> bool:
        """Whether it is another one than at the last look, so that what is remembered of it is wrong.

        If it has none of the runs that were complete before it was made, it has lost them: they are sent again. One
        that is missing may have been purged. Raises `MlflowUnreachableError`.
        """
        if self._clock() < self._looks_at:
            return False
        self._looks_at = self._clock() + LOOKS_EVERY_S
        try:
            made_at = self._mlflow.made_at()
            if made_at is None or made_at == self._made_at:
                return False
            self._send_again_what_it_lost(made_at)
        except MlflowUnreachableError:
            raise
        except MlflowError as error:
            log.debug("whether MLflow has lost runs is not known: %s", error)
            return False
        was_known, self._made_at = self._made_at is not None, made_at
        return was_known

    def _send_again_what_it_lost(self, made_at: datetime) -> None:
        runs = self._store.complete_runs(ended_before=made_at)
        if runs and not any(map(self._has, runs)):
            log.warning(
                "MLflow's database is another one: it was made on %s, and lacks runs from before. "
                "The runs of %s jobs are sent again from the record.",
                made_at.astimezone(UTC).isoformat(" ", "seconds"),
                f"{self._store.again():,}",
            )

    def _has(self, run_id: str) -> bool:
        try:
            self._mlflow.run(run_id)
        except MlflowMissingError:
            return False
        return True
