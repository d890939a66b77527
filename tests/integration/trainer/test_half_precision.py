"""Convolutions of many channels in bfloat16, which processors without instructions for it compute slowly."""

from typing import Any

from tests.unit.trainer.recording import job, same, train

SPEC: dict[str, Any] = {
    "dataset": "digits",
    "architecture": {"type": "cnn", "channels": [16, 16, 5], "hidden": [], "pooling": "average"},
    "epochs": 1,
    "batch_size": 200,
    "test_fraction": 0.6,
    "precision": "bfloat16",
}


def test_a_member_is_the_same_alone_and_in_packs() -> None:
    wanted, alone = job(**SPEC), train(job(**SPEC))
    others = [job(**SPEC, seed=seed, learning_rate=0.001 * seed) for seed in range(1, 7)]
    for pack, place in (([*others, wanted], "6"), ([others[0], wanted, others[1]], "1")):
        assert same(train(*pack), place, alone, "0")
