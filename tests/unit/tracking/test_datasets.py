import json
from typing import Any

import pytest

from spec.job import JobSpec
from tracking.datasets import dataset_of
from tracking.links import Links

UPLOAD = {"id": f"ds_{'0' * 32}", "sha256": "a" * 64}
SMALL = {"x": [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], "y": [1, 1, 0, 0]}


def spec(dataset: Any) -> JobSpec:
    return JobSpec.model_validate({"dataset": dataset})


@pytest.mark.parametrize(
    ("asked", "name", "source"),
    [
        ("digits", "digits", {"name": "digits"}),
        ({"name": "xor", "n": 40}, "xor", {"name": "xor", "n": 40, "noise": 0.1, "seed": 0}),
        (UPLOAD, UPLOAD["id"], {"id": UPLOAD["id"]}),
        (SMALL, "inline", {}),
    ],
)
def test_a_data_set_has_a_name_and_a_source_without_its_rows(asked: Any, name: str, source: dict[str, Any]) -> None:
    made = dataset_of(spec(asked), Links())
    assert (made.name, made.source_type, json.loads(made.source)) == (name, "epochal", source)


def test_a_digest_tells_contents_apart() -> None:
    rows = [400, 400, 500]
    first, again, other = (dataset_of(spec({"name": "moons", "n": n}), Links()).digest for n in rows)
    assert first == again != other
    assert UPLOAD["sha256"].startswith(dataset_of(spec(UPLOAD), Links()).digest)


def test_an_upload_is_a_link_to_our_page_and_its_size_is_shown() -> None:
    made = dataset_of(spec(UPLOAD), Links(page="http://here/"))
    assert made.source_type == "http"
    assert json.loads(made.source) == {"url": f"http://here/#/datasets/{UPLOAD['id']}"}
    profile = json.loads(dataset_of(spec("digits"), Links()).profile)
    assert profile.items() >= {"num_rows": 1797, "num_elements": 1797 * 64, "classes": 10}.items()
