from flask import Flask

from api.idempotency import idempotency
from spec.base import Frozen


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
