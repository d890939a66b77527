"""The query strings that routes take, as models."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from spec.base import Frozen, fault
from spec.labels import Label, Project, composed
from spec.states import JobStatus, SweepState, TrialState
from spec.views import ModelFormat
from store.best_metrics import ByMetric, Position
from store.orders import Order
from store.records import JobFilter, SweepFilter

from .errors import BadFieldsError

BY_COMMAS = object()
"""Marks a parameter with several values of which `a=1,2` is `a=1&a=2`. Tags are not: their values may have commas."""
SEVERAL = "may be repeated, or have several with commas"

_TAG = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}:[^\x00-\x1f\x7f-\x9f]{0,500}$"


def _pair(text: str) -> str:
    if not re.fullmatch(_TAG, text):
        raise fault("tag", "must be key:value, such as team:vision")
    return text


class JobsMeant(Frozen):
    """Which jobs are meant: those that pass all that is given."""

    project: Annotated[Project | None, Field(description="Only jobs of this project.")] = None
    name: Annotated[Label | None, Field(description="Only jobs of this name.")] = None
    tag: Annotated[
        tuple[Annotated[str, AfterValidator(_pair), Field(json_schema_extra={"pattern": _TAG})], ...],
        Field(max_length=10, description="Only jobs with this tag, as key:value; may be repeated."),
    ] = ()

    @property
    def tags(self) -> dict[str, str]:
        """The tags wanted, by key."""
        return dict(composed(tag).split(":", 1) for tag in self.tag)

    @model_validator(mode="after")
    def _one_value_per_key(self) -> Self:
        if len(self.tags) < len(set(self.tag)):
            raise fault("tag", "asks for two values of one key, which no job has")
        return self


_METRIC = r"[a-z][a-z0-9_]{0,49}"
_NUMBER = r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE](\+?[0-9]{1,2}|-[0-9]{1,3}))?"
_BOUND = rf"^{_METRIC}:{_NUMBER}$"
_CURSOR = r"^[0-9a-f-]{36}(~[0-9a-z.+-]{1,30})?$"


_SORT = rf"^(-?(created|best_{_METRIC})|queue)$"
_ID_PART = r"^[0-9a-f-]{4,36}$"
_PRIORITY = re.compile("-?[0-9]{1,3}")


def _like(field: str, pattern: str, rule: str, text: str) -> str:
    if not re.fullmatch(pattern, text):
        raise fault(field, rule)
    return text


_IS_BOUND = "must be metric:number, such as val_accuracy:0.9"


Bound = Annotated[str, Field(json_schema_extra={"pattern": _BOUND})]
IdPart = Annotated[
    str,
    AfterValidator(partial(_like, "id", _ID_PART, "must be 4 or more of the digits 0 to 9, a to f and - of an id")),
    Field(json_schema_extra={"pattern": _ID_PART}),
]


class JobsQuery(JobsMeant):
    """Which jobs to list, in which order, and which page of them."""

    status: Annotated[
        tuple[JobStatus, ...],
        BY_COMMAS,
        Field(max_length=10, description=f"Only jobs in this state; {SEVERAL}."),
    ] = ()
    search: Annotated[Label | None, Field(description="Only jobs with this in their names, in any case.")] = None
    dataset: Annotated[
        Label | None, Field(description="Only jobs of this data set: a name such as digits, or the id of an upload.")
    ] = None
    min: Annotated[
        tuple[Annotated[Bound, AfterValidator(partial(_like, "min", _BOUND, _IS_BOUND))], ...],
        BY_COMMAS,
        Field(max_length=10, description=f"Only jobs whose best metric is at least so, as metric:number; {SEVERAL}."),
    ] = ()
    max: Annotated[
        tuple[Annotated[Bound, AfterValidator(partial(_like, "max", _BOUND, _IS_BOUND))], ...],
        BY_COMMAS,
        Field(max_length=10, description=f"Only jobs whose best metric is at most so, as metric:number; {SEVERAL}."),
    ] = ()
    sort: Annotated[
        str,
        AfterValidator(
            partial(_like, "sort", _SORT, "must be created, or best_METRIC such as best_val_loss; or with -; or queue")
        ),
        Field(
            json_schema_extra={"pattern": _SORT},
            description="created or best_METRIC, such as best_val_accuracy: the smallest first, or with - the largest. "
            "Jobs without the metric come last. queue: only jobs that wait, in the order in which those of one owner "
            "start: a higher priority first, then the older one; between owners, fair share decides.",
        ),
    ] = "-created"
    sweep: Annotated[
        UUID | Literal["none"] | None, Field(description="Only jobs of this sweep; none: only jobs of no sweep.")
    ] = None
    id: Annotated[IdPart | None, Field(description="Only jobs whose id begins or ends so.")] = None
    cursor: Annotated[
        Annotated[
            str,
            AfterValidator(partial(_like, "cursor", _CURSOR, "must be the `next` of the page before")),
            Field(json_schema_extra={"pattern": _CURSOR}),
        ]
        | None,
        Field(description="The `next` of the page before."),
    ] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most jobs on a page.")] = 50

    @model_validator(mode="after")
    def _waits(self) -> Self:
        if self.sort == "queue" and set(self.status) - {JobStatus.queued}:
            raise fault("status", "must be queued, or left out, with sort=queue, which lists the jobs that wait")
        return self

    @property
    def filter(self) -> JobFilter:
        """The same for the record."""
        return JobFilter(
            status=(JobStatus.queued,) if self.sort == "queue" else self.status,
            project=self.project,
            name=self.name,
            name_part=self.search,
            id_part=self.id,
            tags=self.tags,
            dataset=self.dataset,
            sweep_id=None if self.sweep in (None, "none") else str(self.sweep),
            outside_sweeps=self.sweep == "none",
            least=_strictest(self.min, max),
            most=_strictest(self.max, min),
        )

    @property
    def order(self) -> Order:
        """The same for the record."""
        if self.sort == "queue":
            return "queue"
        field = self.sort.removeprefix("-")
        if field != "created":
            return ByMetric(field.removeprefix("best_"), descending=field != self.sort)
        return "oldest" if field == self.sort else "newest"

    @property
    def after(self) -> Position | None:
        """The place after which the page begins. Raises `BadFieldsError` when the cursor is none."""
        if self.cursor is None:
            return None
        job_id, _, value = self.cursor.partition("~")
        try:
            if self.sort == "queue" and not _PRIORITY.fullmatch(value):
                raise ValueError("it is of another order")
            return Position(str(UUID(job_id)), float(value) if value else None)
        except ValueError as error:
            raise BadFieldsError.of("cursor", "must be the `next` of the page before") from error


def _strictest(bounds: Sequence[str], of: Callable[[float, float], float]) -> dict[str, float]:
    """The bounds by metric, and of two for one metric the greater one or the lesser one, which `of` says."""
    found = dict[str, float]()
    for bound in bounds:
        name, value = bound.split(":", 1)
        found[name] = of(found.get(name, float(value)), float(value))
    return found


class CancelMany(JobsMeant):
    """Which jobs to cancel: those that pass all that is given; `all` for all there are."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    ids: Annotated[
        tuple[UUID, ...] | None, Field(max_length=100_000, fail_fast=True, description="Only jobs with these ids.")
    ] = None
    status: Annotated[JobStatus | None, Field(description="Only jobs in this state.")] = None
    all: Annotated[bool, Field(description="Needed to cancel all jobs; stands alone.")] = False

    @property
    def filter(self) -> JobFilter:
        """The same for the record."""
        status = () if self.status is None else (self.status,)
        return JobFilter(status=status, project=self.project, name=self.name, tags=self.tags)

    @property
    def named(self) -> list[str] | None:
        """The ids, as the record has them."""
        return None if self.ids is None else [str(job_id) for job_id in self.ids]

    @model_validator(mode="after")
    def _said(self) -> Self:
        if self.all == (self.ids is not None or self.filter != JobFilter()):
            raise fault("", 'must say which jobs: "ids", "status", "project", "name" or "tag"; or "all": true alone')
        return self


class CurveQuery(Frozen):
    """Which part of a curve."""

    from_: Annotated[int, Field(alias="from", ge=1, le=10**9, description="First epoch wanted.")] = 1
    points: Annotated[
        int | None,
        Field(
            ge=10,
            le=100_000,
            description="About so many epochs at most, chosen so that the monitored metric's curve looks the same; the "
            "first, the last and the best are among them.",
        ),
    ] = None
    seconds: Annotated[
        bool,
        Field(description="Whether there is a column `seconds`: since the job first started, to about a second."),
    ] = False


class FeedQuery(Frozen):
    """Whose news."""

    ids: Annotated[
        tuple[UUID, ...],
        BY_COMMAS,
        Field(max_length=100, description=f"Only these jobs, 100 at most, and no sweeps; {SEVERAL}."),
    ] = ()

    @property
    def jobs(self) -> frozenset[str] | None:
        """The ids."""
        return frozenset(map(str, self.ids)) or None


class SweepsQuery(Frozen):
    """Which sweeps to list, and which page of them."""

    state: Annotated[
        tuple[SweepState, ...],
        BY_COMMAS,
        Field(max_length=10, description=f"Only sweeps in this state; {SEVERAL}."),
    ] = ()
    name: Annotated[Label | None, Field(description="Only sweeps of this name.")] = None
    search: Annotated[Label | None, Field(description="Only sweeps with this in their names, in any case.")] = None
    id: Annotated[IdPart | None, Field(description="Only sweeps whose id begins or ends so.")] = None
    cursor: Annotated[UUID | None, Field(description="The `next` of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=200, description="Most sweeps on a page.")] = 50

    @property
    def filter(self) -> SweepFilter:
        """The same for the record."""
        return SweepFilter(state=self.state, name=self.name, name_part=self.search, id_part=self.id)

    @property
    def after(self) -> str | None:
        """The sweep after which the page begins."""
        return None if self.cursor is None else str(self.cursor)


class TrialsQuery(Frozen):
    """Which configurations of a sweep, and in which order."""

    sort: Annotated[
        Literal["number", "score"],
        Field(description="number: as they were proposed. score: best first, those without a score last."),
    ] = "number"
    state: Annotated[
        tuple[TrialState, ...],
        BY_COMMAS,
        Field(max_length=10, description=f"Only configurations in this state; {SEVERAL}."),
    ] = ()
    cursor: Annotated[int | None, Field(ge=0, le=10**9, description="The `next` of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most configurations on a page.")] = 50


class DatasetsQuery(Frozen):
    """Which data sets to list."""

    name: Annotated[Label | None, Field(description="Only data sets of this name.")] = None


class RowsQuery(Frozen):
    """How many rows of a data set."""

    limit: Annotated[int, Field(ge=1, le=100, description="Most rows, the first ones.")] = 10


class ImagesQuery(Frozen):
    """How many images of a data set."""

    per_class: Annotated[int, Field(ge=1, le=100, description="Most images of a class, the first ones.")] = 4
    limit: Annotated[int, Field(ge=1, le=500, description="Most images in all, of the first classes.")] = 20


class ModelQuery(Frozen):
    """In which format to send a model."""

    format: Annotated[
        ModelFormat,
        Field(description="zip: weights, spec, preprocessing, and how to load them. onnx: a graph of raw columns."),
    ] = ModelFormat.zip
