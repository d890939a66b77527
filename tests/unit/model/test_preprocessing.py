"""What is learned from training rows, and what becomes of any rows by it."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from model.preprocessing import Preprocessing
from spec.dataset import Targets
from spec.schema import Column, ColumnKind, Role, Schema, Target

Array = npt.NDArray[np.float64]
GAP = math.nan

SCHEMA = Schema(
    columns=(
        Column(name="age", type=ColumnKind.number, gaps=True),
        Column(name="remark", type=ColumnKind.text),
        Column(name="city", type=ColumnKind.category, categories=("Oslo", "Paris", "Rome"), gaps=True),
        Column(name="member", type=ColumnKind.boolean),
        Column(name="born", type=ColumnKind.date),
    ),
    target=Target(name="price", type=Targets.numbers),
)
#               age  city member born
X = np.array([[10.0, 0.0, 1.0, 100.0], [30.0, 2.0, 0.0, 300.0], [GAP, GAP, 1.0, 200.0], [20.0, 0.0, 1.0, 200.0]])
Y = np.array([[1.0], [3.0], [5.0], [7.0]])


def learned(*, standardize: bool = True) -> Preprocessing:
    return Preprocessing.fit(SCHEMA, X, Y, standardize=standardize)


def test_every_kind_of_column_becomes_features() -> None:
    features = learned().features(X)
    root = math.sqrt(200 / 3)
    assert features.shape == (4, SCHEMA.info(4).features)
    assert features[:, 0] == pytest.approx([-10 / root, 10 / root, 0.0, 0.0])  # a gap is the mean
    assert features[:, 1].tolist() == [0, 0, 1, 0]  # and says so
    assert features[:, 2:7].tolist() == [[1, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0]]
    assert features[:, 7].tolist() == [1, 0, 1, 1]
    assert features[:, 8] == pytest.approx([-math.sqrt(2), math.sqrt(2), 0, 0])


def test_categories_that_training_did_not_see_are_other() -> None:
    rows = np.array([[10.0, 1.0, 1.0, 0.0], [10.0, 3.0, 1.0, 0.0]])  # Paris, and one that nobody knows
    assert learned().features(rows)[:, 2:7].tolist() == [[0, 0, 0, 1, 0]] * 2


def test_nothing_is_scaled_when_it_is_not_wanted() -> None:
    plain = learned(standardize=False)
    features = plain.features(X)
    assert features[:, 0].tolist() == [10, 30, 20, 20]
    assert features[:, 8].tolist() == [100, 300, 200, 200]
    assert np.array_equal(plain.targets(Y), Y)


def test_targets_come_back_in_their_units() -> None:
    prepared = learned()
    scaled = prepared.targets(Y)
    assert scaled.mean() == pytest.approx(0)
    assert scaled.std() == pytest.approx(1)
    assert prepared.answers(scaled) == pytest.approx(Y)


def test_it_is_the_same_after_it_was_written_and_read() -> None:
    prepared = learned()
    again = Preprocessing.model_validate_json(prepared.model_dump_json())
    assert again == prepared
    assert np.array_equal(again.features(X), prepared.features(X))


def test_constant_columns_and_empty_ones_stay_finite() -> None:
    schema = Schema(
        columns=(Column(name="a", type=ColumnKind.number, gaps=True), Column(name="b", type=ColumnKind.number)),
        target=Target(name="y", type=Targets.classes, labels=("0", "1")),
    )
    prepared = Preprocessing.fit(schema, np.array([[GAP, 5.0], [GAP, 5.0]]), np.array([0, 1]), standardize=True)
    assert prepared.features(np.array([[GAP, 5.0], [7.0, 6.0]])).tolist() == [[0, 1, 0], [7, 0, 1]]


def test_an_array_is_one_column() -> None:
    x = np.random.default_rng(0).integers(0, 255, (10, 12)).astype(np.uint8)
    schema = Schema(
        columns=(Column(name="X", type=ColumnKind.number, size=12),),
        target=Target(name="y", type=Targets.classes, labels=("0", "1")),
        image=(3, 2, 2),
    )
    features = Preprocessing.fit(schema, x, np.arange(10) % 2, standardize=True).features(x)
    assert features.mean(axis=0) == pytest.approx(np.zeros(12))
    assert features.std(axis=0) == pytest.approx(np.ones(12))


def test_pixels_may_share_their_channels_scale() -> None:
    random = np.random.default_rng(0)
    x = random.normal([[[5.0], [-3.0]]], [[[2.0], [0.5]]], (40, 2, 12)).reshape(40, 24)
    x[3, 1] = GAP
    column = Column(name="X", type=ColumnKind.number, size=24)
    schema = Schema(columns=(column,), target=SCHEMA.target, image=(2, 3, 4))
    prepared = Preprocessing.fit(schema, x, np.ones((40, 1)), standardize=True, by_channel=True)
    features = prepared.features(x).reshape(40, 2, 12)
    assert features[3, 0, 1] == 0.0
    for channel in (0, 1):
        held = np.delete(features[:, channel].ravel(), 3 * 12 + 1) if channel == 0 else features[:, channel].ravel()
        assert [held.mean(), held.std()] == pytest.approx([0.0, 1.0])
    (pixels,) = prepared.inputs
    assert (len(pixels.mean), len(set(pixels.mean)), len(set(pixels.deviation))) == (24, 2, 2)
    assert Preprocessing.model_validate_json(prepared.model_dump_json()) == prepared


def test_what_is_black_and_white_is_known_of_all_pixels() -> None:
    row_number = Column(name="id", type=ColumnKind.number, role=Role.unused)
    columns = (row_number, *(Column(name=f"pixel_{place}", type=ColumnKind.number) for place in range(4)))
    x = np.array([[0.0, 3.0, 16.0, 1.0], [0.0, 5.0, 12.0, -2.0]])
    for image, least, most in (((1, 2, 2), -2.0, 16.0), (None, 0.0, 255.0)):
        schema = Schema(columns=columns, target=SCHEMA.target, image=image)
        known = Preprocessing.fit(schema, x, np.ones((2, 1)), standardize=True).known
        assert (known.least, known.most) == (least, most)


def fitted(values: list[float], *, gaps: bool = False) -> tuple[Preprocessing, Array]:
    """What is learned of one column of numbers, and its features."""
    schema = Schema(
        columns=(Column(name="a", type=ColumnKind.number, gaps=gaps),),
        target=Target(name="y", type=Targets.classes, labels=("0", "1")),
    )
    x = np.array(values)[:, None]
    prepared = Preprocessing.fit(schema, x, np.arange(len(x)) % 2, standardize=True)
    return prepared, prepared.features(x)


@pytest.mark.parametrize("value", [14.62, 0.1, -3.3, 1e-7, 123_456.789, 1e150, 5e-324, 1 / 3])
@pytest.mark.parametrize("rows", [3, 7, 400])
def test_a_constant_whose_mean_rounds_has_itself_for_mean_and_deviation_1(value: float, rows: int) -> None:
    prepared, features = fitted([value] * rows)
    assert (prepared.inputs[0].mean, prepared.inputs[0].deviation) == ((value,), (1.0,))
    assert not features.any()


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (1e-300, 3e-300),
        (-1e150, 1e150),
        (1.7e308, -1.7e308),
        (1e9, 1e9 + 1e-6),
        (5e-324, 1e-323),
        (-1e-160, 1e-160),
    ],
)
def test_values_at_the_ends_and_of_little_spread_have_mean_0_and_deviation_1(low: float, high: float) -> None:
    _, features = fitted([low, high] * 50)
    assert features[:, 0] == pytest.approx(np.sign(high - low) * np.tile([-1.0, 1.0], 50))


@pytest.mark.parametrize("low", [0.1, 0.3, 1e16, -7.7, 1e300])
def test_neighbours_among_floats_are_two_deviations_apart(low: float) -> None:
    _, features = fitted([low, math.nextafter(low, math.inf)] * 50)
    assert features[1, 0] - features[0, 0] == 2.0  # their mean is none of the floats
    assert np.abs(features).max() <= 2.0


def test_gaps_of_a_constant_are_the_constant() -> None:
    prepared, features = fitted([0.1, GAP, 0.1], gaps=True)
    assert prepared.inputs[0].fill == (0.1,)
    assert features.tolist() == [[0, 0], [0, 1], [0, 0]]


def test_ordinary_columns_keep_their_bits() -> None:
    x = np.random.default_rng(0).normal(1000.0, 3.0, 1000)
    prepared, _ = fitted(x.tolist())
    assert prepared.inputs[0].mean == (x[:, None].mean(axis=0)[0],)
    assert prepared.inputs[0].deviation == (x[:, None].std(axis=0)[0],)


def test_columns_that_are_no_features_have_no_numbers() -> None:
    schema = Schema(
        columns=(
            Column(name="a", type=ColumnKind.number),
            Column(name="w", type=ColumnKind.number, role=Role.weight),
            Column(name="id", type=ColumnKind.category, role=Role.unused),
        ),
        target=Target(name="y", type=Targets.classes, labels=("0", "1")),
    )
    prepared = Preprocessing.fit(schema, np.array([[1.0], [3.0]]), np.arange(2), standardize=True)
    assert [one.name for one in prepared.used] == ["a"]
    assert prepared.features(np.array([[1.0], [3.0]])).tolist() == [[-1], [1]]
    assert Preprocessing.model_validate_json(prepared.model_dump_json()) == prepared


def test_a_model_of_the_first_version_is_read_as_it_was() -> None:
    old = {
        "version": 1,
        "inputs": [
            {"name": "age", "type": "number", "size": 1, "gaps": True, "categories": [], "fill": [20.0], "mean": [20.0],
             "deviation": [2.0], "seen": []},
            {"name": "city", "type": "category", "size": 1, "gaps": True, "categories": ["Oslo"], "fill": [],
             "mean": [], "deviation": [], "seen": [True]},
        ],
        "output": {"name": "y", "type": "classes", "labels": ["0", "1"], "outputs": 1, "mean": [], "deviation": []},
        "image": None,
    }  # fmt: skip
    prepared = Preprocessing.model_validate(old)
    assert prepared.features(np.array([[22.0, 0.0], [GAP, GAP]])).tolist() == [[1, 0, 1, 0, 0], [0, 1, 0, 0, 1]]
    assert prepared.used[0].gap_words >= {"", "NA", "nan"}
