"""The job spec: the validated, frozen description of one training.

The same model is the API body, the OpenAPI schema, the CLI flags, the YAML file, MLflow's params and the
trainer's argument. Every field is bounded and described; unknown fields are refused.
"""

import hashlib
import json
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from .base import Count, Fraction, Frozen, Real, fault
from .dataset import DatasetInfo, DatasetSpec, Shipped, Targets, Uploaded, describe, split_sizes

SPEC_VERSION = 1


class Activation(StrEnum):
    """A function applied to each neuron's weighted sum; the names are PyTorch's."""

    identity = "identity"
    sigmoid = "sigmoid"
    tanh = "tanh"
    relu = "relu"
    leaky_relu = "leaky_relu"
    elu = "elu"
    selu = "selu"
    gelu = "gelu"
    silu = "silu"
    softplus = "softplus"
    mish = "mish"
    hard_tanh = "hard_tanh"


class Loss(StrEnum):
    """What is minimised, averaged over the rows of a batch."""

    mse = "mse"
    mae = "mae"
    huber = "huber"
    binary_cross_entropy = "binary_cross_entropy"
    cross_entropy = "cross_entropy"
    hinge = "hinge"
    poisson_nll = "poisson_nll"


CLASS_LOSSES = frozenset({Loss.binary_cross_entropy, Loss.cross_entropy, Loss.hinge})


class Initializer(StrEnum):
    """How the first weights are drawn (`torch.nn.init`); biases as `nn.Linear` draws them, zeros with `zeros`."""

    kaiming_uniform = "kaiming_uniform"
    kaiming_normal = "kaiming_normal"
    xavier_uniform = "xavier_uniform"
    xavier_normal = "xavier_normal"
    normal = "normal"
    zeros = "zeros"


class Normalization(StrEnum):
    """What is normalised between a hidden layer and its activation."""

    none = "none"
    batch = "batch"
    layer = "layer"


class Precision(StrEnum):
    """The number format that training computes in."""

    float32 = "float32"
    float64 = "float64"
    tfloat32 = "tfloat32"
    bfloat16 = "bfloat16"


# --- the network ------------------------------------------------------------------------------------------------

Width = Annotated[Count, Field(ge=1, le=65_536)]
Bias = Annotated[bool, Field(strict=True, description="Whether layers have a bias.")]
Normalizes = Annotated[Normalization, Field(description="Normalisation of hidden layers: none, batch or layer.")]


class Perceptron(Frozen):
    """One layer of neurons from the features to the outputs."""

    type: Literal["perceptron"] = "perceptron"
    bias: Bias = True


class Mlp(Frozen):
    """Layers of neurons, each connected to all of the next."""

    type: Literal["mlp"] = "mlp"
    hidden: Annotated[
        tuple[Width, ...], Field(min_length=1, max_length=64, description="Neurons of each hidden layer.")
    ] = (64, 32)
    bias: Bias = True
    normalization: Normalizes = Normalization.none


class ResMlp(Frozen):
    """A layer to `width` neurons, then `blocks` residual blocks x + f(x), then the output layer."""

    type: Literal["resmlp"] = "resmlp"
    width: Annotated[Width, Field(description="Neurons of every block.")] = 64
    blocks: Annotated[Count, Field(ge=1, le=64, description="Residual blocks.")] = 2
    bias: Bias = True
    normalization: Normalizes = Normalization.none


class Cnn(Frozen):
    """Convolutions over image data, each with an activation and a pooling, then an MLP."""

    type: Literal["cnn"] = "cnn"
    channels: Annotated[
        tuple[Annotated[Count, Field(ge=1, le=4096)], ...],
        Field(min_length=1, max_length=32, description="Output channels of each convolution."),
    ] = (8, 16)
    kernel: Annotated[Count, Field(ge=1, le=31, description="Side of the square kernel, in pixels.")] = 3
    stride: Annotated[Count, Field(ge=1, le=16, description="Step of the kernel, in pixels.")] = 1
    padding: Annotated[Count, Field(ge=0, le=15, description="Zeros added at each edge, in pixels.")] = 1
    pooling: Annotated[
        Literal["none", "max", "average"],
        Field(description="2 x 2 pooling after each convolution whose output is at least 2 x 2."),
    ] = "max"
    hidden: Annotated[
        tuple[Width, ...], Field(max_length=64, description="Neurons of each hidden layer after the convolutions.")
    ] = (32,)
    bias: Bias = True
    normalization: Normalizes = Normalization.none

    def convolved(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what a convolution makes of an image."""
        return self._places(height), self._places(width)

    def pooled(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after the pooling, which leaves an image as it is where there is none to do."""
        if self.pooling == "none" or min(height, width) < 2:
            return height, width
        return height // 2, width // 2

    def _places(self, side: int) -> int:
        return 1 + (side + 2 * self.padding - self.kernel) // self.stride


def _by_type(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


_Architectures = Annotated[Perceptron | Mlp | ResMlp | Cnn, Field(discriminator="type")]
Architecture = Annotated[
    _Architectures,
    BeforeValidator(_by_type, json_schema_input_type=Literal["perceptron", "mlp", "resmlp", "cnn"] | _Architectures),
]

# --- the optimizer ----------------------------------------------------------------------------------------------

Momentum = Annotated[Fraction, Field(description="Share of the last update that is kept.")]
Beta1 = Annotated[Fraction, Field(description="Decay of the running mean of gradients.")]
Beta2 = Annotated[Fraction, Field(description="Decay of the running mean of squared gradients.")]
Epsilon = Annotated[Real, Field(gt=0.0, le=1.0, description="Added to the denominator, for stability.")]


class Sgd(Frozen):
    """Gradient descent (torch.optim.SGD)."""

    type: Literal["sgd"] = "sgd"
    momentum: Momentum = 0.0
    nesterov: Annotated[bool, Field(strict=True, description="Nesterov's momentum; needs momentum > 0.")] = False

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0.0:
            raise fault("optimizer.nesterov", "needs momentum greater than 0")
        return self


class Adagrad(Frozen):
    """Duchi et al. 2011 (torch.optim.Adagrad)."""

    type: Literal["adagrad"] = "adagrad"
    lr_decay: Annotated[Real, Field(ge=0.0, le=1.0, description="Decay of the learning rate per step.")] = 0.0
    initial_accumulator: Annotated[Real, Field(ge=0.0, le=1e6, description="Start of the sum of squares.")] = 0.0
    eps: Epsilon = 1e-10


class Adadelta(Frozen):
    """Zeiler 2012 (torch.optim.Adadelta)."""

    type: Literal["adadelta"] = "adadelta"
    rho: Annotated[Fraction, Field(description="Decay of the running means of squares.")] = 0.9
    eps: Epsilon = 1e-6


class RmsProp(Frozen):
    """Hinton 2012, lecture 6e (torch.optim.RMSprop)."""

    type: Literal["rmsprop"] = "rmsprop"
    alpha: Annotated[Fraction, Field(description="Decay of the running mean of squares.")] = 0.99
    momentum: Momentum = 0.0
    centered: Annotated[bool, Field(strict=True, description="Normalise by the variance.")] = False
    eps: Epsilon = 1e-8


class Adam(Frozen):
    """Kingma and Ba 2015 (torch.optim.Adam)."""

    type: Literal["adam"] = "adam"
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8


class AdamW(Frozen):
    """Loshchilov and Hutter 2019: Adam with decoupled weight decay (torch.optim.AdamW)."""

    type: Literal["adamw"] = "adamw"
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8


class NAdam(Frozen):
    """Dozat 2016: Adam with Nesterov's momentum (torch.optim.NAdam)."""

    type: Literal["nadam"] = "nadam"
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    momentum_decay: Annotated[Fraction, Field(description="Decay of the momentum schedule.")] = 4e-3
    eps: Epsilon = 1e-8


class RAdam(Frozen):
    """Liu et al. 2020: Adam with a rectified variance (torch.optim.RAdam)."""

    type: Literal["radam"] = "radam"
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8


class Adamax(Frozen):
    """Kingma and Ba 2015, section 7.1 (torch.optim.Adamax)."""

    type: Literal["adamax"] = "adamax"
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    eps: Epsilon = 1e-8


class Lion(Frozen):
    """Chen et al. 2023, algorithm 2; weight decay is decoupled."""

    type: Literal["lion"] = "lion"
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.99


_Optimizers = Annotated[
    Sgd | Adagrad | Adadelta | RmsProp | Adam | AdamW | NAdam | RAdam | Adamax | Lion, Field(discriminator="type")
]
OptimizerName = Literal["sgd", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "nadam", "radam", "adamax", "lion"]
Optimizer = Annotated[_Optimizers, BeforeValidator(_by_type, json_schema_input_type=OptimizerName | _Optimizers)]

# --- the schedule of the learning rate, one value per epoch -----------------------------------------------------

FloorShare = Annotated[Real, Field(ge=0.0, le=1.0, description="Last rate, as a share of learning_rate.")]


class Constant(Frozen):
    """The same learning rate in every epoch."""

    type: Literal["constant"] = "constant"


class Cosine(Frozen):
    """Half a cosine from learning_rate down to its floor over all epochs (CosineAnnealingLR)."""

    type: Literal["cosine"] = "cosine"
    floor: FloorShare = 0.0


class Step(Frozen):
    """Times `factor` every `every` epochs (StepLR)."""

    type: Literal["step"] = "step"
    every: Annotated[Count, Field(ge=1, le=1_000_000, description="Epochs between two changes.")] = 30
    factor: Annotated[Real, Field(gt=0.0, le=1.0, description="What the rate is multiplied by.")] = 0.1


class Exponential(Frozen):
    """Times `factor` every epoch (ExponentialLR)."""

    type: Literal["exponential"] = "exponential"
    factor: Annotated[Real, Field(gt=0.0, le=1.0, description="What the rate is multiplied by.")] = 0.95


class WarmupCosine(Frozen):
    """A straight line up over `warmup` epochs, then half a cosine down over the rest."""

    type: Literal["warmup_cosine"] = "warmup_cosine"
    warmup: Annotated[Count, Field(ge=1, le=1_000_000, description="Epochs of the rise.")] = 5
    floor: FloorShare = 0.0


class Plateau(Frozen):
    """Times `factor` when the monitored metric has not improved for `patience` epochs (ReduceLROnPlateau)."""

    type: Literal["plateau"] = "plateau"
    patience: Annotated[Count, Field(ge=0, le=1_000_000, description="Epochs without improvement.")] = 5
    factor: Annotated[Real, Field(gt=0.0, lt=1.0, description="What the rate is multiplied by.")] = 0.1


class OneCycle(Frozen):
    """Up to learning_rate and down to nearly nothing, both cosines (OneCycleLR, one value per epoch)."""

    type: Literal["one_cycle"] = "one_cycle"
    rise: Annotated[Real, Field(gt=0.0, lt=1.0, description="Share of the epochs that rise.")] = 0.3
    start_divisor: Annotated[Real, Field(ge=1.0, le=1e6, description="First rate is learning_rate / this.")] = 25.0
    end_divisor: Annotated[Real, Field(ge=1.0, le=1e9, description="Last rate is the first rate / this.")] = 1e4


_Schedules = Annotated[
    Constant | Cosine | Step | Exponential | WarmupCosine | Plateau | OneCycle, Field(discriminator="type")
]
ScheduleName = Literal["constant", "cosine", "step", "exponential", "warmup_cosine", "plateau", "one_cycle"]
Schedule = Annotated[_Schedules, BeforeValidator(_by_type, json_schema_input_type=ScheduleName | _Schedules)]

# --- the rest ---------------------------------------------------------------------------------------------------


class Augmentation(Frozen):
    """Random changes of training images, new in every epoch: a crop, then a flip (torchvision's order).

    With one, images are standardised channel by channel, for a pixel no longer has a place of its own; the crop's zeros
    are then the channel's mean.
    """

    crop: Annotated[
        Count,
        Field(ge=0, le=64, description="Zeros added at each edge, in pixels; a part of the image's size is cut out."),
    ] = 0
    flip: Annotated[
        bool, Field(strict=True, description="Whether an image is mirrored, left to right, by the toss of a coin.")
    ] = False

    @property
    def acts(self) -> bool:
        """Whether it changes anything."""
        return self.crop > 0 or self.flip


class Resources(Frozen):
    """What a job needs to run on."""

    device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="auto: a GPU where there is one.")] = "auto"
    gpus: Annotated[Count, Field(ge=1, le=64, description="Devices that train it together.")] = 1


# No control characters and no direction overrides: they break logs, pages or databases.
_CLEAN = r"^[^\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]*$"
Label = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_CLEAN)]
Project = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$")]
TagKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")]
TagValue = Annotated[str, StringConstraints(max_length=500, pattern=_CLEAN)]
Name = Annotated[Label | None, Field(description="A label for people; need not be unique.")]
Tags = Annotated[dict[TagKey, TagValue], Field(max_length=50, description="Your own labels, as key: value.")]
Priority = Annotated[Count, Field(ge=-100, le=100, description="Higher goes first.")]
Numbers = Annotated[tuple[Real, ...], Field(fail_fast=True)]
Matrix = Annotated[
    tuple[Annotated[tuple[Real, ...], Field(min_length=1, fail_fast=True)], ...], Field(min_length=1, fail_fast=True)
]
Monitor = Literal[
    "val_loss",
    "val_accuracy",
    "val_balanced_accuracy",
    "val_macro_f1",
    "val_roc_auc",
    "val_mae",
    "val_rmse",
    "val_r2",
    "train_loss",
    "train_accuracy",
]
OF_NUMBERS = frozenset({"val_mae", "val_rmse", "val_r2"})
FALLING = frozenset({"val_loss", "train_loss", "val_mae", "val_rmse"})
"""Metrics of which less is better; of all others more is."""

DEFAULT_BATCH = 32

DETERMINISTIC_MEMBERS = 8
"""Members of a pack on a GPU that is to give the same bits in every pack; libraries choose their ways by the number."""

PARAMETER_LIMIT = 100_000_000
"""Weights and biases a network may have."""

LANDSCAPE_LIMIT = 1_000_000
"""Weights and biases a network may have whose loss is measured all around."""


class JobSpec(Frozen):
    """A training job: the network, its data and how it is trained."""

    version: Annotated[Count, Field(ge=1, le=SPEC_VERSION, description="Version of this format.")] = SPEC_VERSION
    name: Name = None
    project: Annotated[Project, Field(description="Where the job belongs; the MLflow experiment.")] = "default"
    tags: Tags = {}

    dataset: Annotated[
        DatasetSpec,
        Field(description="A name; or {name: spirals, n: 1000}; or {id: ds_...}; or {x: [[...]], y: [...]}, small."),
    ]
    validation_fraction: Annotated[
        Fraction, Field(le=0.9, description="Share of the rows kept for validation; stratified for classes. 0: none.")
    ] = 0.2
    test_fraction: Annotated[
        Fraction,
        Field(
            le=0.9,
            description="Share of the rows set aside for a test of the finished model, once at the end; chosen as "
            "validation rows are. 0: none.",
        ),
    ] = 0.0
    split_seed: Annotated[Count, Field(ge=0, le=2**63 - 1, description="Seed of the validation and test split.")] = 0
    standardize: Annotated[
        Annotated[bool, Field(strict=True)] | None,
        Field(
            description="Features to mean 0 and deviation 1 over the training split, and a regression's targets too "
            "(losses are then in target deviations). null: for real and uploaded data, not for made or inline data."
        ),
    ] = None

    augmentation: Annotated[
        Augmentation,
        Field(description="Random changes of training images; never of those that are measured. Needs image data."),
    ] = Augmentation()

    architecture: Annotated[Architecture, Field(description="The network's shape.")] = Mlp()
    activation: Annotated[
        Activation | tuple[Activation, ...],
        Field(description="Of the hidden layers: one name, or one per hidden layer."),
    ] = Activation.relu
    output_activation: Annotated[
        Activation | None,
        Field(description="Of the output layer. null: as the loss needs it (none, the loss takes logits)."),
    ] = None
    initial_weights: Annotated[
        Initializer | Annotated[tuple[Matrix, ...], Field(max_length=65, fail_fast=True)],
        Field(description="How weights start: a name, or the weights themselves, one [out][in] array per layer."),
    ] = Initializer.kaiming_uniform
    initial_biases: Annotated[
        tuple[Numbers, ...] | None,
        Field(max_length=65, description="The first biases, one array per layer. null: as initial_weights says."),
    ] = None

    loss: Annotated[Loss, Field(description="What is minimised.")] = Loss.cross_entropy
    label_smoothing: Annotated[Fraction, Field(description="Share of the target spread over all classes.")] = 0.0
    optimizer: Annotated[Optimizer, Field(description="How weights are updated: a name, or {type: sgd, ...}.")] = Adam()
    learning_rate: Annotated[Real, Field(gt=0.0, le=1000.0, description="Size of an update.")] = 0.001
    schedule: Annotated[Schedule, Field(description="How the learning rate changes from epoch to epoch.")] = Constant()
    weight_decay: Annotated[Real, Field(ge=0.0, le=10.0, description="L2 penalty, as the optimizer defines it.")] = 0.0
    l1: Annotated[Real, Field(ge=0.0, le=10.0, description="L1 penalty: l1 x sign(weight) is added to gradients.")] = (
        0.0
    )
    gradient_clip: Annotated[
        Annotated[Real, Field(gt=0.0, le=1e6)] | None, Field(description="Largest norm of a step's gradient.")
    ] = None
    dropout: Annotated[
        Fraction | tuple[Fraction, ...],
        Field(description="Share of hidden neurons dropped in training: one rate, or one per hidden layer."),
    ] = 0.0

    batch_size: Annotated[
        Annotated[Count, Field(ge=1, le=1_000_000)] | Literal["full"],
        Field(description="Rows of a step; 1 is stochastic, full is one step per epoch. Default: 32, or all if fewer."),
    ] = DEFAULT_BATCH
    epochs: Annotated[Count, Field(ge=1, le=1_000_000, description="Most passes over the training split.")] = 100
    patience: Annotated[
        Annotated[Count, Field(ge=1, le=1_000_000)] | None,
        Field(description="Epochs without improvement before training stops. null: no early stopping."),
    ] = None
    min_delta: Annotated[Real, Field(ge=0.0, le=1e6, description="Least change that counts as improvement.")] = 0.0
    monitor: Annotated[
        Monitor | None,
        Field(description="Metric that decides which epoch is best. null: val_loss, or train_loss without validation."),
    ] = None
    restore_best: Annotated[
        bool, Field(strict=True, description="Whether the model is the best epoch's; if not, the last's.")
    ] = True
    tolerance: Annotated[
        Annotated[Real, Field(gt=0.0, le=1e6)] | None,
        Field(description="Stop when the norm of an epoch's mean gradient falls below this. null: never."),
    ] = None
    train_metrics: Annotated[
        Literal["exact", "running"],
        Field(
            description="exact: the training split is measured after each epoch, without dropout, so that its curve "
            "compares with validation. running: the mean over the epoch's steps, cheaper."
        ),
    ] = "exact"
    loss_landscape: Annotated[
        bool,
        Field(
            strict=True,
            description="Whether the loss around the finished weights is measured and drawn, in two random directions.",
        ),
    ] = False

    precision: Annotated[
        Precision,
        Field(
            description="Number format of training. tfloat32 and bfloat16: products of layers in fewer digits, where "
            "the device has them; all else in float32."
        ),
    ] = Precision.float32
    deterministic: Annotated[
        bool, Field(strict=True, description="On a GPU: the same bits in every pack, at some cost.")
    ] = False
    seed: Annotated[
        Count, Field(ge=0, le=2**63 - 1, description="Seed of weights, dropout, augmentation and batch order.")
    ] = 0

    resources: Annotated[Resources, Field(description="What the job needs to run on.")] = Resources()
    priority: Priority = 0
    max_attempts: Annotated[Count, Field(ge=1, le=20, description="Times it may be started after a lost worker.")] = 3
    timeout_s: Annotated[
        Annotated[Real, Field(gt=0.0, le=30 * 86_400.0)] | None,
        Field(description="Most seconds an attempt may train. null: no limit."),
    ] = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        """Rules between fields, checked as far as they can be without reading data."""
        hidden = hidden_layers(self.architecture)
        for field in ("activation", "dropout"):
            value = getattr(self, field)
            if isinstance(value, tuple) and len(value) != hidden:
                raise fault(field, f"has {len(value)} values for {hidden} hidden layers: give one, or one per layer")
        if self.output_activation not in (None, Activation.identity) and (
            self.loss in (Loss.cross_entropy, Loss.hinge, Loss.poisson_nll)
        ):
            raise fault("output_activation", f"must be null with loss {self.loss.value}, which takes logits")
        if self.loss is Loss.binary_cross_entropy and self.output_activation not in (
            None,
            Activation.identity,
            Activation.sigmoid,
        ):
            raise fault("output_activation", "must be null or sigmoid with loss binary_cross_entropy")
        if self.label_smoothing and self.loss not in (Loss.cross_entropy, Loss.binary_cross_entropy):
            raise fault("label_smoothing", "needs loss cross_entropy or binary_cross_entropy")
        if self.monitor is not None and self.monitor.startswith("val_") and self.validation_fraction == 0.0:
            raise fault("monitor", f"{self.monitor} needs validation_fraction greater than 0")
        if self.initial_biases is not None and not self.architecture.bias:
            raise fault("initial_biases", "needs architecture.bias: true")
        if self.resources.gpus > 1 and getattr(self.architecture, "normalization", None) is Normalization.batch:
            raise fault("resources.gpus", "must be 1 with architecture.normalization batch, which needs whole batches")
        info = self.info
        if info is not None:
            train, *_ = self.split_rows(info)
            if "batch_size" not in self.model_fields_set and train > 0:
                object.__setattr__(self, "batch_size", min(DEFAULT_BATCH, train))
            check_against(self, info)
        return self

    @property
    def info(self) -> DatasetInfo | None:
        """What is known of the data set; None for an upload that the record was not asked about yet."""
        return describe(self.dataset, labels=self.loss in CLASS_LOSSES)

    def split_rows(self, info: DatasetInfo) -> tuple[int, int, int]:
        """Rows of the (train, validation, test) split of data like `info`."""
        return split_sizes(info.rows, self.validation_fraction, self.test_fraction)

    def on(self, dataset: DatasetSpec) -> Self:
        """The same job on `dataset`. Raises `ValidationError` when it cannot be."""
        asked = {name: getattr(self, name) for name in self.model_fields_set}
        return self.model_validate({**asked, "dataset": dataset})

    @property
    def watched(self) -> Monitor:
        """The metric that decides which epoch is best."""
        return self.monitor or ("val_loss" if self.validation_fraction > 0.0 else "train_loss")

    @property
    def standardizes(self) -> bool:
        """Whether features are brought to mean 0 and deviation 1."""
        if self.standardize is not None:
            return self.standardize
        return isinstance(self.dataset, Shipped | Uploaded)

    @property
    def pack_key(self) -> str:
        """A digest of all that jobs must share to train as members of one pack."""
        shared = self.model_dump(mode="json", include=set(_SHARED))
        shared["optimizer"] = _kind_of(self.optimizer)
        shared["standardize"] = "channel" if self.standardizes and self.augmentation.acts else self.standardizes
        shared["initial"] = "given" if isinstance(self.initial_weights, tuple) else "drawn"
        text = json.dumps(shared, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


_SHARED = (
    "version",
    "dataset",
    "validation_fraction",
    "test_fraction",
    "architecture",
    "activation",
    "output_activation",
    "loss",
    "batch_size",
    "train_metrics",
    "precision",
    "deterministic",
    "resources",
)


def _kind_of(optimizer: Optimizer) -> dict[str, Any]:
    """What of an optimizer forms the pack key: its kind and its switches; its numbers may differ."""
    switches = {name: value for name, value in optimizer if isinstance(value, bool)}
    return {"type": optimizer.type, **switches}


def hidden_layers(architecture: Architecture) -> int:
    """How many hidden layers have an activation and a dropout rate of their own."""
    match architecture:
        case Perceptron():
            return 0
        case Mlp(hidden=hidden):
            return len(hidden)
        case ResMlp(blocks=blocks):
            return 1 + blocks
        case Cnn(channels=channels, hidden=hidden):
            return len(channels) + len(hidden)


def output_units(loss: Loss, info: DatasetInfo) -> int:
    """Neurons of the output layer: one per class, or one per number of a target."""
    if info.targets is Targets.numbers:
        return info.outputs
    assert info.classes is not None
    if loss in (Loss.cross_entropy, Loss.hinge):
        return info.classes
    return 1 if info.classes == 2 else info.classes


def layer_shapes(spec: JobSpec, info: DatasetInfo) -> list[tuple[int, ...]]:
    """Shapes of the weight arrays of the network, layer by layer: [out][in], or [out][in][k][k] of a convolution."""
    outputs = output_units(spec.loss, info)
    match spec.architecture:
        case Perceptron():
            widths = [info.features, outputs]
        case Mlp(hidden=hidden):
            widths = [info.features, *hidden, outputs]
        case ResMlp(width=width, blocks=blocks):
            widths = [info.features, *(width for _ in range(1 + blocks)), outputs]
        case Cnn() as cnn:
            shapes, features = _convolutions(cnn, info)
            widths = [features, *cnn.hidden, outputs]
            return shapes + [(after, before) for before, after in pairwise(widths)]
    return [(after, before) for before, after in pairwise(widths)]


def _convolutions(cnn: Cnn, info: DatasetInfo) -> tuple[list[tuple[int, ...]], int]:
    """Shapes of the kernels, and the number of features the convolutions leave."""
    if info.image is None:
        raise fault("architecture.type", "cnn needs image data, such as digits")
    channels, height, width = info.image
    shapes: list[tuple[int, ...]] = []
    for out in cnn.channels:
        shapes.append((out, channels, cnn.kernel, cnn.kernel))
        channels = out
        height, width = cnn.convolved(height, width)
        if min(height, width) < 1:
            raise fault("architecture.kernel", f"is larger than what is left of the image at layer {len(shapes)}")
        height, width = cnn.pooled(height, width)
    return shapes, channels * height * width


def parameter_count(spec: JobSpec, info: DatasetInfo) -> int:
    """Weights and biases that training changes; normalisation layers included."""
    total = 0
    shapes = layer_shapes(spec, info)
    bias = spec.architecture.bias
    normalized = getattr(spec.architecture, "normalization", Normalization.none) is not Normalization.none
    for index, shape in enumerate(shapes):
        size = 1
        for side in shape:
            size *= side
        total += size + (shape[0] if bias else 0)
        if normalized and index < len(shapes) - 1:
            total += 2 * shape[0]
    return total


def check_against(spec: JobSpec, info: DatasetInfo) -> None:
    """Raise the first rule that `spec` breaks on data like `info`, pinned to its field."""
    train = _check_split(spec, info)
    if spec.batch_size != "full" and spec.batch_size > train:
        raise fault("batch_size", f'must be at most {train}, the rows of the training split, or "full"')
    if spec.augmentation.acts and info.image is None:
        raise fault("augmentation", "needs image data, such as digits: leave it out")
    if info.image is not None and spec.augmentation.crop > min(info.image[1:]):
        height, width = info.image[1:]
        raise fault("augmentation.crop", f"must be at most {min(height, width)}: images are {height} x {width} pixels")
    _check_loss(spec, info)
    _check_monitor(spec, info)
    shapes = layer_shapes(spec, info)
    count = parameter_count(spec, info)
    if count > PARAMETER_LIMIT:
        raise fault("architecture", f"has {count:,} parameters; at most {PARAMETER_LIMIT:,} are allowed")
    if spec.loss_landscape and count > LANDSCAPE_LIMIT:
        raise fault("loss_landscape", f"is for at most {LANDSCAPE_LIMIT:,} parameters, and there are {count:,}")
    if isinstance(spec.initial_weights, tuple):
        _check_weights(spec.initial_weights, shapes)
    if spec.initial_biases is not None:
        given, wanted = [len(bias) for bias in spec.initial_biases], [shape[0] for shape in shapes]
        if given != wanted:
            raise fault("initial_biases", f"must have lengths {wanted}, layer by layer; it has {given}")


def _check_split(spec: JobSpec, info: DatasetInfo) -> int:
    """The rows of the training split, of which there must be some, as of each other part that is asked for."""
    train, validation, test = spec.split_rows(info)
    for part, share, left in (
        ("validation", spec.validation_fraction, validation),
        ("test", spec.test_fraction, test),
    ):
        if share > 0.0 and left == 0:
            raise fault(f"{part}_fraction", f"leaves no row for {part}: the data set has {info.rows}; set it to 0")
    if train <= 0:
        larger = "test_fraction" if test > validation else "validation_fraction"
        raise fault(larger, f"leaves no row for training: the data set has {info.rows}")
    return train


def _check_monitor(spec: JobSpec, info: DatasetInfo) -> None:
    if spec.watched.endswith("loss"):
        return
    if info.targets is Targets.numbers and spec.watched not in OF_NUMBERS:
        raise fault("monitor", f"{spec.watched} needs classes, and this data set's targets are numbers")
    if info.targets is Targets.classes and spec.watched in OF_NUMBERS:
        raise fault("monitor", f"{spec.watched} needs numbers, and this data set's targets are classes")
    if spec.watched == "val_roc_auc" and info.classes != 2:
        raise fault("monitor", f"val_roc_auc needs 2 classes, and there are {info.classes}")


def _check_loss(spec: JobSpec, info: DatasetInfo) -> None:
    if info.targets is Targets.numbers:
        if spec.loss in (Loss.cross_entropy, Loss.hinge):
            raise fault("loss", f"{spec.loss.value} needs classes, and this data set's targets are numbers: use mse")
        if spec.loss is Loss.binary_cross_entropy and not _in_unit_interval(spec.dataset):
            raise fault("loss", "binary_cross_entropy needs targets between 0 and 1: use mse")
    else:
        if (info.classes or 0) < 2:
            raise fault("dataset", "has one class only: there is nothing to tell apart")
        if spec.loss is Loss.binary_cross_entropy and info.classes != 2:
            raise fault(
                "loss", f"binary_cross_entropy needs 2 classes, and there are {info.classes}: use cross_entropy"
            )
        if spec.loss is Loss.poisson_nll:
            raise fault("loss", "poisson_nll needs counts, and this data set's targets are classes: use cross_entropy")


def _in_unit_interval(dataset: DatasetSpec) -> bool:
    """Whether an inline data set's targets can be probabilities."""
    targets = getattr(dataset, "y", ())
    values = (value for row in targets for value in (row if isinstance(row, tuple) else (row,)))
    return bool(targets) and all(0.0 <= value <= 1.0 for value in values)


def _check_weights(weights: tuple[Matrix, ...], shapes: list[tuple[int, ...]]) -> None:
    if any(len(shape) != 2 for shape in shapes):
        raise fault("initial_weights", "can be given for perceptron, mlp and resmlp, not for convolutions: use a name")
    given = [(len(layer), len(layer[0])) for layer in weights]
    if given != shapes or any(len(row) != len(layer[0]) for layer in weights for row in layer):
        wanted = ", ".join(f"{out} x {into}" for out, into in shapes)
        has = ", ".join(f"{out} x {into}" for out, into in given)
        raise fault("initial_weights", f"must have shapes {wanted} (out x in), layer by layer; it has {has}")
