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
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from spec.views import Problem

from .auth import COOKIE

_View = TypeVar("_View", bound=Callable[..., Any])
_REF = "#/components/schemas/{model}"


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
    headers: tuple[str, ...]


def documented(
    summary: str,
    *,
    body: type[BaseModel] | None = None,
    form: type[BaseModel] | None = None,
    raw: str | None = None,
    media: tuple[str, ...] = ("application/octet-stream",),
    query: type[BaseModel] | None = None,
    answer: Any = None,
    status: int = 200,
    headers: tuple[str, ...] = (),
) -> Callable[[_View], _View]:
    """Declare what a view takes and answers, for the description; `media` are the types of an answer of bytes."""

    def remember(view: _View) -> _View:
        view.operation = Operation(summary, body, form, raw, media, query, answer, status, headers)  # type: ignore[attr-defined]
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
    answers = {
        operation.answer
        for _, _, operation in operations
        if isinstance(operation.answer, type) and issubclass(operation.answer, BaseModel)
    }
    wanted: list[tuple[Any, Any]] = [
        *((model, "validation") for model in sorted(bodies, key=lambda model: model.__name__)),
        *((model, "serialization") for model in sorted(answers | {Problem}, key=lambda model: model.__name__)),
    ]
    refs, schemas = models_json_schema(wanted, ref_template=_REF)
    names: dict[Any, str] = {key: ref["$ref"] for key, ref in refs.items()}
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
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def _operation(arguments: set[str], path: str, operation: Operation, names: Mapping[Any, str]) -> dict[str, Any]:
    secured = path.startswith("/api/")
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": operation.summary.lower().replace(",", "").replace("'", "").replace(" ", "_"),
        "parameters": [*_path_parameters(arguments), *_query_parameters(operation), *_headers(operation)],
        "responses": {
            str(operation.status): {
                "description": HTTPStatus(operation.status).phrase,
                **({"content": content} if (content := _content(operation, names)) else {}),
            },
            "default": {
                "description": "The error, and how to correct it",
                "content": {"application/problem+json": {"schema": {"$ref": names[Problem, "serialization"]}}},
            },
        },
    }
    if operation.status in (201, 202):
        described["responses"]["200"] = {**described["responses"][str(operation.status)], "description": "Already done"}
    if operation.body:
        schema = {"$ref": names[operation.body, "validation"]}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
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


def _content(operation: Operation, names: Mapping[Any, str]) -> dict[str, Any]:
    answer = operation.answer
    if answer is None:
        return {}
    if answer is bytes:
        return {media: {} for media in operation.media}
    if answer is str:
        return {"text/event-stream": {}}
    if isinstance(answer, type) and issubclass(answer, BaseModel):
        return {"application/json": {"schema": {"$ref": names[answer, "serialization"]}}}
    return {"application/json": {"schema": TypeAdapter(answer).json_schema(schema_generator=GenerateJsonSchema)}}


def _path_parameters(arguments: set[str]) -> list[dict[str, Any]]:
    uuid = {"type": "string", "format": "uuid"}
    kinds = {"job_id": uuid, "sweep_id": uuid, "number": {"type": "integer", "minimum": 0}}
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
