"""The artifacts of a finished job's run: its spec, files, model, metrics of the model, and pictures."""

from collections.abc import Callable, Collection, Mapping

from model import PREPROCESSING, REPORT, SPEC
from model.drawing import Drawing
from model.preprocessing import Preprocessing
from model.report import Report
from spec.views import Curve
from store.files import Files, pieces
from store.jobs import JobStore
from store.records import JobRecord

from .curves import Curves
from .mlflow import Mlflow, Run
from .package import FILES, FOLDER, HISTORY_TAG, history, package
from .runs import report_metrics

Draw = Callable[[Drawing], Mapping[str, bytes]]
"""Draws all pictures of a job, by name."""

PIECE = 4 << 20
"""Bytes of a file that are in memory at a time: a model may have 400 MB, and its optimizer's state twice as many."""

READ_HERE = (REPORT, PREPROCESSING)
"""Files of which the mirror needs the content, too; they are small."""


class Artifacts:
    """Uploads what a job left, once the job has ended. Uploading the same again changes nothing."""

    def __init__(self, jobs: JobStore, curves: Curves, mlflow: Mlflow, files: Files) -> None:
        self._jobs, self._curves, self._mlflow, self._files = jobs, curves, mlflow, files

    def upload_files(self, run: Run, job: JobRecord) -> None:
        """Upload the spec, the files, the model and its metrics: all but pictures, which take far longer."""
        left = {artifact.name: artifact for artifact in self._jobs.artifacts(job.id)}
        read = {name: self._files.get(left[name].uri) for name in READ_HERE if name in left}
        self._mlflow.upload(run, SPEC, job.spec.model_dump_json(indent=2).encode())
        for name, artifact in left.items():
            path = f"{FOLDER}/{name}" if name in FILES and _is_model(left) else name
            if name in read:
                self._mlflow.upload(run, path, read[name])
            elif path != SPEC:
                parts = (self._files.get(uri) for uri in pieces(artifact.uri, artifact.size, PIECE))
                self._mlflow.upload_pieces(run, path, parts, artifact.size)
        metrics = report_metrics(job, Report.model_validate_json(read[REPORT])) if REPORT in read else []
        tags = self._upload_package(run, job, read[PREPROCESSING]) if run.artifacts and _is_model(left) else {}
        if metrics or tags:
            self._mlflow.log(run.id, metrics=metrics, tags=tags)

    def upload_pictures(self, run: Run, job: JobRecord, draw: Draw) -> None:
        """Draw and upload the pictures of `job`: with them its run is complete."""
        if run.artifacts is None:
            return
        uris = {artifact.name: artifact.uri for artifact in self._jobs.artifacts(job.id)}
        report = Report.model_validate_json(self._files.get(uris[REPORT])) if REPORT in uris else None

        def drawn(curve: Curve) -> Mapping[str, bytes]:
            return draw(
                Drawing(
                    title=job.name or job.id,
                    curve=curve,
                    best_epoch=job.best_epoch,
                    stop_reason=job.stop_reason,
                    report=report,
                )
            )

        for name, picture in self._curves.use(job, drawn).items():
            self._mlflow.upload(run, f"{name}.png", picture)

    def _upload_package(self, run: Run, job: JobRecord, preprocessing: bytes) -> Mapping[str, str]:
        """Upload what makes the folder a model of MLflow's; the tag by which its page knows it."""
        at = job.finished_at or job.updated_at
        prepared = Preprocessing.model_validate_json(preprocessing)
        for name, content in package(job.spec, prepared, run.id, at).items():
            self._mlflow.upload(run, f"{FOLDER}/{name}", content)
        return {HISTORY_TAG: history(run.id, at)}


def _is_model(names: Collection[str]) -> bool:
    """Whether the files of these names include a whole model."""
    return set(names) >= set(FILES)
