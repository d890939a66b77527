"""The job spec: the validated, frozen description of one training.

The same model is the API body, the OpenAPI schema, the CLI flags, the YAML file, MLflow's params and the
trainer's argument. Every field has bounds and a description; unknown fields are rejected.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from .activations import Activation
from .architectures import Architecture, Initializer, Matrix, Mlp, Numbers, by_layer
from .augmentation import Augmentation
from .base import Count, Fraction, Frozen, Real
from .checks import check_against, check_fields
from .classes import ClassWeight
from .dataset import DatasetInfo, DatasetSpec, Shipped, Targets, Uploaded, declared_split, describe
from .labels import Name, Priority, Project, Tags
from .live_boundary import LiveBoundary
from .losses import CrossEntropy, Loss, Mse
from .monitors import Monitor
from .newer import NewerReleaseError
from .optimizers import Adam, Optimizer
from .pack_key import pack_key
from .resources import Precision, Resources
from .schedules import Constant, Schedule
from .splits import SplitBy, split_rows
from .warm_start import JobId

SPEC_VERSION = 1

MOST_SEED = 2**63 - 1
"""The largest seed."""

DEFAULT_BATCH = 32


class JobSpec(Frozen):
    """A training job: the network, its data and its training."""

    version: Annotated[Count, Field(ge=1, le=SPEC_VERSION, description="Version of this format.")] = SPEC_VERSION
    name: Name = None
    project: Annotated[Project, Field(description="The project of the job; its MLflow experiment.")] = "default"
    tags: Tags = {}

    dataset: Annotated[
        DatasetSpec,
        Field(description="A name; or {name: spirals, n: 1000}; or {id: ds_...}; or a small {x: [[...]], y: [...]}."),
    ]
    validation_fraction: Annotated[
        Fraction,
        Field(
            le=0.9,
            description="Share of the rows that is kept from training, to validate each epoch. Stratified by class; by "
            "group the share of the groups. 0: no validation. It has no effect where a split column names validation "
            "rows, and is left out with folds.",
        ),
    ] = 0.2
    test_fraction: Annotated[
        Fraction,
        Field(
            le=0.9,
            description="Share of the rows that is kept for one test of the finished model. Stratified by class; "
            "by group the share of the groups. 0: no test, unless a split column names test rows.",
        ),
    ] = 0.0
    split: Annotated[
        SplitBy | None,
        Field(
            description="How rows are divided into training, validation and test. random: by chance; column: as the "
            "split column says; group: the rows of a group stay together; time: the newest rows are the test, those "
            "before them the validation. null: column, group or time, the first of which the data set has a column "
            "for; else random."
        ),
    ] = None
    folds: Annotated[
        Annotated[Count, Field(ge=2, le=100)] | None,
        Field(
            description="Cross-validation: the rows that are not test are divided into this many folds, and one of "
            "them is the validation. null: no folds."
        ),
    ] = None
    fold: Annotated[Count, Field(ge=0, le=99, description="The fold that is the validation, from 0 to folds - 1.")] = 0
    split_seed: Annotated[
        Count, Field(ge=0, le=MOST_SEED, description="Seed of the split and of the folds; by time without effect.")
    ] = 0
    standardize: Annotated[
        Annotated[bool, Field(strict=True)] | None,
        Field(
            description="Whether features are scaled to mean 0 and standard deviation 1 of the training split, and so "
            "are regression targets (losses then too), unless the loss or the output activation needs them as they "
            "are. null: true for real and uploaded data, false for generated and inline data."
        ),
    ] = None

    augmentation: Annotated[
        Augmentation,
        Field(description="Random changes of training images, not of validation and test images. Needs image data."),
    ] = Augmentation()

    architecture: Annotated[Architecture, Field(description="The network's shape.")] = Mlp()
    activation: Annotated[
        Activation | tuple[Activation, ...],
        Field(
            description="Function that a hidden neuron applies to the weighted sum of its inputs. "
            "One name, or one per hidden layer."
        ),
    ] = Activation.relu
    output_activation: Annotated[
        Activation | None,
        Field(
            description="Function that an output neuron applies to the weighted sum of its inputs. null: none; "
            "cross-entropies take logits. It acts in the target's own units, so targets are not scaled with one."
        ),
    ] = None
    initial_weights: Annotated[
        Initializer | Annotated[tuple[Matrix, ...], Field(max_length=65, fail_fast=True)],
        Field(
            description="Weights before the first step. The name of a way to draw them, or the weights themselves, one "
            "[out][in] array per layer."
        ),
    ] = Initializer.kaiming_uniform
    initial_biases: Annotated[
        tuple[Numbers, ...] | None,
        Field(
            max_length=65,
            description="Biases before the first step. One array per layer; null: drawn by the initializer.",
        ),
    ] = None

    init_from: Annotated[
        JobId | None,
        Field(
            description="Id of a finished job, whose network this job begins with: its weights, running statistics and "
            "preprocessing (warm start, fine-tuning). Architecture and columns must be the same."
        ),
    ] = None

    loss: Annotated[
        Loss,
        Field(
            description="How wrong an answer is: what training makes small. A name, or {type: huber, ...}. Default: "
            "cross_entropy, or mse where the targets are numbers."
        ),
    ] = CrossEntropy()
    label_smoothing: Annotated[Fraction, Field(description="Share of a target spread over all classes.")] = 0.0
    class_weight: Annotated[
        ClassWeight | None,
        Field(
            description="How much each class counts in the loss. {label: weight}; a class that is not named weighs 1. "
            "balanced: rows / (classes x rows of the class), of the training split. null: all weigh the same."
        ),
    ] = None
    optimizer: Annotated[
        Optimizer, Field(description="Rule by which gradients change the weights. A name, or {type: sgd, ...}.")
    ] = Adam()
    keep_optimizer: Annotated[
        bool,
        Field(
            strict=True,
            description="Whether the optimizer's state is kept with the model: a job with init_from goes on from it if "
            "its optimizer is the same.",
        ),
    ] = False
    learning_rate: Annotated[
        Real, Field(gt=0.0, le=1000.0, description="Size of a step: too small is slow, too large diverges.")
    ] = 0.001
    schedule: Annotated[Schedule, Field(description="How the learning rate changes from epoch to epoch.")] = Constant()
    weight_decay: Annotated[
        Real,
        Field(
            ge=0.0,
            le=10.0,
            description="Pulls weights towards 0, against overfitting. L2, as the optimizer defines it.",
        ),
    ] = 0.0
    l1: Annotated[
        Real,
        Field(
            ge=0.0,
            le=10.0,
            description="Pulls small weights to 0 (L1 penalty). l1 x sign(weight) is added to gradients.",
        ),
    ] = 0.0
    gradient_clip: Annotated[
        Annotated[Real, Field(gt=0.0, le=1e6)] | None,
        Field(description="Largest norm of a step's gradient; a larger one is scaled down to it."),
    ] = None
    dropout: Annotated[
        Fraction | tuple[Fraction, ...],
        Field(
            description="Share of hidden neurons that each training step leaves out, against overfitting. "
            "One rate, or one per hidden layer."
        ),
    ] = 0.0

    batch_size: Annotated[
        Annotated[Count, Field(ge=1, le=1_000_000)] | Literal["full"],
        Field(description="Rows for one step: 1, 32 ..., or full for all of them. Default: 32, or all if fewer."),
    ] = DEFAULT_BATCH
    gradient_accumulation: Annotated[
        Count,
        Field(
            ge=1,
            le=10_000,
            description="Batches of a step: their gradients are added up, and one update follows the gradient of the "
            "mean loss over all their rows, in the memory of one batch. Batch normalisation sees each batch alone.",
        ),
    ] = 1
    epochs: Annotated[Count, Field(ge=1, le=1_000_000, description="Passes over the training rows, at most.")] = 100
    patience: Annotated[
        Annotated[Count, Field(ge=1, le=1_000_000)] | None,
        Field(description="Early stopping after this many epochs without improvement. null: no early stopping."),
    ] = None
    min_delta: Annotated[
        Real,
        Field(
            ge=0.0,
            le=1e6,
            description="Least change that counts as improvement for patience. The best epoch may be better by less.",
        ),
    ] = 0.0
    monitor: Annotated[
        Monitor | None,
        Field(description="Metric that decides which epoch is best. null: val_loss; train_loss without validation."),
    ] = None
    restore_best: Annotated[
        bool, Field(strict=True, description="Whether the model has the best epoch's weights. false: the last epoch's.")
    ] = True
    tolerance: Annotated[
        Annotated[Real, Field(gt=0.0, le=1e6)] | None,
        Field(description="Training stops when the norm of an epoch's mean gradient falls below this. null: never."),
    ] = None
    train_metrics: Annotated[
        Literal["exact", "running"],
        Field(
            description="How training metrics are measured. exact: after each epoch, without dropout, so that they "
            "compare with validation metrics. running: the mean over the epoch's steps, which is cheaper."
        ),
    ] = "exact"
    live_boundary: Annotated[
        LiveBoundary | None,
        Field(
            description="Whether the job's stream shows the decision boundary while it trains, twenty times a second "
            "at most. Needs data with two inputs. null: no."
        ),
    ] = None
    loss_landscape: Annotated[
        bool,
        Field(
            strict=True,
            description="Whether the loss around the model's weights is measured and drawn, in two random directions.",
        ),
    ] = False

    precision: Annotated[
        Precision,
        Field(
            description="Number format of training. tfloat32 and bfloat16: matrix products in fewer digits, if the "
            "device supports them; all else in float32."
        ),
    ] = Precision.float32
    deterministic: Annotated[
        bool, Field(strict=True, description="Whether results on a GPU are the same to the bit in every pack; slower.")
    ] = False
    seed: Annotated[
        Count,
        Field(
            ge=0,
            le=MOST_SEED,
            description="Jobs with the same seed draw the same random numbers: weights, dropout, augmentation, "
            "batches.",
        ),
    ] = 0

    resources: Annotated[Resources, Field(description="Devices that the job needs.")] = Resources()
    priority: Priority = 0
    max_attempts: Annotated[Count, Field(ge=1, le=20, description="Attempts before a lost worker fails the job.")] = 3
    timeout_s: Annotated[
        Annotated[Real, Field(gt=0.0, le=30 * 86_400.0)] | None,
        Field(description="Maximum training time of an attempt, in seconds. null: no limit."),
    ] = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        """Check the rules between fields, as far as that is possible without reading data."""
        if "loss" not in self.model_fields_set and self.info is not None and self.info.targets is Targets.numbers:
            object.__setattr__(self, "loss", Mse())
        check_fields(self)
        if self.folds is not None:
            object.__setattr__(self, "validation_fraction", 0.0)
        info = self.info
        if info is not None:
            if "batch_size" not in self.model_fields_set:
                object.__setattr__(self, "batch_size", min(DEFAULT_BATCH, max(self.split_rows(info)[0], 1)))
            check_against(self, info)
        return self

    @property
    def info(self) -> DatasetInfo | None:
        """Rows, features and targets of the data set; None for an upload that the service has not looked up yet."""
        return describe(self.dataset, labels=self.loss.traits.is_for_labels)

    @property
    def awaits_loss(self) -> bool:
        """Whether the default loss is still to be chosen: by the targets of an upload that has yet to be looked up."""
        return "loss" not in self.model_fields_set and self.info is None

    @property
    def is_weighted(self) -> bool:
        """Whether rows differ in their weight in the loss."""
        return self.class_weight is not None or (self.info is not None and self.info.weighted)

    def split_rows(self, info: DatasetInfo) -> tuple[int, int, int]:
        """Rows of the (train, validation, test) split of data like `info`; by group and time an estimate."""
        return split_rows(self, info)

    @property
    def split_by(self) -> SplitBy:
        """What decides the split of a row: as asked, or as the data set declares."""
        return self.split or declared_split(self.dataset)

    @property
    def division(self) -> tuple[int, int]:
        """What divides the rows, among jobs of one pack: the split seed and the fold."""
        return self.split_seed, self.fold

    @property
    def validates(self) -> bool:
        """Whether there are validation rows; true for an upload whose split column the service has yet to look up."""
        if self.validation_fraction > 0.0 or self.folds is not None:
            return True
        if isinstance(self.dataset, Uploaded) and self.dataset.info is None:
            return self.split in (None, SplitBy.column)
        info = self.info if self.split_by is SplitBy.column else None
        return info is not None and info.split_rows is not None and info.split_rows[1] > 0

    def on(self, dataset: DatasetSpec) -> Self:
        """The same job on `dataset`. Raises `ValidationError` if the job does not fit it."""
        asked = {name: getattr(self, name) for name in self.model_fields_set}
        return self.model_validate({**asked, "dataset": dataset})

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of each hidden layer."""
        return by_layer(self.activation, self.architecture)

    @property
    def monitored(self) -> Monitor:
        """The metric that decides which epoch is best."""
        return self.monitor or ("val_loss" if self.validates else "train_loss")

    @property
    def computed_output_activation(self) -> Activation | None:
        """The function that an output neuron applies; not identity, and not one that the loss applies itself."""
        outer = self.output_activation
        return None if self.loss.traits.takes_logits or outer == Activation.identity else outer

    @property
    def standardizes(self) -> bool:
        """Whether features are scaled to mean 0 and standard deviation 1."""
        if self.standardize is not None:
            return self.standardize
        return isinstance(self.dataset, Shipped | Uploaded)

    @property
    def standardizes_targets(self) -> bool:
        """Whether numbers to predict are scaled too.

        Not counts and probabilities, and not where an output activation has limits in the target's own units.
        """
        is_own_unit = self.loss.traits.limits is not None or self.computed_output_activation is not None
        return self.standardizes and not is_own_unit

    @classmethod
    def stored(cls, body: Mapping[str, Any]) -> Self:
        """The spec of a job on record. Raises `NewerReleaseError`."""
        if (version := body.get("version", SPEC_VERSION)) > SPEC_VERSION:
            raise NewerReleaseError("job", version, SPEC_VERSION)
        return cls.model_validate(body)

    @property
    def pack_key(self) -> str:
        """A digest of all that jobs must share to train as members of one pack."""
        return pack_key(self)


CHANGEABLE = ("learning_rate", "dropout", "weight_decay", "l1", "gradient_clip", "label_smoothing")
"""Numbers that may change while a job trains, as those of its optimizer may: each step reads them anew."""
