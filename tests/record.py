"""The record as users and workers see it together."""

from sqlalchemy import Engine

from store.jobs import JobStore
from store.leases import LeaseStore
from store.limits import NONE, Limits


class Record(JobStore, LeaseStore):
    """Both stores over one database: a test submits as a user does, and claims as a worker does."""

    def __init__(self, engine: Engine, limits: Limits = NONE) -> None:
        JobStore.__init__(self, engine, limits)
        LeaseStore.__init__(self, engine, limits)
