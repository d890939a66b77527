"""Counters, for figures."""

from sqlalchemy import BigInteger, Integer
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Tally(Base):
    """A part of a counter, which is the sum of its rows: how many jobs ended so, or how many leases were lost."""

    __tablename__ = "tally"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    what: Mapped[str]
    status: Mapped[str]
    reason: Mapped[str]
    count: Mapped[int] = mapped_column(BigInteger)
