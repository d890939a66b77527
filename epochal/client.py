"""The Python client: every answer is a model of `spec`, every error one of `epochal.errors`."""

import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from httpx_sse import SSEError, connect_sse
from pydantic import BaseModel, ValidationError

from spec.job import JobSpec
from spec.schema import Task
from spec.settings import BadSettingsError, Settings
from spec.states import JobStatus
from spec.validation_errors import sentences
from spec.views import (
    BulkIds,
    Check,
    Curve,
    DatasetPage,
    DatasetSummary,
    DatasetView,
    Events,
    EventView,
    JobPage,
    JobView,
    ModelFormat,
    PictureList,
    Predictions,
    Problem,
    QueueView,
    UploadView,
    Workers,
    WorkerView,
)

from .errors import (
    AnswerError,
    BadFileError,
    BadSpecError,
    BusyError,
    ConflictError,
    EpochalError,
    NotAllowedError,
    NotFoundError,
    ServerUnreachableError,
)
from .stack.home import Home

RETRY_WAITS_S = (0.2, 0.5, 1.0)
"""Waits between tries of a request that may be repeated."""

STREAM_PATIENCE_S = 30.0
"""How long `watch` tries to reconnect to a server that does not answer."""

READ_PATIENCE_S = 1900.0
"""How long the answer to a finished upload may take: the server reads the file first, a large one for minutes."""

RESUME_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Waits between tries to resume an upload; they begin anew whenever the upload has progressed."""

PIECE = 16 << 20
"""Bytes of a file that are sent in one request: a broken connection loses no more."""

_BYTES = "application/offset+octet-stream"
_BUSY = frozenset({408, 429, 502, 503, 504})
_REFUSALS: Mapping[int, type[AnswerError]] = {
    401: NotAllowedError,
    403: NotAllowedError,
    404: NotFoundError,
    409: ConflictError,
    **dict.fromkeys(_BUSY, BusyError),
}

Body = Mapping[str, Any]
OnProgress = Callable[[int, int], object]
"""Called with the bytes sent and the bytes in all."""
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Update:
    """One event of the live stream: `kind` is state, epoch or end; `data` is its JSON."""

    kind: str
    data: Mapping[str, Any]
    id: str | None = None


class Client:
    """A client of one API. Thread-safe; close it, or use it in a `with`.

    Without a URL it reads EPOCHAL_URL, and then looks for the embedded stack of EPOCHAL_HOME. When the server does not
    answer, the client repeats requests that are safe to repeat for a second or two. A submit is safe: it carries a key
    by which the server recognises it.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url, token = _address(url, token)
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(timeout_s, connect=5.0),
            transport=transport,
            trust_env=urlsplit(self.url).hostname not in ("127.0.0.1", "localhost", "::1"),  # no proxy to this machine
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    # --- jobs ----------------------------------------------------------------------------------------------------

    def submit(self, job: JobSpec | Body, *, key: str | None = None) -> JobView:
        """Submit one job. `key` makes a repeated submit the same submit; without one, each call is a new job."""
        answer = self._request("POST", "/jobs", body=_body(parse(job)), key=key or str(uuid.uuid4()))
        return _read(JobView, answer)

    def submit_many(self, jobs: Sequence[JobSpec | Body], *, key: str | None = None) -> list[str]:
        """Submit up to 10,000 jobs, all or none. Their ids, in the same order."""
        body = {"jobs": [_body(job) for job in parse_many(jobs)]}
        answer = self._request("POST", "/jobs/bulk", body=body, key=key or str(uuid.uuid4()))
        return _read(BulkIds, answer).ids

    def check(self, job: JobSpec | Body) -> Check:
        """The job's parameters, memory and pack, without submitting it."""
        return _read(Check, self._request("POST", "/jobs/check", body=_body(parse(job)), repeatable=True))

    def job(self, job_id: str) -> JobView:
        """The job as it is now."""
        return _read(JobView, self._request("GET", _path("jobs", job_id)))

    def jobs(
        self,
        *,
        status: JobStatus | None = None,
        project: str | None = None,
        tag: tuple[str, str] | None = None,
        name: str | None = None,
        limit: int | None = None,
    ) -> Iterator[JobView]:
        """Jobs, newest first, page after page; `limit` in all."""
        query = {"status": status, "project": project, "tag": tag and ":".join(tag), "name": name}
        left, cursor = limit, None
        while left is None or left > 0:
            asked = {**query, "cursor": cursor, "limit": None if left is None else min(left, 100)}
            page = _read(JobPage, self._request("GET", "/jobs", query=asked))
            yield from page.jobs if left is None else page.jobs[:left]
            cursor, left = page.next, None if left is None else left - len(page.jobs)
            if cursor is None:
                return

    def curve(self, job_id: str, *, after: int = 0) -> Curve:
        """The curve's columns: `epoch`, then one per metric; only of epochs later than `after`."""
        answer = self._request("GET", _path("jobs", job_id, "curve"), query={"from": after + 1 if after else None})
        curve: Curve = answer.json()
        return curve

    def events(self, job_id: str) -> list[EventView]:
        """The job's history, oldest first."""
        return _read(Events, self._request("GET", _path("jobs", job_id, "events"))).events

    def cancel(self, job_id: str) -> JobView:
        """Cancel the job. A running one ends within seconds; see `status` and `cancel_requested`."""
        return _read(JobView, self._request("POST", _path("jobs", job_id, "cancel")))

    def pause(self, job_id: str) -> JobView:
        """Pause the job. A running one stops within seconds; see `status` and `pause_requested`."""
        return _read(JobView, self._request("POST", _path("jobs", job_id, "pause")))

    def resume(self, job_id: str) -> JobView:
        """Queue a paused job again."""
        return _read(JobView, self._request("POST", _path("jobs", job_id, "resume")))

    def change(self, job_id: str, **values: Any) -> JobView:
        """Change the job's `priority`, `name` or `tags`; values that are not given stay."""
        return _read(JobView, self._request("PATCH", _path("jobs", job_id), body=values, repeatable=True))

    def retry(self, job_id: str) -> JobView:
        """Queue a failed job again."""
        return _read(JobView, self._request("POST", _path("jobs", job_id, "retry")))

    def files(self, job_id: str) -> dict[str, int]:
        """The files the job left, with their sizes in bytes."""
        files: dict[str, int] = self._request("GET", _path("jobs", job_id, "files")).json()
        return files

    def file(self, job_id: str, name: str) -> bytes:
        """One file the job left, such as `model.safetensors`."""
        return self._request("GET", _path("jobs", job_id, "files", name)).content

    def pictures(self, job_id: str) -> PictureList:
        """The pictures of a finished job, or why there are none."""
        return _read(PictureList, self._request("GET", _path("jobs", job_id, "pictures")))

    def picture(self, job_id: str, name: str) -> bytes:
        """One picture as a PNG, such as `confusion`."""
        return self._request("GET", _path("jobs", job_id, "pictures", f"{name}.png")).content

    def watch(self, job_id: str) -> Iterator[Update]:
        """The job's live updates until its end. After a broken connection the stream resumes where it stopped."""
        last: str | None = None
        patience_ends = time.monotonic() + STREAM_PATIENCE_S
        while True:
            try:
                for update in self._stream(job_id, last):
                    last = update.id or last
                    patience_ends = time.monotonic() + STREAM_PATIENCE_S
                    yield update
                    if update.kind == "end":
                        return
            except (httpx.TransportError, BusyError) as error:
                if time.monotonic() > patience_ends:
                    raise _unreachable(self.url) from error
            self._sleep(0.5)

    def wait(self, job_id: str) -> JobView:
        """The job, once it has ended."""
        for _ in self.watch(job_id):
            pass
        return self.job(job_id)

    # --- the service ---------------------------------------------------------------------------------------------

    def workers(self) -> list[WorkerView]:
        """The workers that are up, with their slots and the jobs that they train."""
        return _read(Workers, self._request("GET", "/workers")).workers

    def queue(self) -> QueueView:
        """The length of the queue, its workers and its speed."""
        return _read(QueueView, self._request("GET", "/queue"))

    # --- models --------------------------------------------------------------------------------------------------

    def predict(self, job_id: str, rows: Sequence[Body | Sequence[Any]]) -> Predictions:
        """The model's predictions of raw rows: objects by column, or lists where columns have no names."""
        path = _path("jobs", job_id, "predict")
        return _read(Predictions, self._request("POST", path, body={"rows": list(rows)}, repeatable=True))

    def predict_file(self, job_id: str, file: Path, *, with_input: bool = False, **options: Any) -> Predictions:
        """The model's predictions of the rows of a CSV, Parquet or NPZ file, which is read as an upload is.

        `options` are `encoding`, `delimiter` and `header`, where the file's own look is not to decide.
        """
        fields = {name: _field(value) for name, value in options.items() if value is not None}
        try:
            with file.open("rb") as stream:
                answer = self._http.post(
                    _path("jobs", job_id, "predict"),
                    data={**fields, "with_input": _field(with_input)},
                    files={"file": (file.name, stream)},
                    timeout=httpx.Timeout(READ_PATIENCE_S, connect=5.0),
                )
        except OSError as error:
            raise BadFileError(f"Cannot read {file}: {error.strerror}.") from error
        except httpx.TransportError as error:
            raise _unreachable(self.url) from error
        _raise_for_status(answer)
        return _read(Predictions, answer)

    def model(self, job_id: str, form: ModelFormat = ModelFormat.zip) -> bytes:
        """The job's model: a zip with a page that says how to load it, or an ONNX graph."""
        return self._request("GET", _path("jobs", job_id, "model"), query={"format": form.value}).content

    # --- data sets -----------------------------------------------------------------------------------------------

    def upload(
        self,
        file: Path,
        *,
        target: str | Sequence[str] | None = None,
        name: str | None = None,
        task: Task | None = None,
        on_progress: OnProgress = lambda sent, total: None,
        **options: Any,
    ) -> DatasetView:
        """Upload a CSV, Parquet or NPZ file; `on_progress` is called with the bytes sent and the bytes in all.

        `options` are the fields of `spec.reading.ReadingOptions`, by which a guess is overruled: `decimal=","`,
        `types={"zip": "category"}`, `columns=["age", "city"]`.

        The same file again, with the same target, is the same data set. After a broken connection, or when this method
        is called again, an unfinished upload resumes where it stopped.
        """
        fields = {"target": target, "name": name, "task": task, **options}
        purpose = {key: value for key, value in fields.items() if value is not None}
        try:
            with file.open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
                return self._upload(stream, sha256, file.name, purpose, on_progress)
        except OSError as error:
            raise BadFileError(f"Cannot read {file}: {error.strerror}.") from error

    def _upload(self, stream: BinaryIO, sha256: str, name: str, purpose: Body, on_progress: OnProgress) -> DatasetView:
        """The data set that the file becomes. A broken connection is retried as long as the upload progresses."""
        waits, furthest = iter(RETRY_WAITS_S), -1
        while True:
            try:
                try:
                    return self._finish(sha256, purpose)
                except (NotFoundError, ConflictError):  # the server has none of it, or not all of it
                    for has in self._send(stream, sha256, name, on_progress):
                        if has > furthest:
                            waits, furthest = iter(RESUME_WAITS_S), has
            except (httpx.TransportError, BusyError, NotFoundError, ConflictError) as error:
                wait_s = next(waits, None)
                if wait_s is None and isinstance(error, httpx.TransportError):
                    raise _unreachable(self.url) from error
                if wait_s is None:
                    raise
                self._sleep(wait_s)

    def _finish(self, sha256: str, purpose: Body) -> DatasetView:
        timeout = httpx.Timeout(READ_PATIENCE_S, connect=5.0)
        answer = self._http.post(f"/uploads/{sha256}/finish", json=purpose, timeout=timeout)
        _raise_for_status(answer)
        return _read(DatasetView, answer)

    def _send(self, stream: BinaryIO, sha256: str, name: str, on_progress: OnProgress) -> Iterator[int]:
        """Send the bytes that the server lacks; yield how many it has, at the start and after each request."""
        size = os.fstat(stream.fileno()).st_size
        answer = self._http.post("/uploads", json={"sha256": sha256, "size": size, "file": name})
        _raise_for_status(answer)
        has = _read(UploadView, answer).offset
        on_progress(has, size)
        yield has
        while has < size:
            more = min(PIECE, size - has)
            stream.seek(has)
            answer = self._http.patch(
                f"/uploads/{sha256}",
                content=_bytes(stream, more, lambda at: on_progress(at, size)),
                headers={"Content-Type": _BYTES, "Content-Length": str(more), "Upload-Offset": str(has)},
            )
            _raise_for_status(answer)
            has = int(answer.headers["Upload-Offset"])
            yield has

    def datasets(self, *, name: str | None = None) -> list[DatasetSummary]:
        """Your data sets, newest first."""
        return _read(DatasetPage, self._request("GET", "/datasets", query={"name": name})).datasets

    def dataset(self, dataset_id: str) -> DatasetView:
        """A data set, and what is in it."""
        return _read(DatasetView, self._request("GET", _path("datasets", dataset_id)))

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a data set that no job needs."""
        self._request("DELETE", _path("datasets", dataset_id))

    # --- HTTP ----------------------------------------------------------------------------------------------------

    def _request(
        self,
        verb: str,
        path: str,
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: Body | None = None,
        key: str | None = None,
        repeatable: bool = False,
    ) -> httpx.Response:
        """Send a request, and again where that is safe. Raises the error that the answer stands for."""
        repeatable = repeatable or verb == "GET" or key is not None
        request = self._http.build_request(
            verb,
            path,
            params={name: value for name, value in (query or {}).items() if value is not None},
            json=body,
            headers={"Idempotency-Key": key} if key is not None else None,
        )
        for wait_s in (*RETRY_WAITS_S, None):
            again = repeatable and wait_s is not None
            try:
                answer = self._http.send(request)
            except httpx.ConnectError as error:  # it was never sent, so every request may be repeated
                if wait_s is None:
                    raise _unreachable(self.url) from error
            except httpx.TransportError as error:
                if not again:
                    raise _unreachable(self.url) from error
            else:
                if answer.status_code not in _BUSY or not again:
                    _raise_for_status(answer)
                    return answer
            self._sleep(wait_s or 0.0)
        raise AssertionError("the last try answers or raises")

    def _stream(self, job_id: str, last: str | None) -> Iterator[Update]:
        headers = {"Last-Event-ID": last} if last is not None else {}
        path = _path("jobs", job_id, "stream")
        with connect_sse(self._http, "GET", path, headers=headers) as source:
            if not source.response.is_success:
                source.response.read()
                _raise_for_status(source.response)
            try:
                for event in source.iter_sse():
                    if event.data:  # without data it only says when to reconnect
                        yield Update(event.event, event.json(), event.id or None)
            except SSEError as error:
                status = source.response.status_code
                raise AnswerError(f"The server sent no event stream: {error}.", status=status) from error


def _bytes(stream: BinaryIO, size: int, on_progress: Callable[[int], object]) -> Iterator[bytes]:
    """The next `size` bytes; `on_progress` is called with the position in the file."""
    while size > 0:
        chunk = stream.read(min(size, 1 << 16))
        if not chunk:
            raise BadFileError("The file became shorter while it was sent: upload it again.")
        size -= len(chunk)
        on_progress(stream.tell())
        yield chunk


def parse(job: JobSpec | Body) -> JobSpec:
    """`job` as a spec. Raises `BadSpecError`, which names every field at fault."""
    if isinstance(job, JobSpec):
        return job
    try:
        return JobSpec.model_validate(job)
    except ValidationError as error:
        raise BadSpecError("The spec is not valid.", errors=sentences(error, job)) from error


def parse_many(jobs: Sequence[JobSpec | Body]) -> list[JobSpec]:
    """`jobs` as specs. Raises `BadSpecError`, whose paths name the job."""
    specs, errors = [], []
    for index, job in enumerate(jobs):
        try:
            specs.append(parse(job))
        except BadSpecError as error:
            errors += [
                fault.model_copy(update={"path": f"jobs.{index}.{fault.path}".rstrip(".")}) for fault in error.errors
            ]
    if errors:
        raise BadSpecError("Some specs are not valid; none was submitted.", errors=errors)
    return specs


def _path(*parts: str) -> str:
    """A path below the API's root, from its parts, which are quoted."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _body(job: JobSpec) -> dict[str, Any]:
    """The fields that the user set; the server chooses the others."""
    return job.model_dump(mode="json", include=set(job.model_fields_set))


def _address(url: str | None, token: str | None) -> tuple[str, str]:
    """The API's URL and token: the given ones, else those of the environment, else the embedded stack's."""
    try:
        settings = Settings.read()
    except BadSettingsError as error:
        raise EpochalError(str(error)) from error
    url, token = url or settings.url, token or settings.token
    embedded = Home(settings.home).endpoints()
    if not url:
        if embedded is None:
            raise ServerUnreachableError(
                f"No server is known: start one here with `epochal up`, or set EPOCHAL_URL and EPOCHAL_TOKEN "
                f"to one that runs ({Home(settings.home).endpoints_file} does not exist)."
            )
        url = embedded.api
    if not token and embedded is not None and embedded.api == url.rstrip("/"):
        token = embedded.token
    return url.rstrip("/"), token


def _field(value: Any) -> str:
    """A value as a form has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unreachable(url: str) -> ServerUnreachableError:
    return ServerUnreachableError(
        f"No server answers at {url}. Is it up? `epochal status` shows the one on this machine; "
        f"EPOCHAL_URL names another."
    )


def _raise_for_status(answer: httpx.Response) -> None:
    """Raise the error that `answer` stands for, if any."""
    if answer.is_success:
        return
    status = answer.status_code
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:
        raise AnswerError(
            f"The server answered {status} {answer.reason_phrase}. Its log says why.", status=status
        ) from None
    detail = problem.detail or problem.title
    if status in (400, 413, 415, 422):
        raise BadSpecError(detail, errors=problem.errors, status=status)
    if status in _REFUSALS:
        raise _REFUSALS[status](detail, status=status)
    raise AnswerError(f"{detail} (request {problem.request_id})", status=status)


def _read(model: type[Model], answer: httpx.Response) -> Model:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        raise AnswerError(
            f"The server's answer does not fit this client ({error.error_count()} differences): "
            f"do they have the same version?",
            status=answer.status_code,
        ) from error
