"""A database with a long queue of many owners, pack keys and priorities, generated in SQL."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, make_url, text

from spec.job import JobSpec
from store import db, schema
from store.tables import Base

OWNERS = 200
SHAPES = 50

_FILL = text(
    """
    INSERT INTO job (id, owner, project, tags, spec, pack_key, device_request, device_wish, priority,
                     max_attempts, epochs, status, created_at, updated_at, started_at, finished_at)
    SELECT '0193a5b2-7c1e-7000-8000-' || lpad(to_hex(n), 12, '0'),
           'owner-' || floor(:owners * power(random(), 2)),
           'default', '{}', shape.spec, shape.pack_key, request, request,
           (ARRAY[-10, 0, 0, 0, 10])[1 + floor(5 * random())::int],
           3, 100, :status, now(), now(),
           CASE WHEN :status <> 'queued' THEN now() - n * interval '1 s' - interval '10 s' END,
           CASE WHEN :status <> 'queued' THEN now() - n * interval '1 s' END
    FROM (
        SELECT n, (ARRAY['auto', 'auto', 'cpu', 'cuda'])[1 + floor(4 * random())::int] AS request
        FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n
    ) AS drawn
    JOIN shape ON shape.number = n % :shapes
    """
)


@contextmanager
def backlog(server: str, jobs: int) -> Iterator[Engine]:
    """A temporary database on `server`, with `jobs` queued jobs and a tenth as many finished ones."""
    name = f"epochal_claims_{uuid.uuid4().hex[:8]}"
    administrator = create_engine(server, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    try:
        schema.migrate(url)
        engine = db.connect(url)
        _fill(engine, jobs)
        yield engine
        engine.dispose()
    finally:
        with administrator.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        administrator.dispose()


def _fill(engine: Engine, jobs: int) -> None:
    """Insert the jobs without indexes, which are faster to create afterwards, and update the planner's statistics."""
    specs = [
        JobSpec.model_validate({"dataset": "digits", "architecture": {"type": "mlp", "hidden": [16 + shape]}})
        for shape in range(SHAPES)
    ]
    shapes = [
        {"number": number, "spec": json.dumps(spec.model_dump(mode="json")), "pack_key": spec.pack_key}
        for number, spec in enumerate(specs)
    ]
    indexes = Base.metadata.tables["job"].indexes
    with engine.begin() as connection:
        for index in indexes:
            index.drop(connection)
        connection.execute(text("SELECT setseed(0.5)"))
        connection.execute(text("CREATE TEMP TABLE shape (number int PRIMARY KEY, spec json, pack_key text)"))
        connection.execute(text("INSERT INTO shape VALUES (:number, :spec, :pack_key)"), shapes)
        ended = jobs // 10
        for status, first, last in (("succeeded", 1, ended), ("queued", ended + 1, ended + jobs)):
            counts = {"owners": OWNERS, "shapes": SHAPES, "status": status, "first": first, "last": last}
            connection.execute(_FILL, counts)
        for index in indexes:
            index.create(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
