from flask import Flask

from api.idempotency import idempotency
from spec.base import Frozen
from spec.job import JobSpec


class Older(Frozen):
    rows: int


class Newer(Older):
    shuffled: bool = True


def test_a_field_that_a_newer_release_adds_makes_no_other_request() -> None:
    with Flask(__name__).test_request_context("/jobs", headers={"Idempotency-Key": "k"}):
        first = idempotency([Older(rows=3)])
        assert first is not None
        assert idempotency([Newer(rows=3)]) == first
        assert idempotency([Newer(rows=4)]) != first
        assert idempotency([Newer(rows=3, shuffled=False)]) != first


def test_the_order_of_tags_and_of_weights_makes_no_other_request() -> None:
    def keyed(tags: dict[str, str], weights: dict[str, float]) -> object:
        return idempotency([JobSpec.model_validate({"dataset": "iris", "tags": tags, "class_weight": weights})])

    with Flask(__name__).test_request_context("/jobs", headers={"Idempotency-Key": "k"}):
        first = keyed({"a": "1", "b": "2"}, {"setosa": 2.0, "virginica": 3.0})
        assert keyed({"b": "2", "a": "1"}, {"virginica": 3.0, "setosa": 2.0}) == first
        assert keyed({"b": "1", "a": "2"}, {"virginica": 3.0, "setosa": 2.0}) != first
