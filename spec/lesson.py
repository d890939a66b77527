"""Lessons: the ideas of a first lecture as experiments, each a YAML file: a teacher writes another without code.

A lesson asks a question, asks for a prediction, names the runs that answer it, and says what is seen and why. What it
says of its runs it also claims in numbers, and each claim is checked when the runs have ended.
"""

import logging
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, model_validator

from .base import Count, Frozen, Real, fault
from .configuration import with_fields
from .job import JobSpec
from .meant import did_you_mean
from .monitors import METRICS, is_of_one_target
from .specfile import BadSpecFileError, content
from .states import StopReason
from .validation_errors import sentences
from .verdict import VerdictKind
from .views import Curve, JobView

log = logging.getLogger(__name__)

LESSONS = Path(__file__).parents[1] / "examples" / "lessons"
"""The folder of the lessons that come with the service."""

PROJECT = "lessons"
"""The project of the jobs of lessons."""

MOST_RUNS = 50

_FILE = re.compile(r"(?:\d+-)?(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)\.ya?ml")

_WHERE: Mapping[str | int, str] = {"last": "", "lowest": " at its lowest", "highest": " at its highest"}

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5_000)]
RunName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(?:[ -][a-z0-9.]+)*$", max_length=40)]


@dataclass(frozen=True)
class Seen:
    """What a run of a lesson showed."""

    curve: Curve
    stop_reason: StopReason | None
    verdict: VerdictKind | None

    @classmethod
    def of(cls, job: JobView, curve: Curve) -> Self:
        """What a job showed that has ended."""
        return cls(curve, job.stop_reason, None if job.verdict is None else job.verdict.kind)


class Prediction(Frozen):
    """What a student predicts before the runs begin."""

    ask: Text
    answers: Annotated[tuple[Text, ...], Field(min_length=2, max_length=6)]
    right: Annotated[Count, Field(ge=1, description="The number of the right answer; the first is 1.")]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.right > len(self.answers):
            raise fault("right", f"must be the number of an answer, at most {len(self.answers)}")
        return self


class Figure(Frozen):
    """A claim: a metric of a run is below or above a number, or the same metric of another run."""

    run: RunName
    metric: Annotated[str, Field(description="A column of the curve, such as val_loss.")]
    at: Annotated[
        Literal["last", "lowest", "highest"] | Annotated[Count, Field(ge=1)],
        Field(description="Of the last epoch, of the epoch with this number, or the lowest or highest of all epochs."),
    ] = "last"
    below: Real | RunName | None = None
    above: Real | RunName | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if (self.below is None) == (self.above is None):
            raise fault("below", "or above must be given, and not both")
        return self

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs that it is about."""
        return self.run, *(other for other in (self.below, self.above) if isinstance(other, str))

    def holds(self, seen: Mapping[str, Seen]) -> bool:
        """Whether the runs show it.

        A metric that is no finite number is below nothing and above every number, one that was not measured neither.
        """
        value, other = self._value(seen[self.run]), self._other(seen)
        return value < other if self.above is None else value > other

    def sentence(self, seen: Mapping[str, Seen]) -> str:
        """What it says, with the numbers that the runs showed."""
        limit, word = (self.below, "below") if self.above is None else (self.above, "above")
        other = self._other(seen)
        named = f"that of {limit} ({other:.4g})" if isinstance(limit, str) else f"{other:g}"
        metric = self.metric.replace("_", " ").replace("val ", "validation ").replace("train ", "training ")
        where = _WHERE.get(self.at, f" at epoch {self.at}")
        for run in self.runs:
            if math.isnan(self._value(seen[run])):
                return f"{run}: {metric}{where} was not measured"
        return f"{self.run}: {metric} {self._value(seen[self.run]):.4g}{where} is {word} {named}"

    def _other(self, seen: Mapping[str, Seen]) -> float:
        limit = self.below if self.above is None else self.above
        return self._value(seen[limit]) if isinstance(limit, str) else float(limit or 0.0)

    def _value(self, seen: Seen) -> float:
        """The metric of a run; infinite where it was no finite number, NaN where it was not measured."""
        column = [math.inf if one is None else one for one in seen.curve.get(self.metric, [])]
        if not column:
            return math.nan
        match self.at:
            case "last":
                return column[-1]
            case "lowest":
                return min(column)
            case "highest":
                return max(column)
            case epoch:
                return column[epoch - 1] if epoch <= len(column) else math.nan


class Ending(Frozen):
    """A claim: how a run ended, or what its verdict is."""

    run: RunName
    stopped_by: StopReason | None = None
    verdict: VerdictKind | None = None

    @property
    def runs(self) -> tuple[str, ...]:
        """The run that it is about."""
        return (self.run,)

    def holds(self, seen: Mapping[str, Seen]) -> bool:
        """Whether the run shows it."""
        shown = seen[self.run]
        return self.stopped_by in (None, shown.stop_reason) and self.verdict in (None, shown.verdict)

    def sentence(self, seen: Mapping[str, Seen]) -> str:
        """What the run showed."""
        shown = seen[self.run]
        parts = (
            ("stopped by", self.stopped_by, shown.stop_reason or "nothing"),
            ("verdict", self.verdict, shown.verdict or "none"),
        )
        said = (f"{name} {of.replace('_', ' ')}" for name, claimed, of in parts if claimed)
        return f"{self.run}: " + ", ".join(said)


class Lesson(Frozen):
    """An experiment that teaches one idea."""

    title: Text
    idea: Annotated[Text, Field(description="What it is about, in a few words: learning rate.")]
    question: Text
    prediction: Prediction
    base: Annotated[JobSpec, Field(description="The job that all runs change.")]
    runs: Annotated[
        dict[RunName, Annotated[dict[str, Any], BeforeValidator(lambda changes: changes or {})]],
        Field(min_length=1, max_length=MOST_RUNS, description="Changes of the base by field path, a name each."),
    ]
    controls: Annotated[
        tuple[str, ...], Field(description="The fields to play with, as paths: learning_rate, architecture.hidden.")
    ] = ()
    shown: Annotated[tuple[str, ...], Field(min_length=1, description="The metrics that the chart shows.")]
    seen: Annotated[Text, Field(description="What the curves show.")]
    why: Text
    claims: Annotated[tuple[Figure | Ending, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        metrics = {f"shown[{index}]": metric for index, metric in enumerate(self.shown)}
        for index, claim in enumerate(self.claims):
            for run in claim.runs:
                if run not in self.runs:
                    raise fault(f"claims[{index}]", f"{run} is none of the runs: {', '.join(self.runs)}")
            if isinstance(claim, Figure):
                metrics[f"claims[{index}].metric"] = claim.metric
        for path, metric in metrics.items():
            if metric not in METRICS and not is_of_one_target(metric):
                raise fault(path, f"{metric} is no metric of a curve" + did_you_mean(metric, METRICS))
        for path in self.controls:
            if path.split(".", maxsplit=1)[0] not in JobSpec.model_fields:
                raise fault("controls", f"{path} is no field of a job" + did_you_mean(path, JobSpec.model_fields))
        for run, changes in self.runs.items():
            try:
                with_fields(self.base, changes)
            except ValidationError as error:
                first = sentences(error, changes)[0]
                raise fault(f"runs.{run}", f"is no job: {first.path} {first.message}") from error
        return self

    def jobs_of(self, name: str) -> dict[str, JobSpec]:
        """The job of each run, labelled with the lesson of this name and the run."""
        labels = {"project": PROJECT, "tags": {"lesson": name}}
        return {
            run: with_fields(self.base, {**changes, **labels, "name": f"{name} {run}"})
            for run, changes in self.runs.items()
        }


class LessonSummary(Frozen):
    """A lesson in a list."""

    name: str
    title: str
    idea: str


class LessonList(Frozen):
    """The lessons that there are."""

    lessons: list[LessonSummary]


class LessonView(Lesson):
    """A lesson with its name and its jobs, ready to be submitted."""

    name: str
    jobs: Annotated[dict[str, dict[str, Any]], Field(description="The body of each run's job.")]

    @classmethod
    def of(cls, name: str, lesson: Lesson) -> Self:
        """The view of a lesson."""
        bodies = {run: job.model_dump(mode="json", exclude_unset=True) for run, job in lesson.jobs_of(name).items()}
        return cls(name=name, jobs=bodies, **dict(lesson))


def read(file: Path) -> Lesson:
    """The lesson in a YAML file. Raises `BadSpecFileError`, which names the field."""
    body = content(str(file))
    try:
        return Lesson.model_validate(body)
    except ValidationError as error:
        first = sentences(error, body if isinstance(body, dict) else {})[0]
        field = f"{first.path}:" if first.path else "it"
        raise BadSpecFileError(f"{file} is no lesson: {field} {first.message}") from error


def lessons_in(folder: Path = LESSONS) -> Iterator[tuple[str, Path]]:
    """The name and the file of each lesson in a folder, in the order of the files; 01-bias.yaml is the lesson bias."""
    if not folder.is_dir():
        log.warning("there is no folder of lessons %s", folder)
    for file in sorted(folder.glob("*.y*ml")):
        if found := _FILE.fullmatch(file.name):
            yield found["name"], file
        else:
            log.warning("%s is left out: a lesson is named like 13-my-idea.yaml, with a to z, 0 to 9 and -", file)
