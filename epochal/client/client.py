"""The service for people: data sets and jobs as handles."""

import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, overload

import httpx

from spec import specfile
from spec.counterfactuals import SEEDS
from spec.dataset import BUILTIN
from spec.improvement import ImprovementView
from spec.job import JobSpec
from spec.short_ids import short
from spec.specfile import BadSpecFileError
from spec.states import JobStatus, SweepState
from spec.sweep import SweepSpec
from spec.sweep_views import SweepCheck
from spec.views import Check, QueueView, WorkerView

from ..errors import BadFileError, WrongUseError
from .api import Api
from .bars import console, shown
from .dataset import Dataset
from .fields import plain, space_paths, spec_with
from .find import find_dataset, find_job, find_sweep
from .frames import as_file, is_frame, is_pair, looks_like_file
from .job import Job
from .jobs import Jobs
from .specs import body_of
from .states import states
from .sweep import Sweep
from .sweep_routes import sweep_body
from .transport import Body
from .uploads import OnProgress
from .waiting import wait, wait_for_improvement

Spec = JobSpec | Body | str | Path
"""A spec as an object, as its fields, or as the path of a YAML or JSON file."""


class Client:
    """A client of the service. Thread-safe; close it, or use it in a `with`.

    Without a URL it reads EPOCHAL_URL, and then looks for the embedded stack of EPOCHAL_HOME (`epochal up`). `api` has
    a method for each route of the service, with records instead of handles. Errors are those of `epochal.errors`.
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
        self.api = Api(url, token, timeout_s=timeout_s, transport=transport, sleep=sleep)
        self._sleep = sleep

    @property
    def url(self) -> str:
        """The address of the service."""
        return self.api.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self.api.close()

    def __repr__(self) -> str:
        return f"<Client of {self.url}>"

    # --- data sets -----------------------------------------------------------------------------------------------

    def upload(self, data: Any, *, on_progress: OnProgress = lambda sent, total: None, **options: Any) -> Dataset:
        """Upload a data set: a file or its path, a frame of pandas or polars, or arrays `(X, y)`.

        Files are CSV, Excel, JSON, Parquet, NPZ, ARFF or a zip of images.

        `options` are `target`, `name`, `task` and those of docs/data.md, by which a guess is overruled: `decimal=","`,
        `types={"zip": "category"}`, `weight="w"`, `split="part"` ... The same data again are the same data set.
        """
        with as_file(data) as file:
            return Dataset(self.api, self.api.upload(file, on_progress=on_progress, **options))

    def dataset(self, name: str) -> Dataset:
        """A data set by its id, or the newest of a name. Raises `NotFoundError`."""
        return Dataset(self.api, self.api.dataset(find_dataset(self.api, name)))

    def datasets(self, name: str | None = None) -> list[Dataset]:
        """Your data sets, newest first."""
        return [Dataset(self.api, summary) for summary in self.api.datasets(name=name)]

    # --- jobs ----------------------------------------------------------------------------------------------------

    def submit(self, spec: Spec | None = None, /, *, target: Any = None, key: str | None = None, **fields: Any) -> Job:
        """Submit one job: `client.submit(dataset="digits", hidden=[64, 32], learning_rate=0.01)`.

        `fields` are those of docs/spec.md; a field of a part may stand alone (`hidden`, `momentum`). They replace those
        of `spec`. `dataset` is a name, a `Dataset`, arrays `(X, y)`, or a frame or file, uploaded with `target`.
        `key` makes a repeated submit the same submit. Raises `BadSpecError`, which names every field at fault.
        """
        [body] = self._bodies([spec or {}], target, fields)
        view = self.api.submit(body, key=key)
        for warning in view.warnings:
            warnings.warn(warning, stacklevel=2)
        return Job(self, view.id, view)

    def submit_many(
        self, specs: Iterable[Spec] | str | Path, /, *, target: Any = None, key: str | None = None, **fields: Any
    ) -> list[Job]:
        """Submit up to 10,000 jobs, all or none: a list of specs, or a file with several. `fields` are for all."""
        given = _read(specs) if isinstance(specs, str | Path) else specs
        return [Job(self, job_id) for job_id in self.api.submit_many(self._bodies(given, target, fields), key=key)]

    def check(self, spec: Spec | None = None, /, *, target: Any = None, **fields: Any) -> Check:
        """The job's rows, parameters and memory, without submitting it."""
        [body] = self._bodies([spec or {}], target, fields)
        return self.api.check(body)

    def job(self, name: Job | str) -> Job:
        """A job by its id, the end of it, or its name. Raises `NotFoundError`."""
        view = self.api.job(name.id if isinstance(name, Job) else find_job(self.api, name))
        return Job(self, view.id, view)

    def jobs(
        self,
        *,
        status: JobStatus | str | Iterable[JobStatus | str] | None = None,
        project: str | None = None,
        tag: tuple[str, str] | None = None,
        name: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
    ) -> Jobs:
        """Jobs, newest first, `limit` at most; `jobs(...).to_frame()` is a table of them.

        `sort="-best_val_accuracy"`: those of the highest first. `status` may be several: `["queued", "running"]`.
        """
        known = states(JobStatus, status)
        return Jobs(self, self.api.jobs(status=known, project=project, tag=tag, name=name, sort=sort, limit=limit))

    @overload
    def wait(self, jobs: Job | str, *, timeout: float | None = None, progress: bool = True) -> Job: ...  # type: ignore[overload-overlap]  # a text is no list of jobs

    @overload
    def wait(self, jobs: Iterable[Job | str], *, timeout: float | None = None, progress: bool = True) -> list[Job]: ...

    def wait(
        self, jobs: Job | str | Iterable[Job | str], *, timeout: float | None = None, progress: bool = True
    ) -> Job | list[Job]:
        """Wait until jobs have ended, `timeout` seconds at most; jobs are handles, ids or names.

        `progress` shows a bar each on a terminal or in a notebook. After Ctrl-C the jobs go on. Raises `NotEndedError`.
        """
        one = isinstance(jobs, Job | str)
        given: Iterable[Job | str] = [jobs] if isinstance(jobs, Job | str) else jobs
        handles = [job if isinstance(job, Job) else Job(self, find_job(self.api, job)) for job in given]
        ids = [job.id for job in handles]
        try:
            with shown(ids, console(quiet=not progress)) as show:
                views = wait(self.api, ids, show, timeout_s=timeout, sleep=self._sleep)
        except KeyboardInterrupt:
            _say_that_they_go_on(ids)
            raise
        for job, view in zip(handles, views, strict=True):
            job.learn(view)
        return handles[0] if one else handles

    def improve(self, job: Job | str, *, seeds: int = SEEDS, timeout: float | None = None) -> ImprovementView:
        """Train counterfactuals of a job, and wait, `timeout` seconds at most. See `Job.improve`."""
        job_id = job.id if isinstance(job, Job) else find_job(self.api, job)
        self.api.improve(job_id, seeds=seeds)
        return wait_for_improvement(self.api, job_id, timeout_s=timeout, sleep=self._sleep)

    # --- sweeps --------------------------------------------------------------------------------------------------

    def sweep(
        self,
        base: Spec | SweepSpec,
        /,
        space: Mapping[str, Any] | None = None,
        *,
        target: Any = None,
        key: str | None = None,
        **options: Any,
    ) -> Sweep:
        """Submit a sweep: `client.sweep({"dataset": "digits"}, {"learning_rate": [0.1, 0.01]}, method="grid")`.

        `base` is a spec as `submit` takes it, and `space` the fields that vary: lists of values, `{"uniform": [a, b]}`,
        `{"log_uniform": [a, b]}`, `{"integers": [a, b]}`; a field of a part may stand alone (`hidden`). Without a
        space, `base` is a whole sweep or the path of its file. `options` are the other fields (docs/sweeps.md); in
        place of a space also `method="given", configurations=[{"learning_rate": 0.1}]`. Raises `BadSpecError`, which
        names every field at fault.
        """
        return Sweep(self, self.api.submit_sweep(self._sweep_body(base, space, target, options), key=key))

    def check_sweep(
        self, base: Spec | SweepSpec, /, space: Mapping[str, Any] | None = None, *, target: Any = None, **options: Any
    ) -> SweepCheck:
        """The sweep's configurations, jobs, epochs and brackets, without submitting it; arguments as for `sweep`."""
        return self.api.check_sweep(self._sweep_body(base, space, target, options))

    def sweeps(
        self,
        limit: int | None = None,
        *,
        state: SweepState | str | Iterable[SweepState | str] | None = None,
        search: str | None = None,
    ) -> list[Sweep]:
        """Sweeps, newest first; `state` is a state or several, `search` a part of the name."""
        known = states(SweepState, state)
        return [Sweep(self, summary) for summary in self.api.sweeps(state=known, search=search, limit=limit)]

    def find_sweep(self, name: str) -> Sweep:
        """A sweep by its id, the beginning or end of it, its name, or `@last`. Raises `NotFoundError`."""
        return Sweep(self, self.api.sweep(find_sweep(self.api, name)))

    def sleep(self, seconds: float) -> None:
        """Wait, as this client was told to."""
        self._sleep(seconds)

    # --- the service ---------------------------------------------------------------------------------------------

    def workers(self) -> list[WorkerView]:
        """The workers that are up, with their slots and the jobs that they train."""
        return self.api.workers()

    def queue(self) -> QueueView:
        """The length of the queue, its workers and its speed."""
        return self.api.queue()

    # --- specs ---------------------------------------------------------------------------------------------------

    def _bodies(self, specs: Iterable[Spec], target: Any, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The specs with these fields. A data set that they name is found, or uploaded once for all of them."""
        fields = {name: value.id if isinstance(value, Job) else value for name, value in fields.items()}
        if "dataset" in fields:
            fields = {**fields, "dataset": self._dataset(fields["dataset"], target)}
        elif target is not None:
            raise WrongUseError("`target` is for a data set that is uploaded: give it with `dataset=`.")
        dataset, start = cache(self._dataset), cache(partial(find_job, self.api))  # each name is looked up once
        return [_begun(spec_with(self._body(spec, dataset), fields), start) for spec in specs]

    def _sweep_body(
        self, base: Spec | SweepSpec, space: Mapping[str, Any] | None, target: Any, options: Mapping[str, Any]
    ) -> Body:
        """The fields of a sweep, from its parts or as a whole."""
        others: dict[str, Any] = plain(options)
        if isinstance(given := others.get("configurations"), list):
            others["configurations"] = [space_paths(one) if isinstance(one, Mapping) else one for one in given]
        if isinstance(base, SweepSpec):
            return {**sweep_body(base), **others}
        whole = _read(base)[0] if isinstance(base, str | Path) else base
        is_whole = isinstance(whole, Mapping) and "base" in whole
        if space is not None or ("configurations" in others and not is_whole):
            if isinstance(base, Mapping):
                (body,) = self._bodies([{}], target, base)
            else:
                (body,) = self._bodies([base], target, {})
            return {"base": body, "space": space_paths(plain(space or {})), **others}
        if isinstance(whole, JobSpec) or not {"space", "configurations"} & whole.keys():
            raise WrongUseError(
                "A sweep needs a space: the fields that vary, such as {'learning_rate': [0.1, 0.01]}; "
                "or with method='given' configurations=[{'learning_rate': 0.1}, ...]."
            )
        (body,) = self._bodies([whole.get("base", {})], target, {})
        return {**whole, "base": body, **others}

    def _body(self, spec: Spec, dataset: Callable[[str | Path], Any]) -> dict[str, Any]:
        if isinstance(spec, JobSpec):
            return body_of(spec)
        if isinstance(spec, str | Path):
            several = _read(spec)
            if len(several) > 1:
                raise WrongUseError(f"{spec} holds {len(several)} jobs: submit them with submit_many.")
            return self._body(several[0], dataset)
        if not isinstance(spec, Mapping):
            raise WrongUseError(f"A spec is its fields, a JobSpec or a file, not {type(spec).__name__}.")
        body = {**spec}
        if "dataset" in body:
            given = body["dataset"]
            body["dataset"] = dataset(given) if isinstance(given, str | Path) else self._dataset(given)
        return {name: plain(value) for name, value in body.items()}

    def _dataset(self, given: Any, target: Any = None) -> Any:
        """The data set as a spec has it."""
        if is_frame(given) or is_pair(given) or hasattr(given, "read") or looks_like_file(given):
            return {"id": self.upload(given, target=target).id}
        if target is not None:
            raise WrongUseError("`target` is for a data set that is uploaded: this one has its target already.")
        if isinstance(given, Dataset):
            return {"id": given.id}
        if isinstance(given, str) and given not in BUILTIN:
            return {"id": find_dataset(self.api, given)}
        return given


def _begun(body: dict[str, Any], job_id: Callable[[str], str]) -> dict[str, Any]:
    """The spec with the id of the job that it begins from."""
    start = body.get("init_from")
    return {**body, "init_from": job_id(start)} if isinstance(start, str) else body


def _read(file: str | Path) -> list[dict[str, Any]]:
    """The specs in a file. Raises `BadFileError`."""
    try:
        return specfile.read(str(file))[0]
    except BadSpecFileError as error:
        raise BadFileError(str(error)) from error


def _say_that_they_go_on(ids: list[str]) -> None:
    """Say on standard error what an interrupted wait did not end."""
    if len(ids) == 1:
        end = short(ids[0])
        text = f'Job {end} goes on: client.wait("{end}") waits again, client.job("{end}").cancel() ends it.'
    else:
        text = f"The {len(ids)} jobs go on: client.wait(jobs) waits again, job.cancel() ends one."
    print(f"\n{text}", file=sys.stderr)  # noqa: T201 - for the one who pressed Ctrl-C
