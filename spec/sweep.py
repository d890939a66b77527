"""The sweep spec: a question about jobs as data, and its rules.

A sweep trains *configurations*: values for some fields of one base job. Its method proposes them, generation by
generation, and its halving stops the weak ones early. The same sweep gives the same table, bit for bit, on a CPU.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from .base import Count, Frozen, Named, Real, fault, one_of
from .dataset import Inline, canonical_json
from .job import CHANGEABLE, MOST_SEED, SPEC_VERSION, JobSpec
from .labels import Name
from .losses import LOSSES
from .meant import did_you_mean, meant
from .monitors import Monitor
from .newer import NewerReleaseError
from .optimizers import OPTIMIZERS
from .schedules import SCHEDULES
from .validation_errors import sentences

RULES_VERSION = 6
"""Version of the rules that propose and prune.

2: rungs of Hyperband from `min_epochs` on; fewer good trials of TPE. 3: larger brackets of Hyperband in long sweeps.
4: Sobol goes on behind places that are no job; all whole numbers by logarithm are listed; conditions on parameters that
are left out are those on the base; generations are a tenth of a budget of epochs at most. 5: a sweep by TPE that names
no generation has small ones; with halving, jobs of given configurations monitor the objective; an endless space with
few combinations that are jobs does not end early; a budget ends where jobs would keep too many rows of the spec.
6: the type of an optimizer, a loss or a schedule is set before its other fields, in whatever order a space has them;
TPE takes no configuration that failed as good, and has small generations with a budget of seconds, too.
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

MOST_CHOICES = 1_000

MOST_CHECKED = 100
"""Maximum number of a parameter's values that are tried when a sweep is submitted."""

STORED = "stored"
"""The context in which a spec on record is read: its values were tried before, or by older rules."""

MOST_EXPLOITS = 1_000
"""Maximum number of rungs of a population."""

Configuration = dict[str, Any]
"""Values by field path, such as {"learning_rate": 0.1, "architecture.hidden": [64]}."""


# --- the space --------------------------------------------------------------------------------------------------------

When = Annotated[
    dict[str, Any],
    Field(description="The parameter exists only where these fields have these values: {optimizer.type: sgd}."),
]
Limits = Annotated[tuple[Real, Real], Field(description="The least and the largest value.")]
_Whole = Annotated[Count, Field(ge=-MOST_SEED, le=MOST_SEED)]
WholeLimits = Annotated[tuple[_Whole, _Whole], Field(description="The least and the largest value.")]


class Parameter(Frozen):
    """One field of the job that the sweep varies."""

    when: When = {}

    @property
    def values(self) -> tuple[Any, ...] | None:
        """All values, if they can be listed; a grid needs them."""
        return None

    def at(self, place: float) -> Any:
        """The value at a place in [0, 1), such as a random number gives it."""
        raise NotImplementedError

    def place_of(self, value: Any) -> float:
        """A place in [0, 1) for which `at` gives this value."""
        values = self.values or ()
        return (values.index(value) + 0.5) / len(values)

    def changed(self, value: float, factor: float) -> float:
        """The value times the factor, within the limits; of a list, the next value in that direction."""
        ranked = sorted({float(one) for one in self.values or ()})
        nearest = min(range(len(ranked)), key=lambda place: abs(ranked[place] - value))
        step = (factor > 1.0) - (factor < 1.0)
        return ranked[min(max(nearest + step, 0), len(ranked) - 1)]


class Choice(Parameter):
    """One of some values, of any kind: names, numbers, lists, objects."""

    choice: Annotated[tuple[Any, ...], Field(min_length=1, max_length=MOST_CHOICES, description="The values.")]

    @property
    def values(self) -> tuple[Any, ...]:
        """The choices."""
        return self.choice

    def at(self, place: float) -> Any:
        """Each value has an equal share of [0, 1)."""
        return self.choice[int(place * len(self.choice))]


class Uniform(Parameter):
    """A number between two limits; with `step`, one of a row of numbers that includes the least."""

    uniform: Limits
    step: Annotated[Real, Field(gt=0.0, description="Distance between two values.")] | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        least, most = self.uniform
        if not least < most:
            raise fault("uniform", f"must rise: {least:g} is not less than {most:g}")
        if self.step is not None and (most - least) / self.step >= MOST_CHOICES:
            raise fault("step", f"gives more than {MOST_CHOICES:,} values: make it larger")
        return self

    @cached_property
    def values(self) -> tuple[float, ...] | None:
        """The steps, if there are any."""
        if self.step is None:
            return None
        least, most = self.uniform
        steps = math.floor((most - least) / self.step + 1e-9)
        return tuple(_rounded(least + step * self.step) for step in range(steps + 1))

    def at(self, place: float) -> float:
        """Linear in `place`."""
        if (values := self.values) is not None:
            return values[int(place * len(values))]
        least, most = self.uniform
        return least + place * (most - least)

    def place_of(self, value: Any) -> float:
        """Linear in the value, unless there are steps."""
        if self.step is not None:
            return super().place_of(value)
        least, most = self.uniform
        return _place((value - least) / (most - least))

    def changed(self, value: float, factor: float) -> float:
        """The product, unless there are steps."""
        if self.step is not None:
            return super().changed(value, factor)
        return min(max(value * factor, self.uniform[0]), self.uniform[1])


class LogUniform(Parameter):
    """A number above 0 whose logarithm is uniform: each power of ten is equally likely."""

    log_uniform: Limits

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        least, most = self.log_uniform
        if not 0.0 < least < most:
            raise fault("log_uniform", "must have limits above 0 that rise, such as [1.0e-5, 0.1]")
        return self

    def at(self, place: float) -> float:
        """Linear in the logarithm."""
        least, most = (math.log(limit) for limit in self.log_uniform)
        return min(max(math.exp(least + place * (most - least)), self.log_uniform[0]), self.log_uniform[1])

    def place_of(self, value: Any) -> float:
        """Linear in the logarithm."""
        least, most = self.log_uniform
        return _place((math.log(value) - math.log(least)) / (math.log(most) - math.log(least)))

    def changed(self, value: float, factor: float) -> float:
        """The product."""
        return min(max(value * factor, self.log_uniform[0]), self.log_uniform[1])


class Integers(Parameter):
    """A whole number between two limits, both included."""

    integers: WholeLimits
    step: Annotated[Count, Field(ge=1, le=MOST_SEED, description="Distance between two values.")] = 1
    log: Annotated[bool, Field(strict=True, description="Whether its logarithm is uniform; then without steps.")] = (
        False
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        least, most = self.integers
        if not least < most:
            raise fault("integers", f"must rise: {least} is not less than {most}")
        if self.log and (least < 1 or self.step != 1):
            raise fault("log", "needs limits of 1 or more, and no step")
        return self

    @cached_property
    def values(self) -> tuple[int, ...] | None:
        """All of them, if they are not too many."""
        least, most = self.integers
        return tuple(range(least, most + 1, self.step)) if self.count <= MOST_CHOICES else None

    def at(self, place: float) -> int:
        """Linear in `place`, or in the logarithm: a number has the interval that rounds to it."""
        least, most = self.integers
        if self.log:
            low, high = math.log(least - 0.5), math.log(most + 0.5)
            return min(max(round(math.exp(low + place * (high - low))), least), most)
        return least + self.step * int(place * self.count)

    @property
    def count(self) -> int:
        """How many there are; `len` of a range refuses more than a word of the machine holds."""
        least, most = self.integers
        return (most - least) // self.step + 1

    def place_of(self, value: Any) -> float:
        """Linear in the value, or in its logarithm."""
        least, most = self.integers
        if self.log:
            low, high = math.log(least - 0.5), math.log(most + 0.5)
            return _place((math.log(value) - low) / (high - low))
        return _place(((value - least) / self.step + 0.5) / self.count)

    def changed(self, value: float, factor: float) -> float:
        """The product, rounded, by logarithm and where the numbers are too many to list."""
        if self.values is not None and not self.log:
            return super().changed(value, factor)
        least, most = self.integers
        return float(min(max(round(value * factor), least), most))


def _place(place: float) -> float:
    """The place in [0, 1) that is nearest."""
    return min(max(place, 0.0), math.nextafter(1.0, 0.0))


_KINDS: Mapping[str, type[Parameter]] = {
    "choice": Choice,
    "uniform": Uniform,
    "log_uniform": LogUniform,
    "integers": Integers,
}


def _kind(value: Any) -> str | None:
    fields = value if isinstance(value, Mapping) else vars(value) if isinstance(value, Frozen) else {}
    return next((kind for kind in _KINDS if kind in fields), None)


def _by_list(value: Any) -> Any:
    """A list of values is a choice."""
    return {"choice": value} if isinstance(value, list | tuple) else value


AnyParameter = Annotated[
    Annotated[
        Annotated[Choice, Tag("choice")]
        | Annotated[Uniform, Tag("uniform")]
        | Annotated[LogUniform, Tag("log_uniform")]
        | Annotated[Integers, Tag("integers")],
        Discriminator(
            _kind,
            custom_error_type="parameter",
            custom_error_message="must be a list of values, or one of {choice: [...]}, {uniform: [a, b]}, "
            "{log_uniform: [a, b]}, {integers: [a, b]}",
        ),
    ],
    BeforeValidator(_by_list),
]


# --- halving ----------------------------------------------------------------------------------------------------------

Factor = Annotated[Count, Field(ge=2, le=10, description="One configuration in so many goes on at each rung.")]
LeastEpochs = Annotated[Count, Field(ge=1, le=1_000_000, description="Epochs before the first rung.")]


class Halving(Named):
    """A rule that stops weak configurations early.

    At *rungs*, epochs of a bracket, the best configurations go on and the rest are pruned: see `spec.halving`.
    """


class NoHalving(Halving):
    """Every configuration is trained to its end."""

    type: Literal["none"] = "none"


class Successive(Halving):
    """Successive halving (Jamieson and Talwalkar 2016): at each rung the best 1 / `factor` go on."""

    type: Literal["successive"] = "successive"
    factor: Factor = 3
    min_epochs: LeastEpochs = 1


class Hyperband(Halving):
    """Hyperband (Li et al. 2018): brackets of successive halving that begin with many and few epochs, in turn."""

    type: Literal["hyperband"] = "hyperband"
    factor: Factor = 3
    min_epochs: LeastEpochs = 1


class FirstEpoch(Halving):
    """After one epoch the best `keep` of a generation go on to the end (arXiv 2307.15422)."""

    type: Literal["first_epoch"] = "first_epoch"
    keep: Annotated[Count, Field(ge=1, le=10_000, description="Configurations of a generation that go on.")] = 3


class Population(Halving):
    """Population based training (Jaderberg et al. 2017): nothing is stopped; the worst go on from copies of the best.

    Every `interval` epochs each configuration of the worst quantile takes over weights and optimizer of one that is
    drawn from the best quantile, and its values with changes: see `spec.population`.
    """

    type: Literal["population"] = "population"
    interval: Annotated[Count, Field(ge=1, le=1_000_000, description="Epochs between two rungs.")] = 5
    quantile: Annotated[
        Real, Field(gt=0.0, le=0.5, description="Share of the population that copies, and that is copied.")
    ] = 0.2
    factors: Annotated[
        tuple[Annotated[Real, Field(gt=0.0, le=100.0)], ...],
        Field(
            min_length=1,
            max_length=20,
            description="One of these multiplies a copied value. Of a list or steps, the next value is taken instead: "
            "the larger one for a factor above 1.",
        ),
    ] = (0.8, 1.2)
    resample: Annotated[
        Real, Field(ge=0.0, le=1.0, description="Probability that a copied value is drawn anew from its space.")
    ] = 0.25


HALVINGS = (NoHalving, Successive, Hyperband, FirstEpoch, Population)

if TYPE_CHECKING:
    AnyHalving = Halving
else:
    AnyHalving = one_of(HALVINGS)


# --- the sweep --------------------------------------------------------------------------------------------------------


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

    def _check_conditions(self, name: str, parameter: Parameter) -> None:
        """Refuse a condition that holds in no combination: the parameter would never be there."""
        for path, wanted in parameter.when.items():
            allowed = wanted if isinstance(wanted, list) else [wanted]
            if self._may_be(path, allowed):
                continue
            wants = f"is a condition that never holds: no combination has the {path} {' or '.join(map(str, allowed))}"
            inner = next((longer for longer in (f"{path}.type", f"{path}.name") if self._may_be(longer, allowed)), None)
            raise fault(f"space.{name}.when", wants if inner is None else f"{wants}; did you mean {inner}?")

    def _may_be(self, path: str, allowed: Sequence[Any]) -> bool:
        """Whether a field is one of these in some combination, as far as its values can be listed."""
        varied = {name: one for name, one in self.space.items() if path == name or path.startswith(f"{name}.")}
        if any(one.values is None for one in varied.values()):
            return True
        inner = {name: path.removeprefix(name).split(".")[1:] for name in varied}
        taken = [_inner(value, inner[name]) for name, one in varied.items() for value in one.values or ()]
        always = any(not one.when for one in varied.values())
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


def with_fields(base: JobSpec, values: Mapping[str, Any], *, types_first: bool = True) -> JobSpec:
    """The job with other values at these field paths. Raises `ValidationError`."""
    return JobSpec.model_validate(body_with(base, values, types_first=types_first))


def body_with(base: JobSpec, values: Mapping[str, Any], *, types_first: bool = True) -> dict[str, Any]:
    """The body of `with_fields`, which may be no job's.

    Of two paths, the shorter is set first: {"optimizer": "sgd", "optimizer.momentum": 0.9}. Of the fields of an object,
    its type is: what the base has of another type goes, and what `values` have of one is wrong. Before version 6 of the
    rules, they were set in their order.
    """
    # Of a data set the object is kept: it is checked already, and many jobs share its rows.
    body = base.model_dump(mode="json", exclude_unset=True, exclude={"dataset"}) | {"dataset": base.dataset}
    for path in sorted(values, key=lambda path: (path.count("."), types_first and not path.endswith(".type"))):
        _set(body, base, path.split("."), values[path])
    return body


def _set(body: dict[str, Any], base: JobSpec, path: list[str], value: Any) -> None:
    """Set a value in a body; an object on the way that is a name, or a default, is written out first."""
    first, *rest = path
    if not rest:
        body[first] = value
        return
    inner = body.get(first)
    if inner is None and first in JobSpec.model_fields:
        default = getattr(base, first)
        inner = default.model_dump(mode="json") if isinstance(default, Frozen) else {}
    if isinstance(inner, Frozen):
        inner = inner.model_dump(mode="json", exclude_unset=True)
    if isinstance(inner, str):
        inner = {"name" if first == "dataset" else "type": inner}
    inner = dict(inner) if isinstance(inner, dict) else {}
    at = inner
    for name in rest[:-1]:
        at[name] = dict(own) if isinstance(own := at.get(name), dict) else {}
        at = at[name]
    at[rest[-1]] = value
    kind = _KIND_OF.get((first, value)) if rest == ["type"] and isinstance(value, str) else None
    if kind is not None:  # what the other kind does not have goes
        inner = {name: own for name, own in inner.items() if name in kind.model_fields}
    body[first] = inner


_KIND_OF: Mapping[tuple[str, Any], type[Named]] = {
    (field, kind.name()): kind
    for field, kinds in (("optimizer", OPTIMIZERS), ("loss", LOSSES), ("schedule", SCHEDULES))
    for kind in kinds
}
"""The kinds of the fields that are an object with a `type`."""


def active(space: Mapping[str, Parameter], configuration: Mapping[str, Any], base: JobSpec) -> Iterator[str]:
    """The parameters whose conditions hold among these values and the base job's."""
    for name, parameter in space.items():
        if all(_holds(configuration, base, path, wanted) for path, wanted in parameter.when.items()):
            yield name


def _holds(configuration: Mapping[str, Any], base: JobSpec, path: str, wanted: Any) -> bool:
    allowed = wanted if isinstance(wanted, list) else [wanted]
    return value_at(configuration, base, path) in allowed


def value_at(configuration: Mapping[str, Any], base: JobSpec, path: str) -> Any:
    """The value of a field: a configuration's, else the base job's. A bare name is the `type` of its object."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        head = ".".join(parts[:length])
        if head in configuration:
            return _inner(configuration[head], parts[length:])
    return _inner(base.model_dump(mode="json", include={parts[0]}).get(parts[0]), parts[1:])


def _inner(value: Any, path: list[str]) -> Any:
    for name in path:
        if isinstance(value, str) and name in ("type", "name"):
            continue
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


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
            raise fault(f"space.{name}", _no_field(path))


def _check_field(where: str, name: str) -> None:
    """Refuse a field that no job has, or that the sweep sets itself."""
    if name.split(".", maxsplit=1)[0] not in JobSpec.model_fields:
        raise fault(where, _no_field(name))
    if name in SET_BY_SWEEP:
        raise fault(where, f"is set by the sweep: use {SET_BY_SWEEP[name]}")


def _check_whole(where: str, name: str) -> None:
    """Refuse a part of a list, such as the first layer of a network."""
    first, *rest = name.split(".")
    if first not in KEYED and any(part.isdigit() for part in rest):
        raise fault(where, "names a part of a list: give the whole list, such as architecture.hidden: [[8], [16]]")


def _no_field(path: str) -> str:
    return f"{path} is no field of a job" + did_you_mean(path, JobSpec.model_fields)


def digest_of(spec: JobSpec) -> str:
    """SHA-256 of what two configurations share that are the same job, except for its seed, fold and labels."""
    body = spec.model_dump(mode="json", exclude={"dataset", "seed", "fold", "name", "tags", "project", "priority"})
    return hashlib.sha256(canonical_json(body, spec.dataset).encode()).hexdigest()


def _rounded(value: float) -> float:
    """Without the last digits that adding steps leaves: 0.1 x 3 is 0.3."""
    return float(f"{value:.12g}")
