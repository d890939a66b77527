"""The OpenAPI description, generated from the routes and the models that the views themselves use."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Flask
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, JsonSchemaValue

from spec.views import Problem

from .auth import COOKIE, is_guarded

_View = TypeVar("_View", bound=Callable[..., Any])
Schemas = Mapping[tuple[Any, JsonSchemaMode], JsonSchemaValue]
"""Schemas of bodies and answers; those of models are references."""
_REF = "#/components/schemas/{model}"
NONE: Mapping[str, Any] = {}
BYTES = "application/octet-stream"
TAGS: Mapping[str, str] = {
    "jobs": "Trainings: submit, follow, change, and fetch what they leave.",
    "sweeps": "Many configurations of a job.",
    "datasets": "Your own data.",
    "uploads": "Large files, piece by piece.",
    "lessons": "Experiments that teach one idea each.",
    "classrooms": "Links by which guests come in.",
    "guests": "People who came by a classroom's link.",
    "workers": "Who trains.",
    "queue": "What waits.",
    "users": "Who may do what, and how much.",
    "projects": "What users share.",
    "tokens": "What a request shows to be known.",
    "webhooks": "Addresses that are told when jobs and sweeps end.",
    "usage": "Device time that was used.",
    "quotas": "What users and projects may have, and what is used of it.",
    "audit": "Who changed what.",
    "session": "A browser that signs in.",
    "service": "Whether the service is well.",
}
"""The groups of routes: what follows /api/v1/ in their paths."""


@dataclass(frozen=True)
class Operation:
    """A view's inputs and answers."""

    summary: str
    body: type[BaseModel] | None
    form: type[BaseModel] | None
    raw: str | None
    media: tuple[str, ...]
    query: type[BaseModel] | None
    answer: Any
    status: int
    already: bool
    headers: tuple[str, ...]
    examples: Mapping[str, Any]
    answers: Mapping[str, Any]


def documented(
    summary: str,
    *,
    body: type[BaseModel] | None = None,
    form: type[BaseModel] | None = None,
    raw: str | None = None,
    media: tuple[str, ...] = (BYTES,),
    query: type[BaseModel] | None = None,
    answer: Any = None,
    status: int = 200,
    already: bool = False,
    headers: tuple[str, ...] = (),
    examples: Mapping[str, Any] = NONE,
    answers: Mapping[str, Any] = NONE,
) -> Callable[[_View], _View]:
    """Declare what a view takes and answers, for the description.

    `media` are the types of an answer of bytes, or those that there are beside JSON. `already` says whether the answer
    is 200 where what is asked was done before.

    `examples` are bodies and `answers` answers by name.
    """

    def remember(view: _View) -> _View:
        view.operation = Operation(  # type: ignore[attr-defined]
            summary, body, form, raw, media, query, answer, status, already, headers, examples, answers
        )
        return view

    return remember


class Description:
    """The description of one application, made when it is first asked for."""

    def __init__(self, app: Flask, version: str) -> None:
        self._app, self._version = app, version

    @cached_property
    def document(self) -> dict[str, Any]:
        """The OpenAPI document; an application's routes never change."""
        return describe(self._app, self._version)

    @cached_property
    def text(self) -> str:
        """The document in JSON."""
        return json.dumps(self.document)


def describe(app: Flask, version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 description of every documented route of `app`."""
    operations = [
        (rule, method, operation)
        for rule in app.url_map.iter_rules()
        if (operation := getattr(app.view_functions[rule.endpoint], "operation", None)) is not None
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    bodies = {operation.body for _, _, operation in operations if operation.body}
    answers = {operation.answer for _, _, operation in operations if operation.answer not in (None, bytes, str)}
    wanted: list[tuple[Any, Any, TypeAdapter[Any]]] = [
        *((model, "validation", TypeAdapter(model)) for model in sorted(bodies, key=lambda model: model.__name__)),
        *((kind, "serialization", TypeAdapter(kind)) for kind in sorted(answers | {Problem}, key=str)),
    ]
    names, schemas = TypeAdapter.json_schemas(wanted, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, operation in operations:
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = _operation(rule.arguments, path, operation, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Epochal",
            "version": version,
            "description": "Submit neural-network training jobs, watch their curves, fetch their models.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def _operation(arguments: set[str], path: str, operation: Operation, names: Schemas) -> dict[str, Any]:
    secured = is_guarded(path)
    tag = path.removeprefix("/api/v1/").partition("/")[0] if path.startswith("/api/") else "service"
    described: dict[str, Any] = {
        "tags": [tag],
        "summary": operation.summary,
        "operationId": re.sub(r"[^a-z0-9]+", "_", operation.summary.lower().replace("'", "")),
        "parameters": [*_path_parameters(arguments), *_query_parameters(operation), *_headers(operation)],
        "responses": {
            str(operation.status): {
                "description": HTTPStatus(operation.status).phrase,
                **({"content": content} if (content := _content(operation, names)) else {}),
            },
            "default": {
                "description": "The error, and how to correct it",
                "content": {"application/problem+json": {"schema": names[Problem, "serialization"]}},
            },
        },
    }
    if operation.already:
        described["responses"]["200"] = {**described["responses"][str(operation.status)], "description": "Already done"}
    if operation.body:
        content = {"schema": names[operation.body, "validation"], **_examples(operation.examples)}
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    if operation.form:
        model = operation.form.model_json_schema()
        fields = {name: _inline(field, model.get("$defs", {})) for name, field in model["properties"].items()}
        properties = {"file": {"type": "string", "format": "binary"}, **fields}
        form = {"type": "object", "properties": properties, "required": ["file"], "additionalProperties": False}
        body = described.setdefault("requestBody", {"required": True, "content": {}})
        body["content"]["multipart/form-data"] = {"schema": form}
    if operation.raw:
        described["requestBody"] = {"required": True, "content": {operation.raw: {}}}
    if secured:
        described["security"] = [{"token": []}, {"session": []}]
    return described


def _content(operation: Operation, names: Schemas) -> dict[str, Any]:
    answer = operation.answer
    if answer is None:
        return {}
    if answer is bytes:
        return {media: {} for media in operation.media}
    if answer is str:
        return {"text/event-stream": {}}
    others: dict[str, Any] = {media: {} for media in operation.media if media != BYTES}
    return {"application/json": {"schema": names[answer, "serialization"], **_examples(operation.answers)}, **others}


def _examples(examples: Mapping[str, Any]) -> dict[str, Any]:
    return {"examples": {name: {"value": value} for name, value in examples.items()}} if examples else {}


def _path_parameters(arguments: set[str]) -> list[dict[str, Any]]:
    uuid, place = {"type": "string", "format": "uuid"}, {"type": "integer", "minimum": 0}
    kinds = {"job_id": uuid, "sweep_id": uuid, "token_id": uuid, "number": place, "row": place}
    return [
        {"name": name, "in": "path", "required": True, "schema": kinds.get(name, {"type": "string"})}
        for name in sorted(arguments)
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    schema = operation.query.model_json_schema()
    inlined = {name: _inline(field, schema.get("$defs", {})) for name, field in schema["properties"].items()}
    return [
        {"name": name, "in": "query", "required": False, "description": field.pop("description", ""), "schema": field}
        for name, field in inlined.items()
    ]


def _inline(value: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            return _inline(definitions[value["$ref"].rsplit("/", 1)[1]], definitions)
        return {key: _inline(part, definitions) for key, part in value.items()}
    return [_inline(part, definitions) for part in value] if isinstance(value, list) else value


def _headers(operation: Operation) -> list[dict[str, Any]]:
    return [{"name": name, "in": "header", **_HEADERS[name]} for name in operation.headers]


_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "Idempotency-Key": {
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-+\\-~]+$"},
        "description": "A repeated request with the same key and body answers with the job of the first one.",
    },
    "Upload-Offset": {
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
        "description": "The position in the file at which these bytes begin: the number of bytes received so far.",
    },
}
