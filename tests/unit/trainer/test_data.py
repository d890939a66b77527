import numpy as np
import pytest
import torch

from spec.dataset import BUILTIN, Targets
from trainer.data import load, split

from .conducting import job

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
    assert np.bincount(parts.y.numpy()).tolist() == [40, 40, 40]
    assert np.bincount(parts.val_y.numpy()).tolist() == [10, 10, 10]


def test_the_split_follows_its_seed() -> None:
    one, again, other = (divided(split_seed=seed).val_x for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_features_are_scaled_by_the_training_rows_alone() -> None:
    parts = divided(dataset="wine")
    assert torch.allclose(parts.x.mean(dim=0), torch.zeros(13, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(parts.x.std(dim=0, correction=0), torch.ones(13, dtype=torch.float64))
    assert not torch.allclose(parts.val_x.mean(dim=0), torch.zeros(13, dtype=torch.float64), atol=1e-3)


def test_labels_of_inline_data_are_numbered_in_order() -> None:
    inline = {"x": [[0.0], [1.0], [2.0], [3.0]], "y": [9, 1, 5, 1]}
    parts = divided(dataset=inline, validation_fraction=0)
    assert parts.y.tolist() == [2, 0, 1, 0]
