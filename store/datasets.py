"""The record of uploaded data sets, and the only code that changes it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, delete, func, insert, not_, select, union_all, update
from sqlalchemy.exc import IntegrityError

from spec.dataset import Uploaded
from spec.job import JobSpec
from spec.profile import Profile, Reading
from spec.schema import Schema
from spec.states import SweepState

from .access import Access, Asker, changeable_by, demand_change, visible_to
from .db import lock, now, reading, writing
from .errors import BytesQuotaError, DatasetInUseError, DatasetNotFoundError, NotYoursError, ProjectNotFoundError
from .projects import in_projects_of, project_ids
from .records import dataset_id, read
from .states import has_ended
from .tables import Dataset, DeletedDataset, Job, Project, Sweep, User

LISTED = 1000
"""Most data sets in a list, the newest."""


@dataclass(frozen=True, kw_only=True)
class DatasetRecord:
    """A data set as the record has it."""

    id: str
    owner: str
    project_id: str | None = None
    """The project that it is shared in."""
    name: str
    version: int
    sha256: str
    table_sha256: str
    size: int
    rows: int
    table: Schema
    profile: Profile
    created_at: datetime

    @property
    def uploaded(self) -> Uploaded:
        """The data set as a job's spec names it."""
        return Uploaded(id=self.id, sha256=self.table_sha256, info=self.table.info(self.rows))


@dataclass(frozen=True, kw_only=True)
class DeletedDatasetRecord:
    """What stays known of a data set that was deleted."""

    id: str
    name: str
    version: int
    deleted_at: datetime


def folder(dataset_id: str) -> str:
    """Where a data set lies in the file store."""
    return f"datasets/{dataset_id}"


def table_path(dataset_id: str) -> str:
    """Where its table lies in the file store."""
    return f"{folder(dataset_id)}/table.npz"


class DatasetStore:
    """The data sets. An owner has each content once: the same file with the same target is the same data set."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, dataset_id: str, *, owner: str, name: str, sha256: str, size: int, reading: Reading) -> DatasetRecord:
        """Record a data set that has its files in the file store, as the next version of its name; or find it.

        The number of one that was deleted is not given again: jobs name it.
        """
        kinds = Dataset, DeletedDataset
        versions = union_all(
            *(select(kind.version).where(kind.owner == owner, kind.name == name) for kind in kinds)
        ).subquery()
        newest = select(func.coalesce(func.max(versions.c.version), 0))
        values = {
            "id": dataset_id,
            "owner": owner,
            "name": name,
            "version": newest.scalar_subquery() + 1,
            "sha256": sha256,
            "table_sha256": reading.sha256,
            "size": size,
            "rows": reading.rows,
            "columns": reading.table.model_dump(mode="json"),
            "profile": reading.profile.model_dump(mode="json"),
            "created_at": now(),
        }
        while True:
            known = self.find(dataset_id, owner=owner)
            if known is not None:
                return known
            try:
                with writing(self._engine) as connection:
                    connection.execute(insert(Dataset).values(values))
                    connection.execute(delete(DeletedDataset).where(DeletedDataset.id == dataset_id))
            except IntegrityError:  # another upload was a moment faster: with this content, or with this version
                continue

    def find(self, dataset_id: str, *, owner: Asker) -> DatasetRecord | None:
        """The data set, if there is one. With `owner` None, an administrator, of any owner."""
        with reading(self._engine) as connection:
            row = connection.execute(_DATASETS.where(Dataset.id == dataset_id, visible_to(owner, Dataset))).first()
        return None if row is None else _record(row)

    def get(self, dataset_id: str, *, owner: Asker) -> DatasetRecord:
        """The data set. Raises `DatasetNotFoundError`, for another owner's too."""
        found = self.find(dataset_id, owner=owner)
        if found is None:
            raise _missing(dataset_id)
        return found

    def newest(self, *, owner: Asker, name: str | None = None) -> list[DatasetRecord]:
        """Data sets, newest first; of one name, when given."""
        query = (
            _DATASETS.where(visible_to(owner, Dataset)).order_by(Dataset.created_at.desc(), Dataset.id).limit(LISTED)
        )
        if name is not None:
            query = query.where(Dataset.name == name)
        with reading(self._engine) as connection:
            return [_record(row) for row in connection.execute(query)]

    def deleted(self, *, owner: Asker, name: str | None = None) -> list[DeletedDatasetRecord]:
        """Data sets that were deleted, the last one first: jobs name them still. Of one name, when given."""
        gone = DeletedDataset
        query = (
            select(gone.id, gone.name, gone.version, gone.deleted_at)
            .where(visible_to(owner, gone))
            .order_by(gone.deleted_at.desc(), gone.id)
            .limit(LISTED)
        )
        if name is not None:
            query = query.where(gone.name == name)
        with reading(self._engine) as connection:
            return [DeletedDatasetRecord(**row) for row in connection.execute(query).mappings()]

    def used(self, *, owner: str) -> int:
        """Bytes that an owner's data sets take."""
        with reading(self._engine) as connection:
            total = select(func.coalesce(func.sum(Dataset.size), 0)).where(Dataset.owner == owner)
            return int(connection.execute(total).scalar_one())

    def share(self, dataset_id: str, project: str | None, *, owner: Asker) -> DatasetRecord:
        """Share a data set in the project of this name, which its owner may; None: with nobody.

        Raises `DatasetNotFoundError`, `NotYoursError`, `ProjectNotFoundError`, `NotAMemberError`, and `BytesQuotaError`
        when the project has no bytes left.
        """
        found = self.get(dataset_id, owner=owner)
        demand_change(owner, found)
        if project is not None and isinstance(owner, Access) and found.owner != owner.user:
            raise NotYoursError(
                f"This data set belongs to {found.owner}, who alone shares it: you may end that, with project null."
            )
        with writing(self._engine) as connection:
            ids = {} if project is None else project_ids(connection, [project], owner=found.owner)
            if project is not None and project not in ids:
                raise ProjectNotFoundError(f"Nobody has created the project {project}: create it first.")
            if project is not None:
                _demand_bytes(connection, ids[project], found)
            shared = update(Dataset).where(Dataset.id == dataset_id).values(project_id=ids.get(project or ""))
            connection.execute(shared)
        return self.get(dataset_id, owner=None)

    def quota(self, owner: str, default: int) -> int:
        """The bytes that an owner's data sets and uploads may take."""
        with reading(self._engine) as connection:
            own = connection.execute(select(User.bytes_quota).where(User.name == owner)).scalar()
        return default if own is None else own

    def delete(self, dataset_id: str, *, owner: Asker) -> None:
        """Delete a data set; its name stays known.

        Raises `DatasetInUseError` while jobs or sweeps need it, and `DatasetNotFoundError`.
        """
        demand_change(owner, self.get(dataset_id, owner=owner))
        with writing(self._engine) as connection:
            # A submit of a job that needs it locks its row: with the lock, the count of such jobs is certain.
            locked = select(Dataset.id).where(Dataset.id == dataset_id, changeable_by(owner, Dataset)).with_for_update()
            if connection.execute(locked).first() is None:
                raise _missing(dataset_id)
            needing: int = connection.execute(
                select(func.count()).where(Job.dataset_id == dataset_id, not_(has_ended()))
            ).scalar_one()
            if needing:
                jobs = "1 job needs" if needing == 1 else f"{needing} jobs need"
                raise DatasetInUseError(f"{jobs} this data set: wait for the end, or cancel.")
            live = [state.value for state in SweepState if not state.is_final]
            named = Sweep.spec["base"]["dataset"]["id"].as_string() == dataset_id
            asking = select(Sweep.id).where(Sweep.state.in_(live), named).order_by(Sweep.id).limit(1)
            if (sweep_id := connection.execute(asking).scalar()) is not None:
                raise DatasetInUseError(f"The sweep {sweep_id} needs this data set: wait for the end, or cancel it.")
            kept = "id", "owner", "project_id", "name", "version"
            known = select(*(getattr(Dataset, name) for name in kept)).where(Dataset.id == dataset_id)
            connection.execute(insert(DeletedDataset).from_select(kept, known))
            connection.execute(delete(Dataset).where(Dataset.id == dataset_id))


def lock_datasets(connection: Connection, specs: Iterable[JobSpec], *, owner: str) -> None:
    """Keep the data sets that these jobs need from being deleted until the transaction ends.

    Raises `DatasetNotFoundError`.
    """
    ids = {found for spec in specs if (found := dataset_id(spec)) is not None}
    if not ids:
        return
    held = select(Dataset.id).where(Dataset.id.in_(ids), in_projects_of(owner, Dataset)).with_for_update(read=True)
    for missing in ids - set(connection.execute(held).scalars()):
        raise _missing(missing)


def _demand_bytes(connection: Connection, project_id: str, more: DatasetRecord) -> None:
    """Raise `BytesQuotaError` unless the project has bytes for one more data set, until the transaction ends."""
    project = connection.execute(select(Project.name, Project.bytes_quota).where(Project.id == project_id)).one()
    if project.bytes_quota is None:
        return
    lock(connection, f"bytes of project {project_id}")
    others = and_(Dataset.project_id == project_id, Dataset.id != more.id)
    used = connection.execute(select(func.coalesce(func.sum(Dataset.size), 0)).where(others)).scalar_one()
    if used + more.size > project.bytes_quota:
        raise BytesQuotaError(
            f"The quota of bytes of the project {project.name} is {project.bytes_quota:,}, and its data sets take "
            f"{used:,}: this one, with {more.size:,}, does not fit."
        )


_DATASETS = select(Dataset.__table__)


def _missing(dataset_id: str) -> DatasetNotFoundError:
    return DatasetNotFoundError(f"There is no data set {dataset_id} among yours: list them to see which there are.")


def _record(row: Row[*tuple[Any, ...]]) -> DatasetRecord:
    table, profile = Schema.model_validate(row.columns), Profile.model_validate(row.profile)
    return read(DatasetRecord, row, table=table, profile=profile)
