from collections import Counter

import httpx
import pytest

from epochal.cli import named_data
from epochal.cli.named_data import with_ids

from ..jobs import ID, api_of, view

DATASET = f"ds_{'4' * 32}"
SUMMARY = {
    **{"id": DATASET, "name": "people", "version": 2, "task": "classification", "rows": 9, "features": 4, "outputs": 2},
    **{"image": None, "sha256": "0" * 64, "size_bytes": 1, "links": {}, "created_at": "2026-01-01T00:00:00Z"},
}


def test_each_name_of_many_specs_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()

    def handle(request: httpx.Request) -> httpx.Response:
        asked[request.url.path] += 1
        is_job = request.url.path.endswith("/jobs")
        jobs = [view()] if request.url.params.get("name") == "first" else []
        return httpx.Response(200, json={"jobs": jobs, "next": None} if is_job else {"datasets": [SUMMARY]})

    monkeypatch.setattr(named_data, "Api", lambda: api_of(handle))
    specs = [{"dataset": name, "init_from": "first"} for name in ("people", "nobody", "iris")] * 3
    assert with_ids(specs) == [{"dataset": data, "init_from": ID} for data in (DATASET, "nobody", "iris")] * 3
    assert asked == {"/api/v1/datasets": 2, "/api/v1/jobs": 1}
