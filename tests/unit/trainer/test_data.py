import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.preprocessing import Preprocessing
from spec.cells import CellFormat
from spec.dataset import BUILTIN, REAL, DatasetInfo, Targets, Uploaded
from spec.job import JobSpec
from spec.schema import Column, ColumnKind, Schema, Target
from spec.splits import split_sizes
from tests.examples import examples
from trainer.data import Split, split
from trainer.errors import BadDataError
from trainer.evaluation import rows_on_gpu
from trainer.export import save
from trainer.fit import fit
from trainer.member import Entry
from trainer.rows import Rows, load
from trainer.splits import NO_ROLES, divide

from .recording import Recorder, job, train

Array = npt.NDArray[Any]
CPU = torch.device("cpu")


def divided(**fields: object):  # type: ignore[no-untyped-def]
    spec = job(**fields)
    assert spec.info is not None
    return split(spec, spec.info, CPU, torch.float64)


@pytest.mark.parametrize("name", BUILTIN)
def test_a_data_set_is_what_the_catalogue_says(name: str) -> None:
    spec = job(dataset=name, loss="mse")
    info, rows = spec.info, load(spec.dataset)
    assert info is not None
    assert rows.x.shape == (info.rows, info.features)
    if info.targets is Targets.classes:
        assert len(np.unique(rows.y)) == info.classes
    else:
        assert rows.y.reshape(len(rows.y), -1).shape == (info.rows, info.outputs)


@pytest.mark.parametrize("name", REAL)
def test_a_real_data_set_is_scikit_learns(name: str) -> None:
    from sklearn import datasets

    theirs = getattr(datasets, f"load_{name}")(**{"scaled": False} if name == "diabetes" else {})
    ours = load(job(dataset=name, loss="mse").dataset)
    assert_same(replace(ours, x=ours.x.astype(np.float64)), (theirs.data, theirs.target))
    assert [column.name for column in ours.columns] == list(theirs.feature_names)
    assert ours.target is not None
    assert ours.target.labels == tuple(map(str, getattr(theirs, "target_names", ())))


@given(rows=st.integers(4, 300), noise=st.sampled_from([0.0, 0.1, 2.0]), seed=st.integers(0, 2**32 - 1))
@examples(8, many=20)
def test_moons_circles_and_blobs_are_scikit_learns(rows: int, noise: float, seed: int) -> None:
    from sklearn.datasets import make_blobs, make_circles, make_moons

    chance: dict[str, Any] = {"n_samples": rows, "random_state": seed}
    theirs = {
        "moons": make_moons(noise=noise, **chance),
        "circles": make_circles(noise=noise, factor=0.5, **chance),
        "blobs": make_blobs(cluster_std=noise, centers=3, n_features=2, **chance),
    }
    for name, points in theirs.items():
        made = {"name": name, "n": rows, "noise": noise, "seed": seed}
        assert_same(load(job(dataset=made, batch_size=1).dataset), points)


def assert_same(ours: Rows, theirs: tuple[Array, Array]) -> None:
    for our, their in zip((ours.x, ours.y), theirs, strict=True):
        assert np.array_equal(our, their)
        assert our.dtype == their.dtype
        assert np.argsort(our.strides).tolist() == np.argsort(their.strides).tolist(), "sums would be rounded otherwise"


def test_made_data_come_from_their_seed() -> None:
    one, again, other = (load(job(dataset={"name": "spirals", "seed": seed}).dataset) for seed in (1, 1, 2))
    assert np.array_equal(one.x, again.x)
    assert not np.array_equal(one.x, other.x)


def test_the_truth_table_of_xor() -> None:
    rows = load(job(dataset={"name": "xor", "n": 4, "noise": 0.0}, batch_size=1).dataset)
    assert rows.x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert rows.y.tolist() == [0, 1, 1, 0]


def test_each_class_keeps_its_share_of_both_splits() -> None:
    parts = divided(dataset="iris")
    assert np.bincount(parts.y["train"].numpy()).tolist() == [40, 40, 40]
    assert np.bincount(parts.y["val"].numpy()).tolist() == [10, 10, 10]


def test_the_split_follows_its_seed() -> None:
    one, again, other = (divided(split_seed=seed).x["val"] for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_features_are_scaled_by_the_training_rows_alone() -> None:
    parts = divided(dataset="wine")
    assert torch.allclose(parts.x["train"].mean(dim=0), torch.zeros(13, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(parts.x["train"].std(dim=0, correction=0), torch.ones(13, dtype=torch.float64))
    assert not torch.allclose(parts.x["val"].mean(dim=0), torch.zeros(13, dtype=torch.float64), atol=1e-3)


@pytest.mark.parametrize(
    ("x", "y", "standardize", "said"),
    [
        (1e40, 1.0, False, "standardize: features go up to 1e.40, and float32 only to 3.4e.38: standardize true"),
        (1.0, -1e40, False, "standardize: targets go up to 1e.40, and float32 only to 3.4e.38: standardize true"),
        (
            1e40,
            1.0,
            True,
            r"features go up to .*e\+\d\d deviations, .*: leave out the rows that are so far",
        ),
    ],
)
def test_numbers_that_the_networks_format_does_not_hold_are_refused(
    x: float, y: float, standardize: bool, said: str
) -> None:
    """They are infinite there, and no learning rate helps."""
    rows = {
        "x": [[row / 10.0] for row in range(9)] + [[x]],
        "y": [row / 7.0 for row in range(9)] + [y],
        "time": range(10),
    }
    fields = {"dataset": rows, "loss": "mse", "standardize": standardize, "validation_fraction": 0.2}
    spec = JobSpec.model_validate(fields)
    assert spec.info is not None
    with pytest.raises(BadDataError, match=said):
        split(spec, spec.info, CPU, torch.float32)
    wide = split(spec, spec.info, CPU, torch.float64)
    assert torch.isfinite(wide.x["train"]).all()


def test_labels_of_inline_data_are_numbered_in_order() -> None:
    inline = {"x": [[0.0], [1.0], [2.0], [3.0]], "y": [9, 1, 5, 1]}
    parts = divided(dataset=inline, validation_fraction=0)
    assert parts.y["train"].tolist() == [2, 0, 1, 0]


def uploaded(folder: Path, x: Array, y: Array, **fields: Any) -> tuple[JobSpec, Path]:
    """A job on an uploaded data set of a number with gaps and a category, and the data set's table."""
    by_class = y.dtype.kind == "i"
    schema = Schema(
        columns=(
            Column(name="a", type=ColumnKind.number, gaps=True),
            Column(name="c", type=ColumnKind.category, categories=("p", "q", "r")),
        ),
        target=Target(name="t", type=Targets.classes, labels=("no", "yes"))
        if by_class
        else Target(name="t", type=Targets.numbers, formats=(CellFormat(unit="kg"),)),
    )
    table = folder / f"{uuid.uuid4().hex}.npz"
    np.savez(table, X=x, y=y, schema=np.frombuffer(schema.model_dump_json().encode(), dtype=np.uint8))
    known = Uploaded(id=f"ds_{'0' * 32}", sha256="0" * 64, info=schema.info(len(x)))
    return job(dataset=known, **fields), table


def made(rows: int = 50) -> tuple[Array, Array]:
    random = np.random.default_rng(7)
    x = np.stack([random.normal(5.0, 3.0, rows), random.integers(0, 3, rows).astype(np.float64)], axis=1)
    x[::9, 0] = np.nan
    return x, np.arange(rows) % 2


def prepared(spec: JobSpec, table: Path) -> Split:
    assert spec.info is not None
    return split(spec, spec.info, CPU, torch.float64, table)


def test_an_uploaded_table_becomes_features(tmp_path: Path) -> None:
    x, y = made()
    parts = prepared(*uploaded(tmp_path, x, y))
    assert parts.x["train"].shape == (40, 1 + 1 + 4)
    assert set(parts.x["train"][:, 1].tolist()) == {0.0, 1.0}  # where a gap was
    assert torch.equal(parts.x["train"][:, 2:].sum(dim=1), torch.ones(40, dtype=torch.float64))
    assert np.bincount(parts.y["val"].numpy()).tolist() == [5, 5]


def test_a_model_knows_the_unit_of_its_target(tmp_path: Path) -> None:
    x, y = made()
    spec, table = uploaded(tmp_path, x, y[:, None].astype(np.float64), loss="mse")
    assert prepared(spec, table).preprocessing.output.formats == (CellFormat(unit="kg"),)


@pytest.mark.parametrize("by_class", [True, False])
def test_nothing_of_the_validation_rows_reaches_training(tmp_path: Path, by_class: bool) -> None:
    x, classes = made()
    y = classes if by_class else x[:, :1].copy()
    y = np.nan_to_num(y) if not by_class else y
    how = {"loss": "cross_entropy" if by_class else "mse"}
    spec, table = uploaded(tmp_path, x, y, **how)
    honest = prepared(spec, table)
    unseen = divide(spec, len(x), y if by_class else None, NO_ROLES)[1]
    x, y = x.copy(), y.copy()
    x[unseen, 0], x[unseen, 1] = 1e6, 2.0
    if not by_class:
        y[unseen] = -1e6
    changed = prepared(*uploaded(tmp_path, x, y, **how))
    assert not torch.equal(changed.x["val"], honest.x["val"])
    assert torch.equal(changed.x["train"], honest.x["train"])
    assert torch.equal(changed.y["train"], honest.y["train"])
    assert changed.preprocessing == honest.preprocessing


@examples(30, many=100)
@given(
    classes=st.lists(st.integers(0, 3), min_size=4, max_size=60),
    percents=st.tuples(st.integers(0, 37), st.integers(0, 37)),
    seed=st.integers(0, 100),
)
def test_every_row_is_in_one_part_and_a_test_leaves_the_validation_rows_as_they_are(
    classes: list[int], percents: tuple[int, int], seed: int
) -> None:
    fractions = percents[0] / 100, percents[1] / 100
    y = np.unique(classes, return_inverse=True)[1]
    spec = job(validation_fraction=fractions[0], test_fraction=fractions[1], split_seed=seed)
    plain = spec.model_copy(update={"test_fraction": 0.0})
    for kinds in (y, None):
        parts = divide(spec, len(y), kinds, NO_ROLES)
        assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(y)))
        assert tuple(map(len, parts)) == split_sizes(len(y), *fractions)
        assert np.array_equal(parts[1], divide(plain, len(y), kinds, NO_ROLES)[1])


def test_each_class_keeps_its_share_of_a_test() -> None:
    parts = divided(dataset="iris", test_fraction=0.2)
    assert np.bincount(parts.y["test"].numpy()).tolist() == [10, 10, 10]
    assert np.bincount(parts.y["train"].numpy()).tolist() == [30, 30, 30]


def test_a_category_of_validation_rows_alone_is_other(tmp_path: Path) -> None:
    x, y = made()
    spec, _ = uploaded(tmp_path, x, y)
    unseen = divide(spec, len(x), y, NO_ROLES)[1]
    x[:, 1], x[unseen, 1] = 0.0, 2.0
    parts = prepared(*uploaded(tmp_path, x, y))
    assert parts.x["val"][:, 2:].tolist() == [[0, 0, 0, 1]] * 10


def test_the_only_row_of_a_class_is_trained_on(tmp_path: Path) -> None:
    x, _ = made()
    for place in range(50):
        y = np.zeros(50, dtype=np.int64)
        y[place] = 1
        assert prepared(*uploaded(tmp_path, x, y)).y["train"].sum() == 1


@pytest.mark.parametrize("few", [1, 2, 5, 9])
def test_a_class_is_not_validated_without_being_trained_on(tmp_path: Path, few: int) -> None:
    """Of nine rows of ten, a class of few rows would have all by rounding alone."""
    x, _ = made()
    y = (np.arange(50) >= few).astype(np.int64)
    parts = prepared(*uploaded(tmp_path, x, y, validation_fraction=0.9))
    assert np.bincount(parts.y["train"].numpy(), minlength=2).min() >= 1
    assert len(parts.y["val"]) == 45


def test_a_label_that_only_validation_rows_have_is_a_class_that_is_never_right() -> None:
    """As many classes as rows: some cannot be trained on, and are measured all the same."""
    rows = {"x": [[float(place)] for place in range(20)], "y": list(range(20))}
    recorder = train(job(dataset=rows, validation_fraction=0.5, epochs=30, batch_size=5))
    assert recorder.outcomes["0"].end == "succeeded"
    assert recorder.outcomes["0"].report is not None
    assert recorder.curves["0"][-1]["val_accuracy"] == 0.0


def test_a_table_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    x, y = made()
    spec, table = uploaded(tmp_path, x, y)
    with pytest.raises(BadDataError, match="has 50 rows, not 49"):
        prepared(*(uploaded(tmp_path, x[:-1], y[:-1])[0], table))
    (tmp_path / "broken").write_bytes(table.read_bytes()[:200])
    for broken in (tmp_path / "broken", tmp_path / "nothing"):
        with pytest.raises(BadDataError, match="cannot be read"):
            prepared(spec, broken)


def test_what_was_learned_is_kept_with_the_model(tmp_path: Path) -> None:
    x, y = made()
    spec, table = uploaded(tmp_path, x, y)
    recorder = Recorder()
    fit([Entry("0", spec, table=table)], recorder, device=CPU, limit=2)
    outcome = recorder.outcomes["0"]
    save(outcome, spec, tmp_path)
    read = Preprocessing.model_validate_json((tmp_path / "preprocessing.json").read_text())
    assert read == prepared(spec, table).preprocessing
    assert read.output.labels == ("no", "yes")
    assert outcome.model["layers.0.weight"].shape[1] == read.features(x).shape[1]


def test_a_network_that_goes_on_reads_rows_as_those_of_its_new_file(tmp_path: Path) -> None:
    x, y = made()
    spec, table = uploaded(tmp_path, x, y)
    own = prepared(spec, table).preprocessing
    number, category = own.inputs
    old = number.model_copy(update={"format": CellFormat(decimal=",")})
    learned = Preprocessing(inputs=(old, category), output=own.output)
    assert spec.info is not None
    assert split(spec, spec.info, CPU, torch.float64, table, learned).preprocessing == own


def test_built_in_data_keep_their_names() -> None:
    iris, xor = divided(dataset="iris").preprocessing, divided(dataset="xor").preprocessing
    assert iris.inputs[0].name == "sepal length (cm)"
    assert iris.output.labels == ("setosa", "versicolor", "virginica")
    assert [(column.name, column.size) for column in xor.inputs] == [("x", 2)]
    assert xor.output.labels == ("0", "1")


def test_what_is_not_standardised_is_the_same_beside_images_that_move() -> None:
    fields = {"dataset": "digits", "architecture": "cnn", "standardize": False}
    plain, moved = divided(**fields), divided(**fields, augmentation={"crop": 1})
    assert plain.preprocessing == moved.preprocessing


def test_a_gpu_evaluates_as_many_rows_as_fit() -> None:
    info = DatasetInfo(targets=Targets.classes, rows=1000, features=12288, classes=2, image=(3, 64, 64))
    dataset = {"id": f"ds_{'4' * 32}", "info": info}
    cnn = job(dataset=dataset, architecture={"type": "cnn", "channels": [8, 16]})
    assert [rows_on_gpu(cnn, info, members) for members in (2, 4096)] == [273, 1]
    mlp = job(dataset="digits", architecture={"type": "mlp", "hidden": [32]})
    assert mlp.info is not None
    assert rows_on_gpu(mlp, mlp.info, 64) == 16_384
