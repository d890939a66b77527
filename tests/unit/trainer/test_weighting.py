"""Weights of classes and rows: the loss and its gradient are PyTorch's, and so is a whole training."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor, nn

from model.report import ClassReport
from spec.job import JobSpec
from trainer.batch_loader import TrainingRows, Weighted
from trainer.data import Split, split
from trainer.errors import BadDataError
from trainer.losses import Objective
from trainer.random import permutations
from trainer.weighting import class_weights

from .recording import Recorder, job, same, train

CPU = torch.device("cpu")
ROWS = 60
DRAWN = np.random.default_rng(3)
X = DRAWN.standard_normal((ROWS, 4)).round(6).tolist()
CLASSES = (DRAWN.random(ROWS) ** 2 * 3).astype(int).tolist()
NUMBERS = DRAWN.standard_normal(ROWS).round(6).tolist()
WEIGHT = (DRAWN.random(ROWS) * 5 * (DRAWN.random(ROWS) > 0.2)).round(6).tolist()
BY_CLASS = {0: 0.5, 2: 7.0}


def data(y: list[float], weight: list[float] | None = WEIGHT) -> dict[str, Any]:
    return {"x": X, "y": y, "weight": weight}


def divided(spec: JobSpec, dtype: torch.dtype = torch.float64) -> Split:
    assert spec.info is not None
    return split(spec, spec.info, CPU, dtype)


def objective(spec: JobSpec) -> Objective:
    assert spec.info is not None
    return Objective.of(spec, spec.info)


# --- weights of classes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split_seed", [0, 1])
def test_balanced_weights_are_scikit_learns_of_the_training_rows(split_seed: int) -> None:
    spec = job(dataset=data(CLASSES), class_weight="balanced", split_seed=split_seed)
    parts = divided(spec)
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=parts.y["train"].numpy())
    assert class_weights(spec, parts) == pytest.approx(wanted, rel=1e-12)


def test_weights_of_a_map_are_those_of_the_labels_and_others_weigh_1() -> None:
    spec = job(dataset={"x": X, "y": [10 * one for one in CLASSES]}, class_weight={20: 3.0})
    assert class_weights(spec, divided(spec)).tolist() == [1.0, 1.0, 3.0]
    named = job(dataset="iris", class_weight={"versicolor": 0.5})
    assert class_weights(named, divided(named)).tolist() == [1.0, 0.5, 1.0]


def test_a_class_that_is_not_trained_on_has_no_balanced_weight() -> None:
    lonely = {"x": [[0.0], [1.0], [2.0], [3.0]], "y": [0, 1, 2, 3]}
    balanced = train(job(dataset=lonely, class_weight="balanced", validation_fraction=0.5))
    assert "class_weight: balanced needs training rows of each class, and '" in balanced.outcomes["0"].message
    assert train(job(dataset=lonely, class_weight={"0": 2}, validation_fraction=0.5)).outcomes["0"].end == "succeeded"


def test_labels_of_an_upload_are_checked_when_they_are_read() -> None:
    spec = job(dataset="iris")
    with pytest.raises(BadDataError, match="class_weight: 'rose' is no class of the data set, which has 'setosa'"):
        class_weights(spec.model_copy(update={"class_weight": {"rose": 2.0}}), divided(spec))


def test_weights_of_a_part_may_be_far_below_those_of_another() -> None:
    split = ["train"] * 40 + ["validation"] * 20
    one = {**data(NUMBERS, [1.0] * 60), "split": split}
    far = train(job(dataset={**one, "weight": [1.0] * 40 + [2.0**-200] * 20}))
    assert far.curves == train(job(dataset=one)).curves


# --- the loss of a batch ----------------------------------------------------------------------------------------------

MEMBERS, OUTPUTS, BATCH = 3, 4, 7


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def weigh(weights: Tensor) -> Weighted:
    """The weights of one step of all rows, in their order."""
    members, rows = weights.shape
    order, nothing = torch.arange(rows).expand(members, rows), torch.empty(1, rows, 0)
    found = TrainingRows(nothing, nothing, torch.zeros(members, 1), batch=rows, per_step=1, weights=weights).weigh(
        order
    )
    assert found is not None
    return found


@pytest.mark.parametrize("smoothing", [None, [0.0, 0.1, 0.4]], ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_cross_entropy_with_class_weights_is_pytorchs(
    dtype: torch.dtype, tolerance: float, smoothing: list[float] | None
) -> None:
    by_class = drawn(MEMBERS, OUTPUTS, seed=1).abs().to(dtype) + 0.1
    z = (3.0 * drawn(MEMBERS, OUTPUTS, BATCH, seed=2)).to(dtype)
    y = torch.randint(OUTPUTS, (MEMBERS, BATCH), generator=torch.Generator().manual_seed(3))
    weighted = weigh(by_class.gather(1, y))
    shares = None if smoothing is None else torch.tensor(smoothing, dtype=dtype).unsqueeze(1)
    losses, by_z = objective(job(dataset={"name": "blobs", "classes": OUTPUTS})).loss_and_gradient(
        z.clone(), y, shares, weighted.shares, by_class
    )
    loss = (losses * weighted.shares).sum(dim=1)
    for member in range(MEMBERS):
        criterion = nn.CrossEntropyLoss(by_class[member], label_smoothing=smoothing[member] if smoothing else 0.0)
        given = z[member].clone().requires_grad_()
        wanted = criterion(given.T, y[member])
        (by_given,) = torch.autograd.grad(wanted, given)
        assert torch.allclose(loss[member], wanted.detach(), rtol=tolerance, atol=tolerance)
        assert torch.allclose(by_z[member], by_given, rtol=tolerance, atol=tolerance)


def test_a_batch_whose_weights_are_all_0_has_loss_0_and_no_gradient() -> None:
    z, y = drawn(2, 3, BATCH), torch.zeros(2, BATCH, dtype=torch.int64)
    weighted = weigh(torch.stack([torch.zeros(BATCH), torch.ones(BATCH)]).double())
    for smoothing in (None, torch.tensor([[0.1], [0.1]], dtype=torch.float64)):
        losses, by_z = objective(job()).loss_and_gradient(z.clone(), y, smoothing, weighted.shares)
        loss = (losses * weighted.shares).sum(dim=1)
        assert loss[0] == 0.0
        assert not by_z[0].any()
        assert by_z[1].all()


# --- a whole training -------------------------------------------------------------------------------------------------

RowLoss = Callable[[Tensor, Tensor], Tensor]


def focal(z: Tensor, y: Tensor) -> Tensor:
    loss = F.cross_entropy(z, y, reduction="none")
    return (1.0 - torch.exp(-loss)) ** 2 * loss


TRAININGS: dict[str, tuple[dict[str, Any], RowLoss]] = {
    "classes": (
        {"dataset": data(CLASSES, None), "class_weight": BY_CLASS},
        lambda z, y: F.cross_entropy(z, y, reduction="none"),
    ),
    "balanced classes and rows": (
        {"dataset": data(CLASSES), "class_weight": "balanced", "train_metrics": "running"},
        lambda z, y: F.cross_entropy(z, y, reduction="none"),
    ),
    "steps of several batches": (
        {
            "dataset": data(CLASSES),
            "class_weight": "balanced",
            "batch_size": 5,
            "gradient_accumulation": 3,
            "train_metrics": "running",
        },
        lambda z, y: F.cross_entropy(z, y, reduction="none"),
    ),
    "batches of one row": (
        {"dataset": data(CLASSES), "class_weight": BY_CLASS, "batch_size": 1, "gradient_accumulation": 6},
        lambda z, y: F.cross_entropy(z, y, reduction="none"),
    ),
    "focal": ({"dataset": data(CLASSES), "class_weight": BY_CLASS, "loss": "focal"}, focal),
    "hinge": (
        {"dataset": data(CLASSES), "class_weight": BY_CLASS, "loss": "hinge"},
        lambda z, y: F.multi_margin_loss(z, y, reduction="none"),
    ),
    "two classes": (
        {"dataset": data([one % 2 for one in CLASSES]), "class_weight": "balanced", "loss": "binary_cross_entropy"},
        lambda z, y: F.binary_cross_entropy_with_logits(z[:, 0], y.double(), reduction="none"),
    ),
    "numbers": (
        {"dataset": data(NUMBERS), "loss": "mse", "standardize": True, "train_metrics": "running"},
        lambda z, y: (z - y).square().mean(dim=1),
    ),
    "numbers, full batches": (
        {"dataset": data(NUMBERS), "loss": "mae", "batch_size": "full"},
        lambda z, y: (z - y).abs().mean(dim=1),
    ),
}


def by_hand(spec: JobSpec, loss: RowLoss) -> tuple[list[Tensor], list[dict[str, float]]]:
    """A network of one hidden layer that is trained by stochastic gradient descent, with weights, in plain PyTorch."""
    parts = divided(spec)
    weights = dict(parts.weights)
    if parts.y["train"].dtype == torch.int64:
        each = torch.from_numpy(class_weights(spec, parts))
        weights = {name: own * each[parts.y[name]] for name, own in weights.items()}
    assert isinstance(spec.initial_weights, tuple)
    arrays = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in spec.initial_weights]
    optimizer = torch.optim.SGD(arrays, lr=spec.learning_rate)

    def mean(name: Any, rows: Any = slice(None)) -> Tensor:
        x, y = parts.x[name], parts.y[name]
        w, losses = weights[name][rows], loss(torch.tanh(x[rows] @ arrays[0].T) @ arrays[1].T, y[rows])
        return (w * losses).sum() / w.sum()

    curve = []
    for epoch in range(1, spec.epochs + 1):
        order = permutations([spec.seed], [epoch], len(parts.x["train"]), CPU)[0]
        batch = len(parts.x["train"]) if spec.batch_size == "full" else spec.batch_size * spec.gradient_accumulation
        running = 0.0
        for rows in [torch.arange(len(parts.x["train"]))] if spec.batch_size == "full" else torch.split(order, batch):
            value = mean("train", rows)
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            running += float(value.detach() * weights["train"][rows].sum() / weights["train"].sum())
        with torch.no_grad():
            exact = spec.train_metrics == "exact"
            curve.append({"train_loss": float(mean("train")) if exact else running, "val_loss": float(mean("val"))})
    return [array.detach() for array in arrays], [*curve, {"test_loss": float(mean("test").detach())}]


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_with_weights_is_the_one_that_pytorch_gives(name: str) -> None:
    fields, loss = TRAININGS[name]
    outputs = 3 if fields.get("loss", "cross_entropy") in ("cross_entropy", "focal", "hinge") else 1
    initial = [drawn(5, 4, seed=1).tolist(), drawn(outputs, 5, seed=2).tolist()]
    common = {"batch_size": 8, "optimizer": "sgd", "precision": "float64", "activation": "tanh", "seed": 5}
    spec = job(
        **{**common, **fields},
        architecture={"type": "mlp", "hidden": [5], "bias": False},
        initial_weights=initial,
        test_fraction=0.2,
        restore_best=False,
    )
    ours = train(spec)
    arrays, curve = by_hand(spec, loss)
    for layer, array in enumerate(arrays):
        assert torch.allclose(ours.outcomes["0"].model[f"layers.{layer}.weight"], array, rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(ours.curves["0"], curve[:-1], strict=True):
        assert {name: mine[name] for name in theirs} == pytest.approx(theirs, rel=1e-12)
    assert ours.outcomes["0"].best_metrics is not None
    assert ours.outcomes["0"].best_metrics["test_loss"] == pytest.approx(curve[-1]["test_loss"], rel=1e-12)


@pytest.mark.parametrize(("factor", "reason"), [(1.0 + 1e-9, "converged"), (1.0 - 1e-9, "max_epochs")])
def test_training_stops_by_the_norm_of_the_weighted_gradient_of_all_rows(factor: float, reason: str) -> None:
    rows, weight = (torch.tensor(one, dtype=torch.float64) for one in (X, WEIGHT))
    start = drawn(1, 4, seed=1)
    errors = (rows @ start.T).flatten() - torch.tensor(NUMBERS, dtype=torch.float64)
    norm = torch.linalg.vector_norm((2.0 * weight * errors) @ rows / weight.sum()).item()
    spec = job(
        dataset=data(NUMBERS),
        loss="mse",
        architecture={"type": "perceptron", "bias": False},
        initial_weights=[start.tolist()],
        optimizer="sgd",
        learning_rate=1e-13,  # the weights stay where they are
        batch_size=16,
        precision="float64",
        validation_fraction=0.0,
        epochs=2,
        tolerance=factor * norm,
    )
    assert train(spec).outcomes["0"].stop_reason == reason


def test_rows_that_weigh_0_change_nothing_and_whole_batches_of_them_do_no_harm() -> None:
    y = [float(row % 2) for row in range(ROWS)]
    mostly = data(y, [1.0 if row < 3 else 0.0 for row in range(ROWS)])
    common = {"validation_fraction": 0.0, "batch_size": 2, "loss": "binary_cross_entropy", "optimizer": "sgd"}
    noisy = {**mostly, "x": [[*row] if place < 3 else [9.0, 9.0, 9.0, 9.0] for place, row in enumerate(X)]}
    one, other = train(job(dataset=mostly, **common)), train(job(dataset=noisy, **common))
    assert one.outcomes["0"].end == "succeeded"
    assert all(torch.equal(one.outcomes["0"].model[name], array) for name, array in other.outcomes["0"].model.items())
    assert all(math.isfinite(point["train_loss"]) for point in one.curves["0"])


@pytest.mark.parametrize("scale", [2.0**-100, 2.0**40 / 1e9])
def test_the_scale_of_weights_changes_nothing(scale: float) -> None:
    scaled = [scale * one for one in WEIGHT]
    one, other = train(job(dataset=data(CLASSES))), train(job(dataset=data(CLASSES, scaled)))
    for mine, theirs in zip(one.curves["0"], other.curves["0"], strict=True):
        assert mine == pytest.approx(theirs, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("part", "words"), [("train", "training"), ("val", "validation")])
def test_a_part_in_which_no_row_weighs_anything_is_refused(part: Any, words: str) -> None:
    parts = divided(job(dataset=data(CLASSES)))
    rows = {tuple(row) for row in parts.x[part].tolist()}
    weight = [0.0 if tuple(row) in rows else 1.0 for row in X]
    message = train(job(dataset=data(CLASSES, weight))).outcomes["0"].message
    assert message.startswith(f"The weight of every {words} row is 0")


# --- packs and pictures -----------------------------------------------------------------------------------------------

PACKS: list[dict[str, Any]] = [
    {"dataset": data(CLASSES), "batch_size": 7},
    {"dataset": "iris", "class_weight": "balanced", "batch_size": 13},
    {"dataset": "iris", "class_weight": "balanced", "batch_size": 7, "gradient_accumulation": 3},
    {"dataset": "iris", "class_weight": "balanced", "train_metrics": "running", "test_fraction": 0.2},
    {"dataset": "xor", "class_weight": "balanced", "loss": "binary_cross_entropy", "batch_size": "full"},
    {"dataset": data(NUMBERS), "loss": "huber", "batch_size": 7, "test_fraction": 0.2},
]


@pytest.mark.parametrize("fields", PACKS, ids=lambda one: str({**one, "dataset": str(one["dataset"])[:5]}))
def test_members_with_weights_of_their_own_are_the_same_alone(fields: dict[str, Any]) -> None:
    own: list[dict[str, Any]] = [{}, {"class_weight": {"0": 3}}, {"split_seed": 1}, {"tolerance": 1e-9}, {"seed": 4}]
    if fields["dataset"] == "iris":
        own[1] = {"class_weight": {"setosa": 9, "virginica": 0.5}, "label_smoothing": 0.1}
    elif fields.get("loss") == "huber":
        own[1] = {"gradient_clip": 0.1}
    specs = [job(**{**fields, **one}) for one in own]
    pack = train(*specs)
    for place, spec in enumerate(specs):
        assert same(pack, str(place), train(spec), "0")


def test_weights_of_1_train_as_no_weights_do() -> None:
    one, plain = (train(job(**fields)) for fields in ({"class_weight": {"setosa": 1}}, {}))
    for mine, theirs in zip(one.curves["0"], plain.curves["0"], strict=True):
        assert mine == pytest.approx(theirs, rel=1e-5)


def middle(recorder: Recorder) -> float | None:
    report = recorder.outcomes["0"].report
    assert report is not None
    assert report.landscape is not None
    losses = report.landscape.losses
    return losses[len(losses) // 2][len(losses) // 2]


def test_the_landscape_is_of_the_weighted_loss_and_the_report_counts_rows() -> None:
    spec = job(class_weight={"setosa": 20}, loss_landscape=True, precision="float64", restore_best=False)
    trained = train(spec)
    assert middle(trained) == pytest.approx(trained.curves["0"][-1]["val_loss"], rel=1e-9)
    report = trained.outcomes["0"].report
    assert report is not None
    assert isinstance(report.validation, ClassReport)
    assert sum(sum(row) for row in report.validation.confusion) == 30
