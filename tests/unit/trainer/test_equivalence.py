"""A member of a pack gets, bit for bit, what it would get alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.activations import Activation
from spec.architectures import Initializer, hidden_layers
from spec.job import JobSpec
from tests.examples import examples
from trainer.member import Entry

from .recording import Recorder, job, same, train

SHAPES: dict[str, dict[str, Any]] = {
    "mlp": {},
    "dropout": {"dropout": 0.4, "architecture": {"type": "mlp", "hidden": [16, 8]}, "optimizer": "adamw"},
    "batch-norm": {"architecture": {"type": "mlp", "hidden": [16], "normalization": "batch"}},
    "layer-norm": {"architecture": {"type": "resmlp", "width": 16, "blocks": 2, "normalization": "layer"}},
    "cnn": {
        "dataset": "digits",
        "architecture": {"type": "cnn", "channels": [4], "hidden": [8]},
        "epochs": 2,
        "batch_size": 64,
        "dropout": 0.2,
    },
    "cnn-of-eight-channels": {
        "dataset": "digits",
        "architecture": {"type": "cnn", "channels": [8, 3], "hidden": [5], "normalization": "layer"},
        "epochs": 1,
        "batch_size": 200,
        "test_fraction": 0.6,
    },
    "cnn-of-many-channels": {
        "dataset": "digits",
        "architecture": {"type": "cnn", "channels": [16, 16, 5], "hidden": [], "pooling": "average"},
        "epochs": 1,
        "batch_size": 200,
        "test_fraction": 0.6,
    },
    "heavy": {
        "dataset": "digits",
        "architecture": {"type": "mlp", "hidden": [128, 96]},
        "dropout": 0.2,
        "epochs": 2,
        "batch_size": 150,
    },
    "wide": {
        "dataset": "digits",
        "architecture": {"type": "mlp", "hidden": [257]},
        "dropout": 0.2,
        "epochs": 1,
        "batch_size": 129,
    },
    "heavy-outputs": {
        "dataset": {"name": "linear", "n": 500, "features": 60},
        "architecture": {"type": "mlp", "hidden": [200]},
        "activation": "tanh",
        "loss": "mse",
        "batch_size": 199,
    },
    "augmented-cnn": {
        "dataset": "digits",
        "architecture": {"type": "cnn", "channels": [4], "hidden": [8], "normalization": "batch"},
        "augmentation": {"crop": 1, "flip": True},
        "epochs": 2,
        "batch_size": 64,
        "test_fraction": 0.5,
        "dropout": 0.2,
    },
    "bfloat16": {
        "precision": "bfloat16",
        "architecture": {"type": "resmlp", "width": 14, "blocks": 2, "normalization": "layer"},
        "batch_size": 13,
        "activation": "selu",
    },
    "bfloat16-batch-norm": {
        "precision": "bfloat16",
        "architecture": {"type": "mlp", "hidden": [7], "normalization": "batch"},
    },
    "odd-bce": {"dataset": "xor", "loss": "binary_cross_entropy", "batch_size": 13, "activation": "softplus"},
    "running": {"train_metrics": "running", "loss": "hinge"},
    "float64": {"precision": "float64", "optimizer": {"type": "sgd", "momentum": 0.9}},
    "regression": {"dataset": "diabetes", "loss": "huber", "optimizer": "rmsprop"},
    "focal": {"dataset": "iris", "loss": {"type": "focal", "gamma": 1.5}, "batch_size": 13},
    "huber-delta": {"dataset": "diabetes", "loss": {"type": "huber", "delta": 0.5}, "batch_size": 29},
    "full": {"batch_size": "full"},
    "accumulated": {"batch_size": 13, "gradient_accumulation": 4, "dropout": 0.2},
    "accumulated-batch-norm": {
        "batch_size": 9,
        "gradient_accumulation": 3,
        "architecture": {"type": "mlp", "hidden": [16], "normalization": "batch"},
    },
    "weighted": {"class_weight": {"setosa": 3.0, "virginica": 0.2}, "batch_size": 13},
    "weighted-heavy": {
        "dataset": "digits",
        "architecture": {"type": "mlp", "hidden": [128, 96]},
        "class_weight": {"3": 3.0},
        "train_metrics": "running",
        "epochs": 2,
        "batch_size": 150,
    },
}

OTHERS: list[dict[str, Any]] = [
    {"seed": 1, "learning_rate": 0.01},
    {"seed": 2, "weight_decay": 0.01, "schedule": "cosine", "dropout": 0.3},
    {"seed": 3, "split_seed": 4, "l1": 0.001},
    {"seed": 4, "gradient_clip": 0.5, "epochs": 1},
    {"seed": 5, "tolerance": 1e-9, "restore_best": False},
    {"seed": 6, "patience": 1, "min_delta": 0.5},
]


def differing(common: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**common, **other, "epochs": other.get("epochs", common.get("epochs", 3))}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_member_is_the_same_alone_and_in_packs_of_any_size_and_order(shape: str) -> None:
    wanted = job(**SHAPES[shape])
    others = [job(**differing(SHAPES[shape], other)) for other in OTHERS]
    alone = train(wanted)
    for pack, place in (([wanted, *others], "0"), ([*others, wanted], "6"), ([others[0], wanted, others[1]], "1")):
        assert same(train(*pack), place, alone, "0")


@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_no_member_depends_on_where_its_numbers_lie(activation: str, precision: str) -> None:
    """Blocks of 5 x 13, 7 x 13 and 3 x 13 numbers fill no vector of any processor."""
    odd = {"architecture": {"type": "mlp", "hidden": [5, 7]}, "batch_size": 13, "epochs": 1, "precision": precision}
    specs = [job(**odd, activation=activation, seed=seed) for seed in range(5)]
    pack = train(*specs)
    for place in (0, 3, 4):
        assert same(pack, str(place), train(specs[place]), "0")


KINDS: list[dict[str, Any]] = [
    {"dataset": {"name": "blobs", "n": 45, "features": 5}, "loss": "cross_entropy"},
    {"dataset": {"name": "blobs", "n": 43}, "loss": "cross_entropy", "class_weight": "balanced"},
    {"dataset": {"name": "moons", "n": 40}, "loss": "hinge"},
    {"dataset": {"name": "blobs", "n": 37, "features": 3}, "loss": "mse"},
    {"dataset": {"name": "xor", "n": 50}, "loss": "binary_cross_entropy"},
    {"dataset": {"name": "linear", "n": 33}, "loss": "huber"},
    {"dataset": {"name": "linear", "n": 33}, "loss": "mae"},
]
OPTIMIZERS: list[Any] = [
    {"type": "sgd", "momentum": 0.9, "nesterov": True},
    {"type": "rmsprop", "centered": True, "momentum": 0.5},
    *("sgd", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "nadam", "radam", "adamax", "lion", "muon"),
]
NORMALIZATIONS = st.sampled_from(["none", "batch", "layer"])
ARCHITECTURES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({"type": "perceptron"}),
    st.fixed_dictionaries(
        {
            "type": st.just("mlp"),
            "hidden": st.lists(st.integers(1, 20), min_size=1, max_size=3),
            "normalization": NORMALIZATIONS,
            "bias": st.booleans(),
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("resmlp"),
            "width": st.integers(1, 20),
            "blocks": st.integers(1, 2),
            "normalization": NORMALIZATIONS,
        }
    ),
)


def share(most: float) -> st.SearchStrategy[float]:
    """From 0 to `most`; the trainer's processes know no denormal numbers."""
    return st.floats(0.0, most, allow_subnormal=False)


@st.composite
def packs(draw: st.DrawFn) -> list[JobSpec]:
    """Specs of one pack key, each with numbers of its own."""
    architecture = draw(ARCHITECTURES)
    # Batch normalisation needs two rows or more in each step, the last one too.
    sizes = [4, 16, "full"] if architecture.get("normalization") == "batch" else [3, 13, 16, "full"]
    common = {
        **draw(st.sampled_from(KINDS)),
        "architecture": architecture,
        "activation": draw(st.sampled_from(list(Activation))),
        "optimizer": draw(st.sampled_from(OPTIMIZERS)),
        "precision": draw(st.sampled_from(["float32", "float64", "bfloat16"])),
        "batch_size": draw(st.sampled_from(sizes)),
        "train_metrics": draw(st.sampled_from(["exact", "running"])),
    }
    if common["batch_size"] != "full":
        common["gradient_accumulation"] = draw(st.sampled_from([1, 1, 3]))
    layers = hidden_layers(job(**common).architecture)
    smooths = common["loss"] in ("cross_entropy", "binary_cross_entropy")
    own = st.fixed_dictionaries(
        {"seed": st.integers(0, 2**63 - 1), "learning_rate": st.floats(1e-4, 0.1), "epochs": st.integers(1, 3)},
        optional={
            "split_seed": st.integers(0, 3),
            "dropout": st.lists(share(0.9), min_size=layers, max_size=layers),
            "weight_decay": share(0.1),
            "l1": share(0.01),
            "gradient_clip": st.floats(0.01, 10.0),
            "label_smoothing": share(0.5 if smooths else 0.0),
            "class_weight": st.sampled_from(["balanced", {"0": 3.0, "2": 0.1}] if "class_weight" in common else [None]),
            "tolerance": st.floats(1e-6, 0.1),
            "patience": st.integers(1, 2),
            "restore_best": st.booleans(),
            "schedule": st.sampled_from(["cosine", "plateau", "one_cycle", "exponential"]),
            "initial_weights": st.sampled_from(list(Initializer)),
        },
    )
    return [job(**{**common, **draw(own)}) for _ in range(draw(st.integers(2, 5)))]


@examples(8, many=18)
@given(specs=packs(), data=st.data())
def test_any_member_of_any_pack_is_the_same_alone(specs: list[JobSpec], data: st.DataObject) -> None:
    cancelled = data.draw(st.sampled_from([None, *range(len(specs))]))
    look, looks = data.draw(st.integers(0, 6)), iter(range(10**6))
    *first, last = specs
    joining = {data.draw(st.integers(1, 2)): [Entry(str(len(first)), last)]}
    pack = train(
        *first,
        recorder=Recorder(joining=joining, cancel=lambda recorder: {str(cancelled)} if next(looks) >= look else ()),
    )
    for place, outcome in pack.outcomes.items():
        if outcome.end == "cancelled":
            continue
        alone = train(specs[int(place)])
        assert (outcome.end, outcome.best_epoch) == (alone.outcomes["0"].end, alone.outcomes["0"].best_epoch)
        assert outcome.end == "diverged" or same(pack, place, alone, "0")


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_hyper_parameters_are_each_members_own(optimizer: Any) -> None:
    common: dict[str, Any] = {"architecture": {"type": "mlp", "hidden": [5, 7]}, "batch_size": 13, "epochs": 2}
    given = job(optimizer=optimizer).optimizer
    smaller = given.model_copy(update={name: 0.7 * value for name, value in given.numbers.items()})
    specs = [job(**common, optimizer=one.model_dump(), seed=3) for one in (given, smaller, given)]
    pack = train(*specs)
    for place in range(2):
        assert same(pack, str(place), train(specs[place]), "0")


def test_a_member_is_the_same_beside_one_whose_momentum_is_damped() -> None:
    common: dict[str, Any] = {"architecture": {"type": "mlp", "hidden": [5, 7]}, "batch_size": 13, "epochs": 2}
    options: list[dict[str, Any]] = [{}, {"momentum": 0.9}, {"momentum": 0.9, "dampening": 0.5}]
    specs = [job(**common, optimizer={"type": "sgd", **option}) for option in options]
    pack = train(*specs)
    for place, spec in enumerate(specs):
        assert same(pack, str(place), train(spec), "0")


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_what_may_differ_within_a_pack_is_each_members_own(other: dict[str, Any]) -> None:
    different = job(**differing({}, other))
    assert same(train(job(), different, job(seed=9)), "1", train(different), "0")


def test_a_member_that_joins_later_is_the_same() -> None:
    late = job(seed=7, dropout=0.3)
    joined = train(job(epochs=6), job(seed=1, epochs=2), recorder=Recorder(joining={1: [Entry("late", late)]}))
    assert same(joined, "late", train(late), "0")
    assert same(joined, "0", train(job(epochs=6)), "0")


def test_members_that_join_when_all_others_have_left_are_the_same() -> None:
    late = job(seed=7)
    joined = train(job(epochs=1), recorder=Recorder(joining={1: [Entry("late", late)]}))
    assert same(joined, "late", train(late), "0")


def test_a_member_that_diverges_leaves_the_others_as_they_were() -> None:
    wild = job(seed=3, learning_rate=1000.0, optimizer="sgd", loss="mse", epochs=10)
    calm = job(optimizer="sgd", loss="mse", learning_rate=0.01, epochs=10)
    pack = train(calm, wild, job(seed=2, optimizer="sgd", loss="mse", epochs=10))
    assert pack.outcomes["1"].end == "diverged"
    assert "epoch" in pack.outcomes["1"].message
    assert same(pack, "0", train(calm), "0")


def test_a_cancelled_member_leaves_between_steps_and_the_others_stay_as_they_were() -> None:
    kept = job(epochs=5, dropout=0.2)
    pack = train(
        kept,
        job(seed=1, epochs=1000),
        job(seed=2, epochs=5),
        recorder=Recorder(cancel=lambda recorder: {"1"} if recorder.epochs == 2 else ()),
    )
    assert pack.outcomes["1"].end == "cancelled"
    assert len(pack.curves["1"]) == 2
    assert same(pack, "0", train(kept), "0")


@pytest.mark.parametrize("leaving", ["0", "1", "2"])
def test_a_member_that_leaves_within_an_epoch_leaves_the_others_their_own_rows(leaving: str) -> None:
    specs = [job(split_seed=seed, seed=seed, batch_size=2, dropout=0.2) for seed in (3, 1, 2)]
    looks = iter(range(10**6))  # an epoch of 60 steps is looked at twice: the fourth look is within the second
    pack = train(*specs, recorder=Recorder(cancel=lambda recorder: {leaving} if next(looks) >= 3 else ()))
    assert len(pack.curves[leaving]) == 1
    for place, spec in enumerate(specs):
        if str(place) != leaving:
            assert same(pack, str(place), train(spec), "0")


def test_a_member_that_leaves_within_a_step_of_several_batches_leaves_the_others_their_gradients() -> None:
    specs = [job(seed=seed, batch_size=2, gradient_accumulation=50, dropout=0.2) for seed in (3, 1, 2)]
    looks = iter(range(10**6))  # an epoch of 60 batches is looked at twice: the fourth look is within a step
    pack = train(*specs, recorder=Recorder(cancel=lambda recorder: {"0"} if next(looks) >= 3 else ()))
    assert len(pack.curves["0"]) == 1
    for place in (1, 2):
        assert same(pack, str(place), train(specs[place]), "0")


def test_a_pack_whose_members_are_all_cancelled_ends() -> None:
    pack = train(job(epochs=10**6), recorder=Recorder(cancel=lambda recorder: {"0"}))
    assert pack.outcomes["0"].end == "cancelled"
    assert pack.curves == {}
