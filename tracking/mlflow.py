"""MLflow's REST API, as far as the mirror needs it.

Plain HTTP instead of MLflow's own client keeps the mirror's process small (importing that client takes two seconds of
processor time and 190 MB), and every timeout and retry is ours.
"""

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import chain, zip_longest
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from spec.mlflow_address import MlflowAddress

from .datasets import Dataset

log = logging.getLogger(__name__)

METRICS_PER_CALL = 1000
PARAMS_PER_CALL = 100
TAGS_PER_CALL = 100
PROBE_S = 2.0
"""Longest that a server may take to answer a health check."""
LEAST_BYTES_PER_S = 1_000_000
"""MLflow answers an upload when the file is where it keeps files, such as in a bucket: so fast at least."""
PACKET = 1 << 18
"""Bytes that the HTTP client gets at a time: of what the network does not take at once, it makes another copy."""
PROJECT_TAG = "epochal.project"
"""The project of a run; an experiment with this tag is the project's, also if a person has renamed it."""
BEHIND_A_PROXY = (502, 503, 504)
"""Answers of a proxy that does not reach the server."""


class MlflowError(Exception):
    """MLflow does not answer, or refuses."""


class MlflowTakenError(MlflowError):
    """MLflow has another thing of this name."""


class MlflowMissingError(MlflowError):
    """MLflow does not have it: nobody made it, or it was deleted for good."""


class RunGoneError(MlflowMissingError):
    """A run that was sent was deleted for good, and the record has noted so: the next round makes another."""


class MlflowUnreachableError(MlflowError):
    """MLflow does not answer: the request may have been carried out, or not."""


@dataclass(frozen=True)
class Metric:
    """One point: a value at a step, and when it was measured."""

    key: str
    value: float
    timestamp_ms: int
    step: int


@dataclass(frozen=True)
class Experiment:
    """An experiment as MLflow has it."""

    id: str
    name: str
    created_ms: int
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """A run as MLflow has it."""

    id: str
    experiment_id: str
    artifacts: str | None
    """The folder of its artifacts, below the server's artifact root; None where the server takes no artifacts."""
    last_step: int
    """The last epoch with a training loss in MLflow; 0 when there is none."""
    deleted: bool
    """Whether somebody deleted it: it takes nothing until it is restored."""
    name: str
    tags: Mapping[str, str]


class Mlflow:
    """A client of one MLflow server; every call may raise `MlflowError`. Threads may share it."""

    def __init__(self, url: str, *, timeout_s: float = 20.0) -> None:
        address = MlflowAddress.of(url)
        # A socket needs no certificates, which take 25 ms to load, and no proxy.
        transport = httpx.HTTPTransport(uds=address.socket, verify=False) if address.socket else None
        self._timeout_s = timeout_s
        self._http = httpx.Client(
            base_url=address.url, transport=transport, timeout=_timeout(timeout_s), trust_env=address.socket is None
        )
        self._has_warned, self._warning = False, threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def alive(self) -> bool:
        """Whether the server answers a health check in time."""
        try:
            return self._http.get("/health", timeout=PROBE_S).is_success
        except httpx.HTTPError:
            return False

    def made_at(self) -> datetime | None:
        """When its database was made, with the experiment that MLflow makes first; None if somebody purged that one."""
        answer = self._send("GET", "experiments/get", params={"experiment_id": "0"})
        if _is_missing(answer):
            return None
        made_ms = int(self._read(answer)["experiment"].get("creation_time", 0))
        return datetime.fromtimestamp(made_ms / 1000.0, UTC) if made_ms else None

    def experiment(self, name: str) -> Experiment:
        """The experiment of a project. One that is missing is created, one that was deleted is restored."""
        found = self._find_experiment(name) or self._create_experiment(name)
        if found["lifecycle_stage"] == "deleted":
            self._post("experiments/restore", {"experiment_id": found["experiment_id"]})
        return Experiment(str(found["experiment_id"]), name, int(found.get("creation_time", 0)), _tags(found))

    def _create_experiment(self, project: str) -> Mapping[str, Any]:
        refusal: MlflowError | None = None
        for name in (project, f"{project} (project)"):  # a person may have given the first to another project's
            try:
                self._post("experiments/create", {"name": name, "tags": _pairs({PROJECT_TAG: project})})
            except MlflowUnreachableError:
                raise
            except MlflowError as error:
                refusal = error  # perhaps because another mirror created it a moment before
            if (found := self._find_experiment(project)) is not None:
                return found
            if not isinstance(refusal, MlflowTakenError):  # another name is no remedy
                break
        raise refusal or MlflowMissingError(f"the experiment {project} was created, and is not there")

    def tag_experiment(self, experiment_id: str, key: str, value: str) -> None:
        """Set a tag of the experiment."""
        body = {"experiment_id": experiment_id, "key": key, "value": value}
        self._post("experiments/set-experiment-tag", body)

    def _find_experiment(self, project: str) -> Mapping[str, Any] | None:
        """The oldest experiment with the project's tag, or the one of its name, unless that is another project's."""
        which = f"tags.`{PROJECT_TAG}` = '{project}'"
        body = {"filter": which, "view_type": "ALL", "max_results": 1, "order_by": ["creation_time ASC"]}
        tagged: Sequence[Mapping[str, Any]] = self._post("experiments/search", body).get("experiments", [])
        if tagged:
            return tagged[0]
        answer = self._send("GET", "experiments/get-by-name", params={"experiment_name": project})
        if _is_missing(answer):
            return None
        experiment: Mapping[str, Any] = self._read(answer)["experiment"]
        return experiment if _tags(experiment).get(PROJECT_TAG, project) == project else None

    def find_run(self, experiment_id: str, tag: str, value: str) -> Run | None:
        """The oldest run with this tag that is not deleted, if there is one."""
        return next(iter(self.runs_with(experiment_id, tag, value, limit=1)), None)

    def runs_with(self, experiment_id: str, tag: str, value: str, *, limit: int = 100) -> list[Run]:
        """The runs with this tag that are not deleted, the oldest first."""
        body = {
            "experiment_ids": [experiment_id],
            "filter": f"tags.`{tag}` = '{value}'",
            "max_results": limit,
            "run_view_type": "ACTIVE_ONLY",
            "order_by": ["attributes.start_time ASC"],
        }
        return [_run(run) for run in self._post("runs/search", body).get("runs", [])]

    def create_run(self, experiment_id: str, name: str, started_ms: int, tags: Mapping[str, str]) -> Run:
        """A new run."""
        body = {"experiment_id": experiment_id, "run_name": name, "start_time": started_ms, "tags": _pairs(tags)}
        return _run(self._post("runs/create", body)["run"])

    def run(self, run_id: str) -> Run:
        """The run of this id, also if it is deleted. Raises `MlflowMissingError`."""
        return _run(self._read(self._send("GET", "runs/get", params={"run_id": run_id}))["run"])

    def live_run(self, run_id: str, whose: str) -> Run:
        """The run of this id, restored if it was deleted, for which its experiment must not be deleted.

        Raises `MlflowMissingError`.
        """
        run = self.run(run_id)
        if run.deleted:
            log.info("the run of %s was deleted in MLflow, and is restored", whose)
            self._post("runs/restore", {"run_id": run_id})
        return run

    def delete_others(self, run: Run, experiment_id: str, tag: str, value: str) -> None:
        """Delete the experiment's other runs with this tag: two mirrors may make one each, and then one may die."""
        for other in self.runs_with(experiment_id, tag, value):
            if other.id != run.id:
                log.info("the run %s with %s = %s is deleted: the record has %s", other.id, tag, value, run.id)
                self.delete_run(other.id)

    def delete_run(self, run_id: str) -> None:
        """Mark the run as deleted; MLflow's own garbage collection removes it."""
        self._post("runs/delete", {"run_id": run_id})

    def log(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Add points, parameters and tags in as few calls as possible; the same again changes nothing.

        MLflow carries out a call as a whole or not at all, and no step is split between two calls: a run that has one
        metric of a step has all metrics of it.
        """
        pairs, labels = _pairs(params or {}), _pairs(tags or {})
        free = METRICS_PER_CALL - min(len(pairs), PARAMS_PER_CALL) - min(len(labels), TAGS_PER_CALL)
        points = list(_batches(metrics, free))
        parameters = [pairs[at : at + PARAMS_PER_CALL] for at in range(0, len(pairs), PARAMS_PER_CALL)]
        named = [labels[at : at + TAGS_PER_CALL] for at in range(0, len(labels), TAGS_PER_CALL)]
        for some, parts, texts in zip_longest(points, parameters, named, fillvalue=()):
            values = [
                {"key": point.key, "value": point.value, "timestamp": point.timestamp_ms, "step": point.step}
                for point in some
            ]
            body = {"run_id": run_id, "metrics": values, "params": parts, "tags": texts}
            self._post("runs/log-batch", body)

    def log_input(self, run_id: str, dataset: Dataset) -> None:
        """Make a data set the input of a run; the same again changes nothing."""
        context = {"key": "mlflow.data.context", "value": "training"}
        body = {"run_id": run_id, "datasets": [{"tags": [context], "dataset": asdict(dataset)}]}
        try:
            self._post("runs/log-inputs", body)
        except MlflowUnreachableError:
            raise
        except MlflowError:  # it fails when another run of the experiment brings the same data set at the same moment
            self._post("runs/log-inputs", body)

    def update(self, run_id: str, name: str, status: str, ended_ms: int | None = None) -> None:
        """Set the run's name, its end if it has one, and its status: RUNNING, SCHEDULED, FINISHED, FAILED or KILLED."""
        end = ended_ms or 0  # without a time, MLflow would keep the end of an earlier attempt
        self._post("runs/update", {"run_id": run_id, "run_name": name, "status": status, "end_time": end})

    def untag(self, run_id: str, tag: str) -> None:
        """Delete a tag of the run."""
        self._post("runs/delete-tag", {"run_id": run_id, "key": tag})

    def upload(self, run: Run, name: str, content: bytes) -> None:
        """Store an artifact of the run through the server."""
        self.upload_pieces(run, name, [content], len(content))

    def upload_pieces(self, run: Run, name: str, pieces: Iterable[bytes], size: int) -> None:
        """Store an artifact of `size` bytes through the server; one piece of it is in memory at a time."""
        if run.artifacts is None:
            with self._warning:  # several threads upload
                if not self._has_warned:
                    log.warning("MLflow takes no files of runs: start it with --artifacts-destination")
                self._has_warned = True
            return
        path = f"/api/2.0/mlflow-artifacts/artifacts/{run.artifacts}/{name}"
        left = iter(pieces)
        first = next(left, b"")  # before the request begins: a file that is gone concerns the server nothing
        timeout = _timeout(self._timeout_s, stored_s=size / LEAST_BYTES_PER_S)
        headers = {"Content-Length": str(size)}
        try:
            answer = self._http.put(path, content=_packets(chain([first], left)), headers=headers, timeout=timeout)
        except httpx.HTTPError as error:
            raise MlflowUnreachableError(f"{name} could not be uploaded: {error!r}") from error
        self._read(answer)

    def _post(self, action: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._read(self._send("POST", action, json=body))

    def _send(self, method: str, action: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, f"/api/2.0/mlflow/{action}", **options)
        except httpx.HTTPError as error:
            raise MlflowUnreachableError(f"MLflow does not answer: {error!r}") from error

    def _read(self, answer: httpx.Response) -> Mapping[str, Any]:
        if not answer.is_success:  # nor is a redirection, such as to a page where people sign in
            kind = MlflowMissingError if _is_missing(answer) else MlflowError
            if _code(answer) == "RESOURCE_ALREADY_EXISTS":
                kind = MlflowTakenError
            if answer.status_code in BEHIND_A_PROXY:
                kind = MlflowUnreachableError
            raise kind(f"MLflow refused {answer.request.url.path}: {answer.status_code} {answer.text[:500]}")
        try:
            read: Mapping[str, Any] = answer.json() if answer.content else {}
        except ValueError as error:
            raise MlflowError(f"MLflow answered {answer.request.url.path} with something that is not JSON") from error
        return read


def _timeout(timeout_s: float, *, stored_s: float = 0.0) -> httpx.Timeout:
    """Of a request whose answer comes when something is stored, which may take so long."""
    return httpx.Timeout(timeout_s, connect=2.0, read=timeout_s + stored_s)


def _is_missing(answer: httpx.Response) -> bool:
    """Whether MLflow says that it has no such thing; a proxy without a server behind it says 404, too."""
    return answer.status_code == httpx.codes.NOT_FOUND and _code(answer) == "RESOURCE_DOES_NOT_EXIST"


def _code(answer: httpx.Response) -> str | None:
    """The error code of MLflow's refusal; None of what others say."""
    try:
        said = answer.json()
    except ValueError:
        return None
    return said.get("error_code") if isinstance(said, Mapping) else None


def _packets(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for at in range(0, len(piece), PACKET):
            yield piece[at : at + PACKET]


def _batches(metrics: Sequence[Metric], most: int) -> Iterator[Sequence[Metric]]:
    """The points in batches of at most `most`, each ending where a step ends."""
    start = 0
    while start < len(metrics):
        end = min(start + most, len(metrics))
        if end < len(metrics):
            whole = end
            while whole > start and metrics[whole].step == metrics[whole - 1].step:
                whole -= 1
            end = whole if whole > start else end
        yield metrics[start:end]
        start = end


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _run(answer: Mapping[str, Any]) -> Run:
    info, data = answer["info"], answer.get("data", {})
    steps = [int(metric["step"]) for metric in data.get("metrics", []) if metric["key"] == "train_loss"]
    return Run(
        id=info["run_id"],
        experiment_id=info["experiment_id"],
        artifacts=_below_the_root(info["artifact_uri"]),
        last_step=max(steps, default=0),
        deleted=info.get("lifecycle_stage") == "deleted",
        name=info.get("run_name", ""),
        tags=_tags(data),
    )


def _below_the_root(uri: str) -> str | None:
    """The path of `mlflow-artifacts:/...`; None of another address, to which clients of MLflow write themselves."""
    found = urlsplit(uri)
    return found.path.strip("/") if found.scheme == "mlflow-artifacts" else None


def _tags(answer: Mapping[str, Any]) -> Mapping[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in answer.get("tags", [])}
