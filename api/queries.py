"""The query strings that routes take, as models."""

import re
from dataclasses import replace
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from spec.base import Frozen, fault
from spec.labels import Label, Project
from spec.states import JobStatus, TrialState
from spec.views import ModelFormat
from store.records import JobFilter

_TAG = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}:[^\x00-\x1f\x7f-\x9f]{0,500}$"


def _pair(text: str) -> str:
    if not re.fullmatch(_TAG, text):
        raise fault("tag", "must be key:value, such as team:vision")
    return text


class JobsMeant(Frozen):
    """Which jobs are meant: those that pass all that is given."""

    status: Annotated[JobStatus | None, Field(description="Only jobs in this state.")] = None
    project: Annotated[Project | None, Field(description="Only jobs of this project.")] = None
    name: Annotated[Label | None, Field(description="Only jobs of this name.")] = None
    tag: Annotated[
        tuple[Annotated[str, AfterValidator(_pair), Field(json_schema_extra={"pattern": _TAG})], ...],
        Field(max_length=10, description="Only jobs with this tag, as key:value; may be repeated."),
    ] = ()

    @property
    def tags(self) -> dict[str, str]:
        """The tags wanted, by key."""
        return dict(tag.split(":", 1) for tag in self.tag)

    @property
    def filter(self) -> JobFilter:
        """The same for the record."""
        return JobFilter(status=self.status, project=self.project, name=self.name, tags=self.tags)

    @model_validator(mode="after")
    def _one_value_per_key(self) -> Self:
        if len(self.tags) < len(set(self.tag)):
            raise fault("tag", "asks for two values of one key, which no job has")
        return self


class JobsQuery(JobsMeant):
    """Which jobs to list, and which page of them."""

    sweep: Annotated[UUID | None, Field(description="Only jobs of this sweep.")] = None
    id: Annotated[
        str | None, Field(pattern=r"^[0-9a-f-]{4,36}$", description="Only jobs whose id begins or ends so.")
    ] = None
    cursor: Annotated[UUID | None, Field(description="The `next` of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most jobs on a page.")] = 50

    @property
    def filter(self) -> JobFilter:
        """The same for the record."""
        return replace(super().filter, id_part=self.id, sweep_id=None if self.sweep is None else str(self.sweep))

    @property
    def after(self) -> str | None:
        """The job after which the page begins."""
        return None if self.cursor is None else str(self.cursor)


class CancelMany(JobsMeant):
    """Which jobs to cancel: those that pass all that is given; `all` for all there are."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    ids: Annotated[
        tuple[UUID, ...] | None, Field(max_length=100_000, fail_fast=True, description="Only jobs with these ids.")
    ] = None
    all: Annotated[bool, Field(description="Needed to cancel all jobs; stands alone.")] = False

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


class SweepsQuery(Frozen):
    """Which page of sweeps."""

    cursor: Annotated[UUID | None, Field(description="The `next` of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=200, description="Most sweeps on a page.")] = 50

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
    state: Annotated[TrialState | None, Field(description="Only configurations in this state.")] = None
    cursor: Annotated[int | None, Field(ge=0, le=10**9, description="The `next` of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most configurations on a page.")] = 50


class DatasetsQuery(Frozen):
    """Which data sets to list."""

    name: Annotated[Label | None, Field(description="Only data sets of this name.")] = None


class ModelQuery(Frozen):
    """In which format to send a model."""

    format: Annotated[
        ModelFormat,
        Field(description="zip: weights, spec, preprocessing, and how to load them. onnx: a graph of raw columns."),
    ] = ModelFormat.zip
