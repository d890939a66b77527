"""Configurations: a job with other values at some field paths."""

import hashlib
import json
import tracemalloc
from typing import Any

import pytest

from spec.configuration import digest_of, value_at, with_fields
from spec.job import JobSpec
from spec.optimizers import Sgd

from .sweeping import sweep


@pytest.mark.parametrize("values", [{"optimizer.type": "sgd", "optimizer.momentum": 0.5}, {"optimizer.momentum": 0.5}])
def test_another_type_of_an_object_drops_the_fields_that_it_does_not_have(values: dict[str, Any]) -> None:
    job = with_fields(JobSpec.model_validate({"dataset": "xor"}), {**values, "optimizer.type": "sgd"})
    assert job.optimizer == Sgd(momentum=0.5)


def test_a_field_within_an_object_keeps_the_rest_of_it() -> None:
    base = sweep().base
    assert with_fields(base, {"architecture.hidden": [7]}).architecture.model_dump()["hidden"] == (7,)
    narrow = with_fields(base, {"architecture": {"type": "resmlp", "blocks": 3}})
    assert with_fields(narrow, {"architecture.width": 5}).architecture.model_dump()["blocks"] == 3
    assert with_fields(base, {"loss": "focal", "loss.gamma": 1.0}).loss.model_dump()["gamma"] == 1.0
    assert with_fields(base, {"dataset": "moons", "dataset.noise": 0.3}).dataset.model_dump()["noise"] == 0.3
    moons = with_fields(base, {"dataset": {"name": "moons", "n": 50}})
    assert with_fields(moons, {"dataset.noise": 0.3}).dataset.model_dump() == moons.dataset.model_dump() | {
        "noise": 0.3
    }


def test_jobs_of_a_sweep_share_the_rows_of_its_spec_and_have_the_digests_of_jobs_that_do_not() -> None:
    rows = {"x": [[0.0, 1.5], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]], "y": [0, 1, 1, 0], "group": ["a", "b", "c", "d"]}
    asked = sweep(base={"dataset": rows, "batch_size": 2, "class_weight": {"0": 2.0}})
    shared = asked.job({"learning_rate": 0.1}, 0)
    alone = JobSpec.model_validate_json(shared.model_dump_json())
    assert shared.dataset is asked.base.dataset
    assert alone.dataset is not shared.dataset
    assert (digest_of(alone), alone.pack_key) == (digest_of(shared), shared.pack_key)
    without = {"seed", "fold", "name", "tags", "project", "priority"}
    text = json.dumps(alone.model_dump(mode="json", exclude=without), sort_keys=True, separators=(",", ":"))
    assert digest_of(alone, by_meaning=False) == hashlib.sha256(text.encode()).hexdigest()


def test_a_condition_is_looked_up_without_the_rows_of_the_spec() -> None:
    rows = {"x": [[float(row)] * 10 for row in range(2_000)], "y": [0, 1] * 1_000}
    base = sweep(base={"dataset": rows}).base
    tracemalloc.start()
    try:
        assert value_at({}, base, "optimizer.type") == "adam"
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
