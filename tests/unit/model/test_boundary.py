import numpy as np
import pytest

from model.boundary import SIDE, Boundary, boundary
from model.finished import Model
from model.preprocessing import Preprocessing
from spec.dataset import Targets
from spec.job import JobSpec
from spec.schema import Column, ColumnKind, Schema, Target

TWO = (Column(name="a", type=ColumnKind.number), Column(name="b", type=ColumnKind.number))
X = np.array([[0.0, 100.0], [1.0, 300.0], [4.0, 200.0], [3.0, 200.0]])


def around(columns: tuple[Column, ...] = TWO, *, loss: str = "binary_cross_entropy") -> Boundary | None:
    """The boundary of a perceptron that says yes (or a large number) where the first input is above its mean."""
    numbers = loss == "mse"
    target = (
        Target(name="t", type=Targets.numbers)
        if numbers
        else Target(name="t", type=Targets.classes, labels=("no", "yes"))
    )
    y = np.array([[0.0], [1.0], [2.0], [3.0]]) if numbers else np.array([0, 0, 1, 1])
    prepared = Preprocessing.fit(Schema(columns=columns, target=target), X, y, standardize=True)
    inline = {"x": X.tolist(), "y": y.tolist()}
    spec = JobSpec.model_validate({"dataset": inline, "architecture": "perceptron", "loss": loss, "batch_size": 1})
    outputs = 2 if loss == "hinge" else 1
    weights = {"layers.0.weight": np.array([[-9.0, 0.0], [9.0, 0.0]])[-outputs:], "layers.0.bias": np.zeros(outputs)}
    return boundary(Model(spec, prepared, weights), prepared.features(X), prepared.targets(y))


@pytest.mark.parametrize(
    ("loss", "said"), [("binary_cross_entropy", "probability"), ("hinge", "class"), ("mse", "number")]
)
def test_the_grid_is_in_the_inputs_units_and_shows_where_the_prediction_changes(loss: str, said: str) -> None:
    found = around(loss=loss)
    assert found is not None
    assert (found.said, found.names) == (said, ("a", "b"))
    assert found.across == pytest.approx((-0.4, 4.4))
    assert found.up == pytest.approx((80.0, 320.0))
    values = np.array(found.values)
    assert values.shape == (SIDE, SIDE)
    assert (values == values[0]).all()  # the second input says nothing
    middle = np.linspace(*found.across, SIDE)[np.argmax(values[0] > (values[0, 0] + values[0, -1]) / 2)]
    assert middle == pytest.approx(2.0, abs=0.1)
    assert np.array(found.points)[:, :2] == pytest.approx(X)
    assert [point[2] for point in found.points] == pytest.approx([0, 1, 2, 3] if loss == "mse" else [0, 0, 1, 1])


def test_other_inputs_have_no_boundary() -> None:
    category = Column(name="c", type=ColumnKind.category, categories=("p",))
    gaps = (Column(name="a", type=ColumnKind.number, gaps=True), TWO[1])
    assert around((Column(name="x", type=ColumnKind.number, size=2),)) is not None
    for columns in (gaps, (TWO[0], category)):
        prepared = Preprocessing.fit(
            Schema(columns=columns, target=Target(name="t", type=Targets.classes, labels=("no", "yes"))),
            np.zeros((2, 2)),
            np.arange(2),
            standardize=True,
        )
        spec = JobSpec.model_validate({"dataset": "xor", "loss": "hinge"})
        assert boundary(Model(spec, prepared, {}), prepared.features(np.zeros((2, 2))), np.arange(2)) is None
