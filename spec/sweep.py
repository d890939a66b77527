"""The sweep spec: a question about jobs as data, and its rules.

A sweep trains *configurations*: values for some fields of one base job. Its method proposes them, generation by
generation, and its halving stops the weak ones early. The same sweep gives the same table, bit for bit, on a CPU.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from .architectures import ARCHITECTURES
from .base import Count, Frozen, Real, as_written, fault
from .configuration import KIND_OF, LABELS, Configuration, body_with, inner_value, value_at, with_fields
from .dataset import Inline
from .halvings import HALVINGS, AnyHalving, Hyperband, NoHalving, Population, Successive
from .job import CHANGEABLE, MOST_SEED, SPEC_VERSION, JobSpec
from .labels import Name
from .meant import did_you_mean, meant
from .monitors import Monitor
from .newer import NewerReleaseError
from .space import MOST_CHOICES, AnyParameter, Integers, LogUniform, Parameter, Uniform
from .validation_errors import sentences

RULES_VERSION = 7
"""Version of the rules that propose and prune.

2: rungs of Hyperband from `min_epochs` on; fewer good trials of TPE. 3: larger brackets of Hyperband in long sweeps.
4: Sobol goes on behind places that are no job; all whole numbers by logarithm are listed; conditions on parameters that
are left out are those on the base; generations are a tenth of a budget of epochs at most. 5: a sweep by TPE that names
no generation has small ones; with halving, jobs of given configurations monitor the objective; an endless space with
few combinations that are jobs does not end early; a budget ends where jobs would keep too many rows of the spec.
6: the type of an optimizer, a loss or a schedule is set before its other fields, in whatever order a space has them;
TPE takes no configuration that failed as good, and has small generations with a budget of seconds, too. 7: two forms
of one configuration, such as `standardize: null` and `true`, are one.
"""

MOST_TRIALS = 100_000
"""Maximum number of configurations of a sweep."""

DEFAULT_TRIALS = 64

SMALL = 8
"""The generation of TPE with a budget of seconds, in which nobody knows how many configurations are trained."""

MOST_JOBS = 200_000
"""Maximum number of jobs: configurations times seeds or folds."""

MOST_EPOCHS = 10**12
"""Most epochs of a new sweep's budget."""

MOST_NUMBERS = 5_000_000
"""Maximum number of features times rows in the specs of all jobs together: some 130 MB of the record."""

MOST_CHECKED = 100
"""Maximum number of a parameter's values that are tried when a sweep is submitted."""

STORED = "stored"
"""The context in which a spec on record is read: its values were tried before, or by older rules."""

MOST_EXPLOITS = 1_000
"""Maximum number of rungs of a population."""


class Budget(Frozen):
    """A limit of a sweep besides its configurations; the sweep asks for no more once it is spent."""

    epochs: Annotated[Count, Field(ge=1, description="Epochs of all jobs together.")] | None = None
    seconds: Annotated[Real, Field(gt=0.0, description="Seconds since the sweep began; not repeatable.")] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.epochs is None and self.seconds is None:
            raise fault("trials", "must be a number, or {epochs: N}, or {seconds: S}")
        return self


SET_BY_SWEEP: Mapping[str, str] = {"seed": "seeds", "fold": "folds", "folds": "folds", "monitor": "objective"}
"""Fields of its jobs that a sweep sets, and its own field that says how."""

LISTED = frozenset({"grid", "given"})
"""Methods that list all configurations there are, and end."""

_KINDS: Mapping[tuple[str, str], type[Frozen]] = {
    **KIND_OF,
    **{("architecture", kind().type): kind for kind in ARCHITECTURES},
}
"""The kinds of the fields that are an object with a `type`, by field and type."""

_PLACE_OF_A_FRACTION = 0.6180339887
"""A place between two limits where no number is whole by chance: the golden ratio's."""

KEYED = ("class_weight", "tags")
"""Fields of a job that are objects with keys of their own, which may be digits."""


class SweepSpec(Frozen):
    """A sweep: a base job, the fields that vary, and how configurations are proposed and pruned."""

    version: Annotated[
        Count,
        Field(
            ge=1,
            le=RULES_VERSION,
            description="Version of the rules that propose and prune: a sweep goes on, and is replayed, by its own.",
        ),
    ] = RULES_VERSION
    name: Name = None
    base: Annotated[JobSpec, Field(description="The job whose fields vary. Its `seed` is the first of the seeds.")]
    space: Annotated[
        dict[str, AnyParameter],
        Field(max_length=50, description="Parameters by field path: {learning_rate: {...}}. None with method given."),
    ] = {}
    configurations: Annotated[
        tuple[Configuration, ...],
        Field(
            max_length=MOST_CHOICES,
            description="With method given: values by field path, {learning_rate: 0.1}; {} is the base job itself.",
        ),
    ] = ()
    method: Annotated[
        Literal["grid", "random", "sobol", "tpe", "given"],
        Field(
            description="How configurations are proposed. grid: all combinations, once. random, sobol: independent of "
            "results. tpe: Tree-structured Parzen Estimator (Bergstra et al. 2011), from earlier generations. given: "
            "those of `configurations`, in their order; each job keeps its own `monitor`, unless halving compares "
            "them.",
            json_schema_extra={"x-lists": sorted(LISTED)},
        ),
    ] = "tpe"

    @field_validator("method", mode="before")
    @classmethod
    def _is_no_halving(cls, value: object) -> object:
        """Others call both a scheduler or a method."""
        names = [kind.name() for kind in HALVINGS]
        if isinstance(value, str) and (found := meant(value, names, cutoff=1.0)):
            raise fault("method", f"says how configurations are proposed; what stops weak ones is halving: {found}")
        return value

    halving: Annotated[AnyHalving, Field(description="How weak configurations are stopped early.")] = NoHalving()
    objective: Annotated[
        Monitor | None,
        Field(description="The metric to improve; its direction is known. null: the metric that the job monitors."),
    ] = None
    trials: Annotated[
        Annotated[Count, Field(ge=1, le=MOST_TRIALS)] | Budget,
        Field(
            description="Configurations; or {epochs: N} or {seconds: S}, a budget. Without it, a grid and given "
            "configurations are trained whole; with it, the first of them."
        ),
    ] = DEFAULT_TRIALS
    seeds: Annotated[
        Count, Field(ge=1, le=100, description="Jobs of a configuration, each with a seed of its own, for bands.")
    ] = 1
    folds: Annotated[
        Annotated[Count, Field(ge=2, le=100)] | None,
        Field(description="Jobs of a configuration, one per fold of a cross-validation, in place of seeds."),
    ] = None
    seed: Annotated[Count, Field(ge=0, le=2**32 - 1, description="Seed of the proposals.")] = 0
    generation: Annotated[
        Count,
        Field(
            ge=1,
            le=10_000,
            description="Configurations that are proposed at a time. tpe without halving has a sixteenth of `trials`, "
            "from 4 to 64, and 8 with a budget of seconds, unless it is given. Hyperband has its own, and in a long "
            "sweep multiples of them that are at most these.",
        ),
    ] = 64
    parallel: Annotated[
        Count,
        Field(
            ge=1,
            le=64,
            description="Generations that train at a time. tpe proposes from those that ended before: more in parallel "
            "use more workers, and know less.",
        ),
    ] = 2
    keep_models: Annotated[bool, Field(strict=True, description="Whether pruned jobs keep their models too.")] = False
    mirror: Annotated[
        Literal["all", "best"],
        Field(description="Runs in MLflow: of all jobs, or of the best configuration's only."),
    ] = "all"

    @model_validator(mode="before")
    @classmethod
    def _suits_its_method(cls, body: Any, info: ValidationInfo) -> Any:
        """What the method decides is written into the spec; one on record is as it was.

        A grid and a list are trained whole, unless `trials` says how far. TPE learns from early generations, unless
        `generation` says how large they are.
        """
        if info.context is STORED or not isinstance(body, Mapping):
            return body
        method, trials = str(body.get("method", "tpe")), body.get("trials", DEFAULT_TRIALS)
        if method in LISTED and "trials" not in body:
            return {**body, "trials": MOST_TRIALS}
        version = body.get("version", RULES_VERSION)
        learns = method == "tpe" and _is_none(body.get("halving")) and version not in range(1, 5)
        if learns and "generation" not in body:
            if isinstance(trials, int):
                return {**body, "generation": min(max(trials // 16, 4), 64)}
            if _has_seconds(trials) and version != 5:
                return {**body, "generation": SMALL}
        return body

    @model_validator(mode="after")
    def _agrees(self, info: ValidationInfo) -> Self:
        if self.folds is not None and self.seeds > 1:
            raise fault("folds", "cannot be combined with seeds: each configuration has folds, or seeds")
        self._check_given(is_stored=info.context is STORED)
        for name, parameter in self.space.items():
            _check_parameter(name, parameter)
            if info.context is not STORED:
                _check_whole(f"space.{name}", name)
                _check_trains(name)
                _check_step(name, parameter)
                self._check_kinds(name, parameter)
                self._check_whole_numbers(name, parameter)
                self._check_values(name, parameter)
                self._check_conditions(name, parameter)
            if self.method == "grid" and parameter.values is None:
                many = f"more than {MOST_CHOICES:,}" if isinstance(parameter, Integers) else "endless"
                raise fault(f"space.{name}", f"has {many} values, and a grid needs a list: give choices or a step")
        if self.method == "grid" and self.combinations > MOST_TRIALS:
            raise fault("space", f"has {self.combinations:,} combinations; a grid may have {MOST_TRIALS:,}")
        if (jobs := self.most_trials * self.replicates) > MOST_JOBS:
            raise fault("trials", f"times seeds or folds must be at most {MOST_JOBS:,} jobs; it is {jobs:,}")
        if info.context is not STORED:
            self._check_budget()
            self._check_seeds()
            self._check_rows()
            self._check_first_rung()
        varied = next((name for name in self._varied if name.split(".")[-1] == "epochs"), None)
        if varied is not None and not isinstance(self.halving, NoHalving):
            raise fault(varied, "cannot vary with halving, which compares configurations after equal epochs")
        if not isinstance(self.halving, NoHalving):
            self._check_devices()
        if isinstance(self.halving, Population):
            self._check_population(self.halving)
        if self.objective is not None and info.context is not STORED:
            try:
                with_fields(self.base, {"monitor": self.objective})
            except ValidationError as error:
                raise fault("objective", error.errors()[0]["msg"]) from error
        return self

    @property
    def _varied(self) -> Iterator[str]:
        """The fields that vary, as paths of this spec."""
        yield from (f"space.{name}" for name in self.space)
        yield from (f"configurations.{at}.{name}" for at, one in enumerate(self.configurations) for name in one)

    def _check_given(self, *, is_stored: bool) -> None:
        """Check that a sweep has a space or configurations, and that each of these is a job.

        Those on record were tried when they were stored, and a controller reads them ten times a second.
        """
        if self.method == "given":
            if self.space:
                raise fault("space", "must be left out with method given, which has configurations")
            if not self.configurations:
                raise fault("configurations", "must be a list with method given: [{learning_rate: 0.1}, {...}]")
        elif self.configurations:
            raise fault("configurations", "needs method given")
        elif not self.space:
            raise fault("space", "must name the fields that vary: {learning_rate: [0.1, 0.01]}")
        for at, configuration in enumerate(() if is_stored else self.configurations):
            for name in configuration:
                _check_field(f"configurations.{at}.{name}", name)
                _check_whole(f"configurations.{at}.{name}", name)
            try:
                self.first_job(configuration)
            except ValidationError as error:
                first = sentences(error, body_with(self.base, configuration))[0]
                raise fault(f"configurations.{at}.{first.path}", first.message) from error

    def _check_budget(self) -> None:
        if isinstance(self.trials, Budget) and (self.trials.epochs or 0) > MOST_EPOCHS:
            raise fault("trials.epochs", f"must be at most {MOST_EPOCHS:,}")

    def _check_seeds(self) -> None:
        """Check that each seed is one of a job."""
        most = MOST_SEED - self.seeds + 1
        if self.base.seed > most:
            raise fault("base.seed", f"must be at most {most} with {self.seeds} seeds, which are it and those after it")

    def _check_rows(self) -> None:
        """Check that rows in the spec, which each job keeps, are few enough for so many jobs."""
        trials = self.most_trials if isinstance(self.trials, int) else 1
        if isinstance(data := self.base.dataset, Inline) and trials > self.most_with_rows:
            jobs = self.replicates * trials
            raise fault(
                "base.dataset",
                f"has {data.numbers:,} numbers, and each of {jobs:,} jobs would keep them, {MOST_NUMBERS:,} in all at "
                "most: upload the rows as a file and give its id, {id: ds_...}",
            )

    def _check_values(self, name: str, parameter: Parameter) -> None:
        """Refuse a value that the field takes in no job, such as a learning rate of 0."""
        for value in () if "." in name else (parameter.values or ())[:MOST_CHECKED]:
            try:
                with_fields(self.base, {name: value})
            except ValidationError as error:
                first = error.errors()[0]
                if first["type"] != "rule" and first["loc"][0] == name:  # a rule may hold beside other values
                    message = sentences(error, {name: value})[0].message
                    raise fault(f"space.{name}", message) from error

    def _check_kinds(self, name: str, parameter: Parameter) -> None:
        """Refuse a setting that only some optimizers or networks of the space have: the others would have no job."""
        first, *rest = name.split(".")
        varied = self.space.get(first) or self.space.get(f"{first}.type")
        if rest in ([], ["type"]) or varied is None or parameter.when:
            return
        types = [value.get("type") if isinstance(value, Mapping) else value for value in varied.values or ()]
        kinds = {one: kind for one in types if isinstance(one, str) and (kind := _KINDS.get((first, one)))}
        having = [one for one, kind in kinds.items() if rest[0] in kind.model_fields]
        lacking = [one for one in kinds if one not in having]
        if having and lacking:
            wanted = as_written(having if len(having) > 1 else having[0])
            raise fault(
                f"space.{name}",
                f"is no field of {first} {lacking[0]}: give it a condition, when: {{{first}.type: {wanted}}}",
            )

    def _check_whole_numbers(self, name: str, parameter: Parameter) -> None:
        """Refuse fractions of a field that takes whole numbers."""
        match parameter:
            case Uniform(uniform=(least, most), step=step):
                more = "" if step is None else f", step: {step:.15g}"
            case LogUniform(log_uniform=(least, most)):
                more = ", log: true"
            case _:
                return
        value = parameter.values[0] if parameter.values else parameter.at(_PLACE_OF_A_FRACTION)
        try:
            with_fields(self.base, {name: value})
        except ValidationError as error:
            if any(one["type"] in ("int_type", "int_from_float") and one["input"] == value for one in error.errors()):
                wanted = f"{{integers: [{least:.15g}, {most:.15g}]{more}}}"
                raise fault(f"space.{name}", f"takes whole numbers: write {wanted}") from error

    def _check_conditions(self, name: str, parameter: Parameter) -> None:
        """Refuse a condition that holds in no combination: the parameter would never be there."""
        for path, allowed in parameter.conditions.items():
            if path == name or path.startswith(f"{name}."):
                raise fault(f"space.{name}.when", f"must be about another field: {path} is what the parameter sets")
            if self._may_be(path, allowed):
                continue
            wants = f"is a condition that never holds: no combination has the {path} {' or '.join(map(str, allowed))}"
            inner = next((longer for longer in (f"{path}.type", f"{path}.name") if self._may_be(longer, allowed)), None)
            if inner is None and self._may_be(path, [allowed]):
                raise fault(f"space.{name}.when", f"{wants}; of a field that is a list write [{allowed}]")
            raise fault(f"space.{name}.when", wants if inner is None else f"{wants}; did you mean {inner}?")

    def _may_be(self, path: str, allowed: Sequence[Any]) -> bool:
        """Whether a field is one of these in some combination, as far as its values can be listed."""
        varied = {name: one for name, one in self.space.items() if path == name or path.startswith(f"{name}.")}
        always = any(not one.when for one in varied.values())
        if self.base.awaits_loss and path.split(".", maxsplit=1)[0] == "loss" and not always:
            return True
        if any(one.values is None for one in varied.values()):
            return True
        inner = {name: path.removeprefix(name).split(".")[1:] for name in varied}
        taken = [inner_value(value, inner[name]) for name, one in varied.items() for value in one.values or ()]
        return any(value in allowed for value in (taken if always else [*taken, value_at({}, self.base, path)]))

    def _check_devices(self) -> None:
        """Check that each job trains on one device: a bracket's packs take turns on it."""
        if self.base.resources.gpus > 1:
            raise fault("base.resources.gpus", "must be 1 with halving: a bracket trains on one device")
        varied = next((name for name in self._varied if ".resources" in name), None)
        if varied is not None:
            raise fault(varied, "cannot vary with halving: a bracket trains on one device")

    def _check_first_rung(self) -> None:
        """Refuse a first rung that is not before the last epoch: nothing would be stopped, or copied, ever."""
        if self.base.epochs == 1 and not isinstance(self.halving, NoHalving):
            raise fault("base.epochs", "must be at least 2 with halving, which compares configurations between epochs")
        match self.halving:
            case Successive(min_epochs=first) | Hyperband(min_epochs=first) if first > 1:
                field = "min_epochs"
            case Population(interval=first):
                field = "interval"
            case _:
                return
        if first >= self.base.epochs:
            raise fault(
                f"halving.{field}", f"must be less than the epochs of a job, {self.base.epochs:,}; it is {first:,}"
            )

    def _check_population(self, halving: Population) -> None:
        """Check that all that varies may change while a job trains."""
        if self.method in ("tpe", "given"):
            raise fault(
                "method", "must be random, sobol or grid with halving population, which changes values as it trains"
            )
        if self.base.epochs > halving.interval * MOST_EXPLOITS:
            least = math.ceil(self.base.epochs / MOST_EXPLOITS)
            raise fault("halving.interval", f"must be at least {least} with {self.base.epochs:,} epochs")
        allowed = (*CHANGEABLE, *(f"optimizer.{name}" for name in self.base.optimizer.numbers))
        for name, parameter in self.space.items():
            if name not in allowed:
                raise fault(
                    f"space.{name}",
                    f"cannot change while a job trains, as halving population asks: allowed are {', '.join(allowed)}",
                )
            if parameter.when:
                raise fault(f"space.{name}", "cannot have a condition (when) with halving population")
            if not all(
                isinstance(value, int | float) and not isinstance(value, bool) for value in parameter.values or ()
            ):
                raise fault(f"space.{name}", "must have numbers only with halving population")

    @property
    def monitored(self) -> Monitor:
        """The metric that is to be improved."""
        return self.objective or self.base.monitored

    @property
    def replicates(self) -> int:
        """Jobs of one configuration: its seeds, or its folds."""
        return self.folds or self.seeds

    @property
    def why_no_retry(self) -> str | None:
        """Why its failed jobs are not retried; None: nothing else depends on how they ended."""
        if self.method == "tpe":
            return "tpe proposes configurations from how the others ended"
        if not isinstance(self.halving, NoHalving):
            return "the others of a bracket went on without those that failed"
        if isinstance(self.trials, Budget) and self.trials.epochs is not None:
            return "the epochs of all its jobs decide how many configurations it has"
        return None

    @property
    def is_finite(self) -> bool:
        """Whether all values of all parameters can be listed; before version 4, no whole numbers by logarithm were."""
        parameters = self.space.values()
        if self.version < 4 and any(isinstance(one, Integers) and one.log for one in parameters):
            return False
        return all(one.values is not None for one in parameters)

    @property
    def combinations(self) -> int:
        """Combinations of all values, for a grid; those whose conditions do not hold are counted too."""
        if self.method == "given":
            return len(self.configurations)
        return math.prod(len(parameter.values or ()) for parameter in self.space.values())

    @property
    def most_trials(self) -> int:
        """The most configurations there can be; before version 5, rows in the spec did not limit a budget."""
        if isinstance(self.trials, int):
            most = self.trials
        else:
            most = min(MOST_TRIALS // self.replicates, self.most_with_rows if self.version > 4 else MOST_TRIALS)
        return min(most, self.combinations) if self.is_finite else most

    @property
    def most_with_rows(self) -> int:
        """The most configurations whose jobs may keep the rows in the spec; without such rows, any number."""
        data = self.base.dataset
        return MOST_NUMBERS // (data.numbers * self.replicates) if isinstance(data, Inline) else MOST_TRIALS

    @classmethod
    def stored(cls, body: Mapping[str, Any]) -> Self:
        """The spec of a sweep on record; one that names no version of the rules is older than versions.

        Raises `NewerReleaseError`.
        """
        of_jobs = body["base"].get("version", SPEC_VERSION)
        for version, known in ((body.get("version", 1), RULES_VERSION), (of_jobs, SPEC_VERSION)):
            if version > known:
                raise NewerReleaseError("sweep", version, known)
        return cls.model_validate({"version": 1, **body}, context=STORED)

    def first_job(self, configuration: Configuration) -> JobSpec:
        """The job of a configuration with its first seed or fold. Raises `ValidationError` unless each fold has a job.

        Folds have one of two sizes: the first has the larger one, and the last the smaller.
        """
        if self.folds is not None:
            self.job(configuration, self.folds - 1)
        return self.job(configuration, 0)

    def job(self, configuration: Configuration, replicate: int) -> JobSpec:
        """The job of a configuration with one of its seeds or folds. Raises `ValidationError` if there is none.

        Given configurations keep their monitor, but for halving, which compares them; before version 5, always.
        """
        keeps = self.method == "given" and (self.version < 5 or isinstance(self.halving, NoHalving))
        own: Configuration = {} if keeps else {"monitor": self.monitored}
        if self.folds is not None:
            own |= {"folds": self.folds, "fold": replicate}
        else:
            own["seed"] = self.base.seed + replicate
        return with_fields(self.base, {**configuration, **own}, types_first=self.version > 5)


def _is_none(halving: Any) -> bool:
    """Whether this is no halving, as a body or a program says it."""
    return isinstance(halving, NoHalving) or halving in (None, "none", {"type": "none"})


def _has_seconds(trials: Any) -> bool:
    """Whether this is a budget of seconds, as a body or a program says it."""
    fields = trials if isinstance(trials, Mapping) else vars(trials) if isinstance(trials, Budget) else {}
    return fields.get("seconds") is not None


def _check_parameter(name: str, parameter: Parameter) -> None:
    """Refuse a field that no job has, and conditions on fields that no job has."""
    _check_field(f"space.{name}", name)
    for path in parameter.when:
        if path.split(".")[0] not in JobSpec.model_fields:
            raise fault(f"space.{name}.when", f"{path} {_no_field(path)}")


def _check_field(where: str, name: str) -> None:
    """Refuse a field that no job has, or that the sweep sets itself."""
    if name.split(".", maxsplit=1)[0] not in JobSpec.model_fields:
        raise fault(where, _no_field(name))
    if name in SET_BY_SWEEP:
        raise fault(where, f"is set by the sweep: use {SET_BY_SWEEP[name]}")


def _check_trains(name: str) -> None:
    """Refuse a parameter that changes nothing of what a job trains: all its values are one configuration."""
    if name.split(".", maxsplit=1)[0] in LABELS:
        raise fault(f"space.{name}", "changes nothing of what a job trains: give it in base, one for all jobs")


def _check_step(name: str, parameter: Parameter) -> None:
    """Refuse a step that is larger than the distance of the limits: there would be one value."""
    match parameter:
        case Uniform(uniform=(least, most), step=float()) | Integers(integers=(least, most)):
            if parameter.values is not None and len(parameter.values) < 2:
                raise fault(f"space.{name}.step", f"must be at most {most - least:g}, the distance of the limits")


def _check_whole(where: str, name: str) -> None:
    """Refuse a part of a list, such as the first layer of a network."""
    first, *rest = name.split(".")
    if first not in KEYED and any(part.isdigit() for part in rest):
        raise fault(where, "names a part of a list: give the whole list, such as architecture.hidden: [[8], [16]]")


def _no_field(path: str) -> str:
    return "is no field of a job" + did_you_mean(path, JobSpec.model_fields)
