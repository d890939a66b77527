"""The description of the API, the page and the documents."""

import json
import re
from collections import Counter
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from openapi_spec_validator import validate

from .conftest import Service


@pytest.fixture
def description(api: Service) -> dict[str, Any]:
    answer = api.ask("GET", "/openapi.json", token=None)
    found: dict[str, Any] = answer.get_json()
    return found


def test_it_is_valid(description: dict[str, Any]) -> None:
    validate(description)
    assert description["openapi"].startswith("3.1")


def test_it_holds_every_route_of_the_api(api: Service, description: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in api.app.url_map.iter_rules()
        if rule.rule.startswith(("/api/", "/healthz", "/readyz", "/metrics"))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, methods in description["paths"].items() for method in methods}
    assert described == routes


def test_every_route_is_versioned_secured_and_says_what_errors_are(description: dict[str, Any]) -> None:
    names = []
    for path, methods in description["paths"].items():
        for operation in methods.values():
            names.append(operation["operationId"])
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert bool(operation.get("security")) == path.startswith(("/api/v1/", "/metrics"))
    assert len(names) == len(set(names))


def test_an_answer_of_what_was_done_before_is_described_only_where_it_is_sent(description: dict[str, Any]) -> None:
    def done(path: str) -> bool:
        return "200" in description["paths"][f"/api/v1/{path}"]["post"]["responses"]

    sent = "jobs", "jobs/bulk", "sweeps", "datasets", "jobs/{job_id}/cancel", "sweeps/{sweep_id}/replay"
    assert all(map(done, sent))
    assert not any(map(done, ("users", "projects", "tokens", "webhooks", "guests", "jobs/{job_id}/retry")))


def test_files_have_their_own_types(description: dict[str, Any]) -> None:
    def types(path: str) -> list[str]:
        return list(description["paths"][f"/api/v1/jobs/{{job_id}}/{path}"]["get"]["responses"]["200"]["content"])

    assert types("pictures/{name}.png") == ["image/png"]
    assert types("model") == ["application/zip", "application/octet-stream"]
    assert types("files/{name}") == ["application/octet-stream"]


def test_every_route_has_a_tag_that_is_explained(description: dict[str, Any]) -> None:
    used = {tag for methods in description["paths"].values() for one in methods.values() for tag in one["tags"]}
    assert used == {tag["name"] for tag in description["tags"]}


@pytest.mark.parametrize("path", ["jobs", "sweeps"])
def test_every_example_is_valid(api: Service, description: dict[str, Any], path: str) -> None:
    checked = description["paths"][f"/api/v1/{path}"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert len(checked) > 1
    for example in checked.values():
        answer = api.ask("POST", f"/api/v1/{path}/check", json=example["value"])
        assert answer.status_code == 200, answer.text


def test_every_reference_leads_somewhere(description: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    assert set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(description))) <= known


PAGES = ("/", "/docs/", "/docs/docs.js", "/openapi.json")


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_fetched_from_elsewhere(api: Service, path: str) -> None:
    with api.ask("GET", path, token=None) as answer:
        assert answer.status_code == 200
        assert not re.findall(
            r"""(?:src|href|url|import)\s*[=(]?\s*["'(]?(?:https?:)?//""", answer.get_data(as_text=True)
        )


@pytest.mark.parametrize("path", ["/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/favicon-32x32.png"])
def test_the_documents_bring_what_they_need(api: Service, path: str) -> None:
    with api.ask("GET", path, token=None) as answer:
        assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs/"])
def test_the_page_and_the_documents_are_strict(api: Service, path: str) -> None:
    with api.ask("GET", path, token=None) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert not re.findall(r"<script>|<style>|\sstyle=|\son\w+=|javascript:", answer.get_data(as_text=True))


def test_the_docs_have_a_slash(api: Service) -> None:
    with api.ask("GET", "/docs", token=None) as answer:
        assert answer.status_code in (301, 308)
        assert answer.headers["Location"].endswith("/docs/")


@pytest.mark.parametrize("name", ["../app.py", "%2e%2e/app.py", "..%2fapp.py", "nothing.js", "%00"])
def test_the_page_gives_out_its_own_files_only(api: Service, name: str) -> None:
    with api.ask("GET", f"/docs/{name}", token=None) as answer:
        assert answer.status_code == 404


SWEEP = {"base": {"dataset": "xor"}, "space": {"learning_rate": [0.1, 0.2]}, "method": "grid"}


@pytest.mark.thorough
def test_requests_of_the_described_kinds_get_answers_of_the_described_kinds(
    api: Service, pytestconfig: pytest.Config
) -> None:
    import schemathesis  # here: it takes a second, and each process that runs tests imports their files
    from schemathesis import checks
    from schemathesis.core.result import Ok
    from schemathesis.specs.openapi import checks as openapi

    asked_of_each = [
        checks.not_a_server_error,
        openapi.content_type_conformance,
        openapi.response_schema_conformance,
        openapi.status_code_conformance,
        openapi.unsupported_method,
    ]
    known, sweep_id = (api.run(), api.submit()), str(api.ask("POST", "/api/v1/sweeps", json=SWEEP).get_json()["id"])
    schema = schemathesis.openapi.from_wsgi("/openapi.json", api.app)
    settings = hypothesis.settings(
        max_examples=60 if pytestconfig.getoption("--all-databases") else 5,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    answered: Counter[int] = Counter()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.path.endswith("/stream"):
            continue  # it ends when the job does

        @settings
        @hypothesis.given(case=operation.as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            turn = answered.total() % 3
            if "job_id" in case.path_parameters and turn < len(known):  # a drawn id is never a job's
                case.path_parameters["job_id"] = known[turn]
            if "sweep_id" in case.path_parameters and turn < 2:
                case.path_parameters["sweep_id"] = sweep_id
            headers = {"Authorization": f"Bearer {api.token}", "Accept-Encoding": "identity"}  # it reads no gzip
            answer = case.call(headers=headers)
            answered[answer.status_code] += 1
            case.validate_response(answer, checks=asked_of_each, headers=headers)

        ask()
    assert answered[401] == 0
    assert answered[200] > 20
    assert answered[201] > 1
    assert answered[422] > 5
