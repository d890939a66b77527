"""Pictures of a job over HTTP, drawn from the record and the job's report at the first request.

They need no MLflow and cost training nothing. A child process draws all pictures of a job at once, because the API does
not import matplotlib, and starting a process takes longer than drawing.
"""

import logging
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from flask import Blueprint, Response

from model import REPORT
from spec.pictures import PictureNumbers
from spec.states import FINISHED, JobStatus
from spec.views import PictureList, PictureView
from store.files import Files
from store.jobs import JobStore
from store.records import ArtifactRecord, JobRecord

from .answers import PREFIX
from .children import ask, child_environment
from .errors import BusyError, NotFoundError
from .kept import Kept
from .openapi import documented
from .parsing import json_response, visible_job
from .picture_numbers import numbers_of
from .services import service
from .slots import Slots

if TYPE_CHECKING:
    from model.report import Report

log = logging.getLogger(__name__)

HELD = 64
"""Most jobs whose pictures are kept, those asked for last: some 100 KB each."""
AT_ONCE = 2
"""Most jobs whose pictures are drawn at once; the next waits for a slot."""
SLOT_WAIT_S = 30.0
WALL_S = 60.0

Key = tuple[str, int, JobStatus, str | None]
"""What a job's pictures depend on."""


class Gallery:
    """Draws pictures of finished jobs, and keeps those of a few."""

    def __init__(self, store: JobStore, files: Files, *, at_once: int = AT_ONCE) -> None:
        self._store, self._files = store, files
        self._slots = Slots(at_once, SLOT_WAIT_S, "Pictures of other jobs are being drawn: try again.")
        self._held = Kept[Key, Mapping[str, bytes]](HELD)

    def listed(self, job: JobRecord) -> PictureList:
        """The pictures that there are of a job, or why there are none."""
        return _listed(job, self._report(job))

    def numbers(self, job: JobRecord, name: str) -> PictureNumbers:
        """What a picture is drawn from. Raises `NotFoundError`; the numbers of `curves` are the job's curve."""
        report = self._report(job)
        found = None if report is None else numbers_of(report, name)
        if found is None:
            names = ", ".join(() if report is None else report.pictures)
            there = f"The job has no numbers of a picture {name[:100]}: there are {names or 'none'}."
            raise NotFoundError(_listed(job, report).why or there)
        return found

    def picture(self, job: JobRecord, name: str) -> bytes:
        """One picture as a PNG. Raises `NotFoundError` or `BusyError`."""
        key = job.id, job.attempt, job.status, job.name
        if (held := self._held.find(key)) is not None and name in held:
            return held[name]
        report = self._report(job)
        listed = _listed(job, report)
        if name not in {picture.name for picture in listed.pictures}:
            names = ", ".join(picture.name for picture in listed.pictures)
            raise NotFoundError(listed.why or f"The job has no picture {name[:100]}: there are {names}.")
        with self._slots.slot():
            drawn = self._held.find(key)  # another request may have drawn it meanwhile
            if drawn is None:
                drawn = self._held.keep(key, self._draw(job, report))
        return drawn[name]

    def _report(self, job: JobRecord) -> "Report | None":
        """The report of a finished job's model, if there is one."""
        if job.status not in FINISHED:
            return None
        found: dict[str, ArtifactRecord] = {artifact.name: artifact for artifact in self._store.artifacts(job.id)}
        if REPORT not in found:
            return None
        from model.report import Report  # NumPy is imported with the first picture

        try:
            return Report.model_validate_json(self._files.get(found[REPORT].uri))
        except FileNotFoundError:
            log.error("%s is in the record and not in the file store", found[REPORT].uri)
            return None

    def _draw(self, job: JobRecord, report: "Report | None") -> Mapping[str, bytes]:
        from model.drawing import Drawing, unzipped

        drawing = Drawing(
            title=job.name or job.id,
            curve=self._store.curve(job.id),
            best_epoch=job.best_epoch,
            stop_reason=job.stop_reason,
            report=report,
        )
        question, environ = drawing.model_dump_json().encode(), child_environment("HOME", "MPLCONFIGDIR")
        try:
            done = ask("trainer.plots", question=question, environ=environ, wall_s=WALL_S)
            done.check_returncode()
        except subprocess.SubprocessError as error:
            output = (getattr(error, "stderr", None) or b"")[-2000:].decode(errors="replace")
            log.error("the pictures of job %s were not drawn: %s %s", job.id, error, output)
            raise BusyError("The pictures could not be drawn: try again; the service's log says why.") from error
        return unzipped(done.stdout)


def _listed(job: JobRecord, report: "Report | None") -> PictureList:
    if job.status not in FINISHED:
        why = f"The job is {job.status.value}: its pictures are drawn when it has ended; its curve is there now."
        return PictureList(pictures=[], why=why)
    names = [*(["curves"] if job.epoch else []), *(() if report is None else report.pictures)]
    if not names:
        return PictureList(pictures=[], why="The job ended before its first epoch did: there is nothing to draw.")
    at = f"{PREFIX}/jobs/{job.id}/pictures"
    left_out = None if report is None else report.left_out
    return PictureList(pictures=[PictureView(name=name, href=f"{at}/{name}.png") for name in names], why=left_out)


pictures = Blueprint("pictures", __name__, url_prefix=f"{PREFIX}/jobs")


@pictures.get("/<uuid:job_id>/pictures")
@documented("List a job's pictures", answer=PictureList)
def list_pictures(job_id: UUID) -> Response:
    """The pictures that there are of a job, or why there are none."""
    return json_response(service(Gallery).listed(visible_job(job_id)))


@pictures.get("/<uuid:job_id>/pictures/<name>.png")
@documented("Fetch a picture of a job", answer=bytes, media=("image/png",))
def picture(job_id: UUID, name: str) -> Response:
    """One picture as a PNG."""
    content = service(Gallery).picture(visible_job(job_id), name)
    return Response(content, content_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


@pictures.get("/<uuid:job_id>/pictures/<name>.json")
@documented("Fetch the numbers of a picture", answer=PictureNumbers)
def picture_numbers(job_id: UUID, name: str) -> Response:
    """What one picture is drawn from."""
    answer = json_response(service(Gallery).numbers(visible_job(job_id), name))
    answer.headers["Cache-Control"] = "private, max-age=3600"
    return answer
