"""The API in Python: a method for each route; answers are models of `spec`, errors those of `epochal.errors`."""

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from spec.counterfactuals import SEEDS
from spec.improvement import ImprovementView
from spec.job import JobSpec
from spec.lesson import LessonList, LessonSummary, LessonView
from spec.newer import NewerView
from spec.replay import ReplayView
from spec.states import JobStatus
from spec.views import (
    BulkIds,
    CancelledMany,
    Check,
    Curve,
    Events,
    EventView,
    JobPage,
    JobView,
    ListedJob,
    PictureList,
    QueueView,
    Workers,
    WorkerView,
)

from .address import address
from .data_routes import DataRoutes
from .people_routes import PeopleRoutes
from .specs import body_of, parse, parse_many
from .sweep_routes import SweepRoutes
from .transport import Body, Transport, Update, commas, path_of, read


class Api(DataRoutes, SweepRoutes, PeopleRoutes):
    """One API. Thread-safe; close it, or use it in a `with`.

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
        self.url, token = address(url, token)
        self._transport = Transport(self.url, token, timeout_s=timeout_s, transport=transport, sleep=sleep)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._transport.http.close()

    # --- jobs ----------------------------------------------------------------------------------------------------

    def submit(self, job: JobSpec | Body, *, key: str | None = None) -> JobView:
        """Submit one job. `key` makes a repeated submit the same submit; without one, each call is a new job."""
        answer = self._transport.request("POST", "/jobs", body=body_of(parse(job)), key=key or str(uuid.uuid4()))
        return read(JobView, answer)

    def submit_many(self, jobs: Sequence[JobSpec | Body], *, key: str | None = None) -> list[str]:
        """Submit up to 10,000 jobs, all or none. Their ids, in the same order."""
        body = {"jobs": [body_of(job) for job in parse_many(jobs)]}
        answer = self._transport.request("POST", "/jobs/bulk", body=body, key=key or str(uuid.uuid4()), large=True)
        return read(BulkIds, answer).ids

    def check(self, job: JobSpec | Body) -> Check:
        """The job's parameters, memory and pack, without submitting it."""
        return read(Check, self._transport.request("POST", "/jobs/check", body=body_of(parse(job)), repeatable=True))

    def job(self, job_id: str) -> JobView:
        """The job as it is now."""
        return read(JobView, self._transport.request("GET", path_of("jobs", job_id)))

    def jobs(
        self,
        *,
        status: JobStatus | Collection[JobStatus] | None = None,
        project: str | None = None,
        tag: tuple[str, str] | None = None,
        name: str | None = None,
        id_part: str | None = None,
        sweep: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        newer: list[NewerView] | None = None,
    ) -> Iterator[ListedJob]:
        """Jobs, newest first, page after page; `limit` in all.

        `status`: a state or several. `id_part`: the beginning or the end of an id.

        Of inline data their specs have only the numbers of rows and columns. Those that a newer release wrote, which
        the service cannot read, are added to `newer`.

        `sort` is another order: `created`, or a best metric, `best_val_loss` or with the largest first
        `-best_val_accuracy`; or `queue`: only jobs that wait, in the order in which those of one owner start.
        """
        named = {"tag": tag and ":".join(tag), "name": name, "id": id_part, "sweep": sweep, "sort": sort}
        query = {"status": commas(status), "project": project, **named}
        return self._transport.pages(JobPage, "/jobs", lambda page: page.jobs, query=query, limit=limit, newer=newer)

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended, with its curve and files."""
        self._transport.request("DELETE", path_of("jobs", job_id))

    def curve(self, job_id: str, *, after: int = 0) -> Curve:
        """The curve's columns: `epoch`, then one per metric; only of epochs later than `after`."""
        answer = self._transport.request(
            "GET", path_of("jobs", job_id, "curve"), query={"from": after + 1 if after else None}
        )
        curve: Curve = answer.json()
        return curve

    def events(self, job_id: str) -> list[EventView]:
        """The job's history, oldest first."""
        return read(Events, self._transport.request("GET", path_of("jobs", job_id, "events"))).events

    def cancel(self, job_id: str) -> JobView:
        """Cancel the job. A running one ends within seconds; see `status` and `cancel_requested`."""
        return read(JobView, self._transport.request("POST", path_of("jobs", job_id, "cancel")))

    def cancel_many(
        self,
        ids: Collection[str] | None = None,
        *,
        status: JobStatus | None = None,
        project: str | None = None,
        tag: tuple[str, str] | None = None,
        name: str | None = None,
        everything: bool = False,
    ) -> CancelledMany:
        """Cancel the jobs that pass all that is given; `everything`, alone, for all jobs."""
        given = {"status": status, "project": project, "name": name, "all": everything}
        body: dict[str, Any] = {key: value for key, value in given.items() if value}
        body |= {} if ids is None else {"ids": list(ids)}  # none of them is not all of them
        body |= {"tag": [":".join(tag)]} if tag else {}
        answer = self._transport.request("POST", "/jobs/cancel", body=body, repeatable=True, large=True)
        return read(CancelledMany, answer)

    def pause(self, job_id: str) -> JobView:
        """Pause the job. A running one stops within seconds; see `status` and `pause_requested`."""
        return read(JobView, self._transport.request("POST", path_of("jobs", job_id, "pause")))

    def resume(self, job_id: str) -> JobView:
        """Queue a paused job again."""
        return read(JobView, self._transport.request("POST", path_of("jobs", job_id, "resume")))

    def change(self, job_id: str, **values: Any) -> JobView:
        """Change the job's `priority`, `name` or `tags`; values that are not given stay."""
        return read(JobView, self._transport.request("PATCH", path_of("jobs", job_id), body=values, repeatable=True))

    def retry(self, job_id: str) -> JobView:
        """Queue a failed job again."""
        return read(JobView, self._transport.request("POST", path_of("jobs", job_id, "retry")))

    def replay(self, job_id: str) -> JobView:
        """Train a job that has ended again: a new job with the same spec."""
        return read(JobView, self._transport.request("POST", path_of("jobs", job_id, "replay")))

    def compare(self, job_id: str) -> ReplayView:
        """A replay beside its original: whether every number is the same, bit for bit, and the first that is not."""
        return read(ReplayView, self._transport.request("GET", path_of("jobs", job_id, "replay")))

    def improve(self, job_id: str, *, seeds: int = SEEDS) -> ImprovementView:
        """Train counterfactuals of a job that has ended, each with so many seeds; what there is, if that was done."""
        path = path_of("jobs", job_id, "improve")
        return read(ImprovementView, self._transport.request("POST", path, body={"seeds": seeds}, repeatable=True))

    def improvement(self, job_id: str) -> ImprovementView:
        """What was tried to improve a job, and what helped."""
        return read(ImprovementView, self._transport.request("GET", path_of("jobs", job_id, "improve")))

    def files(self, job_id: str) -> dict[str, int]:
        """The files the job left, with their sizes in bytes."""
        files: dict[str, int] = self._transport.request("GET", path_of("jobs", job_id, "files")).json()
        return files

    def file(self, job_id: str, name: str) -> bytes:
        """One file the job left, such as `model.safetensors`."""
        return self._transport.request("GET", path_of("jobs", job_id, "files", name)).content

    def pictures(self, job_id: str) -> PictureList:
        """The pictures of a finished job, or why there are none."""
        return read(PictureList, self._transport.request("GET", path_of("jobs", job_id, "pictures")))

    def picture(self, job_id: str, name: str) -> bytes:
        """One picture as a PNG, such as `confusion`."""
        return self._transport.request("GET", path_of("jobs", job_id, "pictures", f"{name}.png")).content

    def watch(self, job_id: str) -> Iterator[Update]:
        """The job's live updates until its end. After a broken connection the stream resumes where it stopped."""
        return self._transport.stream(path_of("jobs", job_id, "stream"))

    def wait(self, job_id: str) -> JobView:
        """The job, once it has ended."""
        for _ in self.watch(job_id):
            pass
        return self.job(job_id)

    # --- the service ---------------------------------------------------------------------------------------------

    def lessons(self) -> list[LessonSummary]:
        """The lessons that there are, in their order."""
        return read(LessonList, self._transport.request("GET", "/lessons")).lessons

    def lesson(self, name: str) -> LessonView:
        """A lesson, with the jobs that it runs."""
        return read(LessonView, self._transport.request("GET", path_of("lessons", name)))

    def workers(self) -> list[WorkerView]:
        """The workers that are up, with their slots and the jobs that they train."""
        return read(Workers, self._transport.request("GET", "/workers")).workers

    def queue(self) -> QueueView:
        """The length of the queue, its workers and its speed."""
        return read(QueueView, self._transport.request("GET", "/queue"))
