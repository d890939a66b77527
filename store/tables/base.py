"""What all tables share."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, MetaData, String, Text, TextClause, text
from sqlalchemy.orm import DeclarativeBase

from ..db import UtcTime


class Base(DeclarativeBase):
    """All tables; constraints have names that a migration can use."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcTime(), dict[str, Any]: JSON(), str: Text()}


JobId = String(36)
DatasetId = String(35)


def partial_index(name: str, *columns: str | TextClause, where: str, **more: Any) -> Index:
    """An index of the rows for which `where` holds, on both databases."""
    return Index(name, *columns, postgresql_where=text(where), sqlite_where=text(where), **more)
