"""A job as a handle: what it is now, its curve, its model, and what can be asked of it."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from spec.counterfactuals import SEEDS
from spec.improvement import ImprovementView
from spec.job import JobSpec
from spec.listed import ListedSpec
from spec.replay import ReplayView
from spec.short_ids import short
from spec.states import FINISHED, JobStatus
from spec.verdict import Verdict
from spec.views import Best, EventView, Failure, JobView, ListedJob, Metrics, ModelFormat, Progress

from ..errors import BadFileError, EpochalError, WrongUseError
from .curve import Curve
from .fields import name_of_copy, spec_with
from .predictions import Predictions, predict
from .transport import Update
from .words import html_table, job_facts, label, metrics_text

if TYPE_CHECKING:
    from .client import Client
    from .loaded import TrainedModel

FRESH_S = 0.5
"""How long what is known of a job that has not ended counts as its present state."""

SHOWN = ("val_loss", "val_accuracy", "val_r2")
"""The metrics in one line."""


class Job:
    """One job of the service.

    Its properties say what it is now: a job that has not ended is asked for anew, one that has ended is not. Errors are
    those of `epochal.errors`.
    """

    def __init__(self, client: "Client", job_id: str, view: JobView | None = None) -> None:
        self._client = client
        self._api = client.api
        self._view = view
        self._seen_at = time.monotonic()
        self.id = job_id
        """Its id; `client.job` also takes the end of it, or the job's name."""

    @property
    def view(self) -> JobView:
        """All that the service says of it."""
        known = self._known
        return known if _is_whole(known) else self._ask()

    def refresh(self) -> Self:
        """Ask the service for its state."""
        self._ask()
        return self

    @property
    def name(self) -> str | None:
        """The name it was given."""
        return self._known.name

    @property
    def spec(self) -> JobSpec:
        """What it trains, with all defaults."""
        spec = self._known.spec
        return self.view.spec if isinstance(spec, ListedSpec) and not spec.is_whole else spec

    @property
    def status(self) -> JobStatus:
        """queued, running, paused, succeeded, failed or cancelled."""
        return self._known.status

    @property
    def ended(self) -> bool:
        """Whether it is not trained any more."""
        return self.status in FINISHED

    @property
    def progress(self) -> Progress:
        """Its epochs, and how fast they pass."""
        return self._known.progress

    @property
    def metrics(self) -> Metrics:
        """The metrics of the last epoch; empty before the first."""
        return self._known.metrics or {}

    @property
    def best(self) -> Best | None:
        """The epoch whose weights the model has, and its metrics."""
        return self._known.best

    @property
    def failure(self) -> Failure | None:
        """Why it failed."""
        return self._known.failure

    @property
    def verdict(self) -> Verdict | None:
        """What its curve shows and what to try; None before its end."""
        return self.view.verdict

    @property
    def suggestion(self) -> JobSpec | None:
        """A spec to try next, for `client.submit`; None if the verdict has none."""
        return None if self.verdict is None else self.verdict.suggestion

    def wait(self, timeout: float | None = None, *, progress: bool = True) -> Self:
        """Wait for its end, `timeout` seconds at most. Raises `NotEndedError`; see `Client.wait`."""
        self._client.wait(self, timeout=timeout, progress=progress)
        return self

    def curve(self) -> Curve:
        """Its curve so far."""
        view = self._known
        best = None if view.best is None else view.best.epoch
        return Curve(self._api.curve(self.id), title=label(view), best_epoch=best)

    def events(self) -> list[EventView]:
        """Its history, oldest first."""
        return self._api.events(self.id)

    def watch(self) -> Iterator[Update]:
        """Its live updates until its end."""
        return self._api.watch(self.id)

    def cancel(self) -> Self:
        """Cancel it. A running one ends within seconds. Raises `ConflictError` if it has ended."""
        return self.learn(self._api.cancel(self.id))

    def pause(self) -> Self:
        """Pause it. A running one stops within seconds."""
        return self.learn(self._api.pause(self.id))

    def resume(self) -> Self:
        """Queue it again after a pause."""
        return self.learn(self._api.resume(self.id))

    def retry(self) -> Self:
        """Queue it again after a failure, from its first epoch."""
        return self.learn(self._api.retry(self.id))

    def replay(self) -> "Job":
        """Train it again. The new job's `compare` says whether every number is the same. Raises `ConflictError`."""
        view = self._api.replay(self.id)
        return Job(self._client, view.id, view)

    def compare(self) -> ReplayView:
        """A replay beside its original: whether every number is the same, bit for bit, and the first that is not."""
        return self._api.compare(self.id)

    def improve(self, *, seeds: int = SEEDS, timeout: float | None = None) -> ImprovementView:
        """Train counterfactuals of it, and wait for what helps: `.sentence`, `.changes`, `.suggestion`.

        Raises `ConflictError` before its end, and `NotEndedError` after `timeout` seconds.
        """
        found = self._client.improve(self.id, seeds=seeds, timeout=timeout)
        self.refresh()  # its verdict says what was tried
        return found

    def change(self, **values: Any) -> Self:
        """Change its `priority`, `name` or `tags`."""
        return self.learn(self._api.change(self.id, **values))

    def delete(self) -> None:
        """Delete it, with its curve and files. Raises `ConflictError` before its end."""
        self._api.delete(self.id)

    def clone(self, **changes: Any) -> "Job":
        """Submit a copy of it with other values, given as to `client.submit`. By default they are in its name."""
        view = self._known
        name = name_of_copy(label(view), changes)
        kept = {"name": name, "project": view.project, "tags": view.tags, "priority": view.priority}
        return self._client.submit(spec_with(self.spec.model_dump(mode="json", exclude_unset=True), kept), **changes)

    def predict(self, data: Any, **options: Any) -> Predictions:
        """Its model's predictions of raw rows.

        `data` is a list of rows (objects by column, or lists in the columns' order), an array [rows, columns], a frame,
        or the path of a file. `options` are those of `Api.predict_file`, for a file. Raises `BadSpecError`, which names
        row and column, and `ConflictError` before there is a model.
        """
        if isinstance(data, str | Path):
            return Predictions([self._api.predict_file(self.id, Path(data), **options)])
        return predict(partial(self._api.predict, self.id), data)

    def load(self) -> "TrainedModel":
        """Its model in PyTorch: a `torch.nn.Module` whose `predict` gives the same predictions without the service."""
        from .loaded import load  # PyTorch takes seconds to import

        return load(self._api.model(self.id))

    def download(self, form: str = "zip", path: str | Path | None = None) -> Path:
        """Write its model to a file: `zip` has weights, spec, preprocessing and a README, `onnx` is one graph.

        `path` may be a folder; by default it is the current one. Raises `WrongUseError` for another form.
        """
        if form not in list(ModelFormat):
            raise WrongUseError(f"A model is downloaded as {' or '.join(ModelFormat)}, not as {form}.")
        content = self._api.model(self.id, ModelFormat(form))
        file = Path() if path is None else Path(path)
        file = file / f"model-{short(self.id)}.{form}" if file.is_dir() else file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        except OSError as error:
            raise BadFileError(f"Cannot write to {file}: {error.strerror}.") from error
        return file

    def files(self) -> dict[str, int]:
        """The files it left, with their sizes in bytes."""
        return self._api.files(self.id)

    def file(self, name: str) -> bytes:
        """One of its files, such as `model.safetensors`."""
        return self._api.file(self.id, name)

    def pictures(self) -> list[str]:
        """The names of its pictures, such as `confusion`; none before its end."""
        return [picture.name for picture in self._api.pictures(self.id).pictures]

    def picture(self, name: str) -> bytes:
        """One of its pictures, as PNG."""
        return self._api.picture(self.id, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        try:
            view = self._known
        except EpochalError:
            return f"<Job {short(self.id)}>"
        best = {} if view.best is None else view.best.metrics
        shown = metrics_text({name: best[name] for name in SHOWN if name in best})
        epochs = f"epoch {view.progress.epoch} of {view.progress.epochs}"
        return f"<Job {short(self.id)} {label(view)}: {', '.join(filter(None, (view.status.value, epochs, shown)))}>"

    def _repr_html_(self) -> str:
        return html_table((), [*job_facts(self.view)])

    @property
    def _known(self) -> JobView:
        """What is known of it, perhaps from a list; asked for anew when it may have changed."""
        view = self._view
        if view is None or not (view.status in FINISHED or time.monotonic() - self._seen_at < FRESH_S):
            return self._ask()
        return view

    def _ask(self) -> JobView:
        view = self._api.job(self.id)
        self.learn(view)
        return view

    def learn(self, view: JobView) -> Self:
        """Take what the service has just said of it."""
        self._view, self._seen_at = view, time.monotonic()
        return self


def _is_whole(view: JobView) -> bool:
    """Whether it is all that there is: a list has no verdicts, and nor has the answer to a request for a change."""
    is_judged = view.status not in FINISHED or view.verdict is not None or view.best is None
    return is_judged and not isinstance(view, ListedJob)
