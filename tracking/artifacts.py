"""The artifacts of a finished job's run: its spec, files, model, metrics of the model, and pictures."""

from collections.abc import Callable, Mapping

from model import PREPROCESSING, REPORT, SPEC
from model.drawing import Drawing
from model.preprocessing import Preprocessing
from model.report import Report
from store.files import Files
from store.jobs import JobStore
from store.records import JobRecord

from .mlflow import Mlflow, Run
from .package import FILES, FOLDER, HISTORY_TAG, history, package
from .runs import report_metrics

Draw = Callable[[Drawing], Mapping[str, bytes]]
"""Draws all pictures of a job, by name."""


class Artifacts:
    """Uploads what a job left, once the job has ended. Uploading the same again changes nothing."""

    def __init__(self, jobs: JobStore, mlflow: Mlflow, files: Files) -> None:
        self._jobs, self._mlflow, self._files = jobs, mlflow, files

    def upload_files(self, run: Run, job: JobRecord) -> None:
        """Upload the spec, the files, the model and its metrics: all but pictures, which take far longer."""
        files = self._upload_files(run, job)
        metrics = report_metrics(job, Report.model_validate_json(files[REPORT])) if REPORT in files else []
        tags = self._upload_package(run, job, files) if _is_model(files) else {}
        if metrics or tags:
            self._mlflow.log(run.id, metrics=metrics, tags=tags)

    def upload_pictures(self, run: Run, job: JobRecord, draw: Draw) -> None:
        """Draw and upload the pictures of `job`: with them its run is complete."""
        uris = {artifact.name: artifact.uri for artifact in self._jobs.artifacts(job.id)}
        drawing = Drawing(
            title=job.name or job.id,
            curve=self._jobs.curve(job.id),
            best_epoch=job.best_epoch,
            stop_reason=job.stop_reason,
            report=Report.model_validate_json(self._files.get(uris[REPORT])) if REPORT in uris else None,
        )
        for name, picture in draw(drawing).items():
            self._mlflow.upload(run, f"{name}.png", picture)

    def _upload_files(self, run: Run, job: JobRecord) -> Mapping[str, bytes]:
        """Upload the spec and the job's files, those of a whole model into its folder; the files by name."""
        self._mlflow.upload(run, SPEC, job.spec.model_dump_json(indent=2).encode())
        files = {artifact.name: self._files.get(artifact.uri) for artifact in self._jobs.artifacts(job.id)}
        for name, content in files.items():
            if name in FILES and _is_model(files):
                self._mlflow.upload(run, f"{FOLDER}/{name}", content)
            elif name != SPEC:
                self._mlflow.upload(run, name, content)
        return files

    def _upload_package(self, run: Run, job: JobRecord, files: Mapping[str, bytes]) -> Mapping[str, str]:
        """Upload what makes the folder a model of MLflow's; the tag by which its page knows it."""
        at = job.finished_at or job.updated_at
        preprocessing = Preprocessing.model_validate_json(files[PREPROCESSING])
        for name, content in package(job.spec, preprocessing, run.id, at).items():
            self._mlflow.upload(run, f"{FOLDER}/{name}", content)
        return {HISTORY_TAG: history(run.id, at)}


def _is_model(files: Mapping[str, bytes]) -> bool:
    """Whether the files include a whole model."""
    return files.keys() >= set(FILES)
