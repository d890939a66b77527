"""Requests become models here, and models become answers."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from flask import Response, request
from pydantic import BaseModel, ValidationError

from spec.improvement import ImprovementView
from spec.sweep_views import SweepView
from spec.validation_errors import sentences
from spec.views import DatasetView, JobView, UploadView
from store.access import demand_change
from store.control import JobControl
from store.records import JobRecord

from .auth import principal
from .body import check_text
from .errors import BadFieldsError
from .queries import BY_COMMAS
from .services import service

_Model = TypeVar("_Model", bound=BaseModel)


def parse(model: type[_Model], body: Any) -> _Model:
    """The body as `model`. Raises `BadFieldsError` with a sentence for each field."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise BadFieldsError(sentences(error, body)) from error


def parse_query(model: type[_Model]) -> _Model:
    """The query string as `model` says; a name that may be repeated is one whose field is a tuple.

    Raises `BadFieldsError` with a sentence for each parameter.
    """
    taken = {field.alias or name: field for name, field in model.model_fields.items()}
    given: dict[str, Any] = {}
    for name, values in request.args.lists():
        if name not in taken:
            raise BadFieldsError.of(name, f"is not a parameter here: there are {', '.join(taken)}")
        many = isinstance(taken[name].default, tuple)
        if len(values) > 1 and not many:
            raise BadFieldsError.of(name, "is given twice: it takes one value")
        for value in values:
            check_text(value, name)
        several = ",".join(values).split(",") if BY_COMMAS in taken[name].metadata else values
        given[name] = tuple(several) if many else values[0]
    try:
        return model.model_validate(given)
    except ValidationError as error:
        faults = sentences(error, given)  # of `status=a`, the fault is at status.0
        raise BadFieldsError([one.model_copy(update={"path": one.path.partition(".")[0]}) for one in faults]) from error


def visible_job(job_id: UUID) -> JobRecord:
    """The job of this id. Raises `JobNotFoundError` when there is none, or when the asker may not see it."""
    return service(JobControl).get(str(job_id), owner=principal().sees)


def changeable_job(job_id: UUID) -> JobRecord:
    """The job of this id. Raises as `visible_job` does, and `NotYoursError` when the asker may only see it."""
    job = visible_job(job_id)
    demand_change(principal().sees, job)
    return job


def made(view: JobView | SweepView | DatasetView | UploadView | ImprovementView, *, is_new: bool) -> Response:
    """The answer to a request that makes something, which says where that is: 201, or 200 where it was there."""
    answer = json_response(view, 201 if is_new else 200)
    answer.headers["Location"] = view.links["self"]
    return answer


def json_response(answer: BaseModel | Mapping[str, Any], status: int = 200) -> Response:
    """The answer in JSON."""
    text = answer.model_dump_json() if isinstance(answer, BaseModel) else json.dumps(answer)
    return Response(text, status=status, content_type="application/json")
