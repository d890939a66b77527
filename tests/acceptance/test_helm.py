"""The Helm chart, rendered by Helm itself: what Kubernetes would get. There is no cluster here."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python as helm
import jsonschema
import kubernetes_validate
import pytest
import yaml
from sqlalchemy import Engine, text

from api import reader
from ingest import limits
from spec.job import JobSpec
from spec.settings import PREFIX, Settings
from store import db, schema
from store.backlog import RECENT_JOBS, RECENT_S
from store.queue import Queue
from store.records import Progress
from tests.record import Record
from tests.services import fresh_database
from worker.devices import Machine, devices

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "epochal"
EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
KUBERNETES = "1.37"

KEDA: dict[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["scaleTargetRef", "triggers"],
            "properties": {
                "scaleTargetRef": {"type": "object", "required": ["name"]},
                **{name: {"type": "integer"} for name in ("minReplicaCount", "maxReplicaCount")},
                **{name: {"type": "integer"} for name in ("pollingInterval", "cooldownPeriod")},
                "advanced": {"type": "object"},
                "triggers": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["type", "metadata"],
                        "properties": {
                            "type": {"const": "postgresql"},
                            "metadata": {
                                "type": "object",
                                "required": ["query", "targetQueryValue"],
                                "additionalProperties": {"type": "string"},
                            },
                            "authenticationRef": {"type": "object", "required": ["name"]},
                        },
                    },
                },
            },
        }
    },
}
"""What of a ScaledObject the chart uses, from config/crd/bases/keda.sh_scaledobjects.yaml of kedacore/keda, and the
fields of its PostgreSQL scaler (https://keda.sh/docs/latest/scalers/postgresql/)."""

ELSEWHERE = {"HTTPRoute", "ServiceMonitor", "TriggerAuthentication", "ScaledObject"}
"""Kinds that Kubernetes itself does not define."""

Manifest = dict[str, Any]

OWN: dict[str, Any] = {
    "enabled": True,
    "devices": "cuda",
    "graceSeconds": 60,
    "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "2Gi"}},
    "keda": {"enabled": False},
}
"""A class of workers that the chart does not know, with all that it must say."""

POD = "epochal-worker-gpu-6d5f8c9b7f-x2x4z"


@pytest.fixture(scope="module")
def chart() -> Iterator[helm.Chart]:
    with helm.Chart.load(CHART) as loaded:
        yield loaded


def values(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "examples" / f"{name}.yaml").read_text())
    return found


def render(chart: helm.Chart, given: dict[str, Any], name: str = "epochal") -> list[Manifest]:
    texts = chart.render(given, name=name, namespace="lab")
    files = [content for path, content in sorted(texts.items()) if not path.endswith(".txt")]
    return [one for content in files for one in yaml.safe_load_all(content) if one]


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """The pods of Deployments, StatefulSets and Jobs, by name."""
    kinds = ("Deployment", "StatefulSet", "Job")
    return {one["metadata"]["name"]: one["spec"]["template"] for one in manifests if one["kind"] in kinds}


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda path: path.stem)
def manifests(request: pytest.FixtureRequest, chart: helm.Chart) -> list[Manifest]:
    return render(chart, yaml.safe_load(request.param.read_text()))


def test_helm_finds_nothing_to_complain_of() -> None:
    assert len(EXAMPLES) == 5
    for path in EXAMPLES:
        found = helm.lint(CHART, yaml.safe_load(path.read_text()), strict=True)
        assert found["errors"] == []
        assert [one["error"] for one in found["messages"] if one["severity"] > 1] == []


@pytest.mark.thorough
def test_kubernetes_would_take_every_manifest(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] not in ELSEWHERE:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
        elif manifest["kind"] == "ScaledObject":
            jsonschema.validate(manifest, KEDA)
    names = [(one["kind"], one["metadata"]["name"]) for one in manifests]
    assert len(names) == len(set(names))


def test_no_pod_has_more_rights_than_it_needs(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert "hostNetwork" not in spec, name
        # Else Kubernetes adds EPOCHAL_API_PORT and the like for each Service: no settings, so nothing would start.
        assert spec["enableServiceLinks"] is False, name
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert {"requests", "limits"} <= set(container["resources"]), name


def test_every_variable_is_a_setting_and_every_secret_comes_from_the_secret(manifests: list[Manifest]) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    secrets = {"EPOCHAL_TOKEN", "EPOCHAL_METRICS_TOKEN", "EPOCHAL_DATABASE_URL", "EPOCHAL_BROKER_URL"}
    secrets |= {"POSTGRES_PASSWORD", "MLFLOW_DB_PASSWORD", "REDISCLI_AUTH", "MLFLOW_BACKEND_STORE_URI"}
    for pod in pods(manifests).values():
        for container in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]:
            for variable in container.get("env", []):
                assert not variable["name"].startswith(PREFIX) or variable["name"] in known
                assert (variable["name"] in secrets) == ("secretKeyRef" in variable.get("valueFrom", {}))


def test_only_the_api_is_reached_from_outside_and_mlflow_by_the_api_and_the_mirror_alone(
    manifests: list[Manifest],
) -> None:
    policies = of_kind(manifests, "NetworkPolicy")
    assert "ingress" not in policies["epochal"]["spec"]  # nothing, for every pod of ours
    (rule,) = policies["epochal-mlflow"]["spec"]["ingress"]
    roles = [one["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for one in rule["from"]]
    assert roles == ["api", "tracking"]
    assert not [
        one for one in of_kind(manifests, "Service").values() if one["spec"].get("type", "ClusterIP") != "ClusterIP"
    ]
    for kind in ("Ingress", "HTTPRoute"):
        assert all("-mlflow" not in str(one) for one in of_kind(manifests, kind).values())


def test_the_migration_is_no_hook_and_every_pod_of_ours_waits_for_it(manifests: list[Manifest]) -> None:
    (job,) = of_kind(manifests, "Job").values()
    assert re.fullmatch(r"epochal-migrate-0-1-0-[0-9a-f]{8}", job["metadata"]["name"])
    assert "helm.sh/hook" not in str(job)
    for name, pod in pods(manifests).items():
        waits = [one["command"] for one in pod["spec"].get("initContainers", [])]
        if "mlflow" in name:
            assert waits == [["python", "-m", "tracking", "migrate"]]
        elif any(one in name for one in ("migrate", "postgres", "redis")):
            assert waits == []
        else:
            assert waits == [["python", "-m", "store", "check", "--wait", "600"]]


def test_another_tag_or_another_setting_is_another_job(chart: helm.Chart) -> None:
    changes: list[dict[str, Any]] = [{}, {"image": {"tag": "0.2.0"}}, {"settings": {"EPOCHAL_LOG_LEVEL": "DEBUG"}}]
    names = [next(iter(of_kind(render(chart, given), "Job"))) for given in changes]
    assert len(set(names)) == 3
    assert names[1].startswith("epochal-migrate-0-2-0-")


def test_another_address_of_the_database_is_migrated_and_replaces_every_pod_that_reads_it(chart: helm.Chart) -> None:
    def of(host: str) -> list[Manifest]:
        url = f"postgresql+psycopg://u:p@{host}:5432"
        return render(chart, {"postgres": {"builtIn": False, "url": f"{url}/a", "mlflowUrl": f"{url}/b"}})

    before, after = of("old"), of("new")
    assert not set(of_kind(before, "Job")) & set(of_kind(after, "Job"))
    deployments = of_kind(before, "Deployment"), of_kind(after, "Deployment")
    assert len(deployments[0]) == 5
    assert all(
        one["spec"]["template"] != deployments[1][name]["spec"]["template"] for name, one in deployments[0].items()
    )
    assert of_kind(before, "StatefulSet") == of_kind(after, "StatefulSet")


def test_an_upgrade_restarts_neither_postgresql_nor_redis(chart: helm.Chart) -> None:
    before, after = (of_kind(render(chart, {"image": {"tag": tag}}), "StatefulSet") for tag in ("1.0", "2.0"))
    assert set(before) == {"epochal-postgres", "epochal-redis"}
    assert all(one["spec"] == after[name]["spec"] for name, one in before.items())


def test_the_api_has_memory_for_all_uploads_that_it_reads_at_once(chart: helm.Chart) -> None:
    (container,) = of_kind(render(chart, {}), "Deployment")["epochal-api"]["spec"]["template"]["spec"]["containers"]
    granted = int(container["resources"]["limits"]["memory"].removesuffix("Gi"))
    (processes,) = (int(one.removeprefix("--workers=")) for one in container["command"] if "--workers=" in one)
    assert granted * limits.GIB >= processes * reader.AT_ONCE * limits.MEMORY + limits.GIB


def test_secrets_are_random_kept_and_never_a_default(chart: helm.Chart) -> None:
    first, second = (of_kind(render(chart, values("built-in")), "Secret")["epochal"] for _ in range(2))
    assert first["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    data, again = first["stringData"], second["stringData"]
    for key in ("token", "metrics-token", "postgres-password", "mlflow-password", "redis-password"):
        assert len(data[key]) >= 40
        assert data[key] != again[key]
    assert data["token"].startswith("epo_")
    assert f":{data['postgres-password']}@epochal-postgres:5432/epochal" in data["database-url"]
    assert data["keda-connection"] == data["database-url"].replace("+psycopg", "")
    # Only a cluster has something to look up: that an upgrade asks it for each of them is read in the template.
    template = next(one["data"] for one in chart.templates if one["name"].endswith("secret.yaml"))
    assert "randAlphaNum" not in template
    helpers = next(one["data"] for one in chart.templates if one["name"].endswith("_helpers.tpl"))
    assert helpers.count("randAlphaNum") == 1
    assert 'lookup "v1" "Secret" .root.Release.Namespace' in helpers


@pytest.mark.parametrize("name", ["external", "locked-down"])
def test_with_a_secret_of_ones_own_rendering_twice_is_the_same_text(chart: helm.Chart, name: str) -> None:
    once, again = (chart.render(values(name), name="epochal", namespace="lab") for _ in range(2))
    assert once == again
    assert not of_kind(render(chart, values(name)), "Secret")
    assert not of_kind(render(chart, values(name)), "StatefulSet")


def test_random_secrets_are_all_that_differs_between_two_renderings(chart: helm.Chart) -> None:
    once, again = (chart.render(values("keda"), name="epochal", namespace="lab") for _ in range(2))
    assert [path for path in once if once[path] != again[path]] == ["epochal/templates/secret.yaml"]


def test_each_class_of_devices_is_a_deployment_with_time_to_give_its_jobs_back(chart: helm.Chart) -> None:
    found = of_kind(render(chart, values("gpu")), "Deployment")
    classes = {name: one["spec"]["template"]["spec"] for name, one in found.items() if "-worker-" in name}
    assert set(classes) == {"epochal-worker-cpu", "epochal-worker-gpu", "epochal-worker-team"}
    gpus = {name: one["containers"][0]["resources"]["limits"].get("nvidia.com/gpu") for name, one in classes.items()}
    assert gpus == {"epochal-worker-cpu": None, "epochal-worker-gpu": 1, "epochal-worker-team": 4}
    stops = {
        name: next(int(one["value"]) for one in spec["containers"][0]["env"] if one["name"] == "EPOCHAL_STOP_S")
        for name, spec in classes.items()
    }
    assert stops == {name: spec["terminationGracePeriodSeconds"] - 5 for name, spec in classes.items()}
    assert all("livenessProbe" not in one["containers"][0] for one in classes.values())
    assert all(found[name]["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0 for name in classes)  # no GPU is free


def test_a_pod_has_the_slots_that_keda_counts_however_many_cores_its_node_has(chart: helm.Chart) -> None:
    given = {"workers": {"gpu": {"enabled": True, "keda": {"enabled": True}}, "cpu": {"keda": {"enabled": True}}}}
    manifests, machine = render(chart, given), Machine(cores=64, gpus=("0",))
    for name, scaled in of_kind(manifests, "ScaledObject").items():
        (container,) = of_kind(manifests, "Deployment")[name]["spec"]["template"]["spec"]["containers"]
        asked = next(one["value"] for one in container["env"] if one["name"] == "EPOCHAL_DEVICES")
        slots = scaled["spec"]["triggers"][0]["metadata"]["targetQueryValue"]
        assert str(len(devices(asked, machine))) == slots, name


def test_prometheus_gives_the_api_the_job_that_the_alerts_name(chart: helm.Chart) -> None:
    manifests = render(chart, values("locked-down"))
    (monitor,) = of_kind(manifests, "ServiceMonitor").values()
    job = of_kind(manifests, "Service")["epochal-api"]["metadata"]["labels"][monitor["spec"]["jobLabel"]]
    alerts = (CHART.parents[1] / "prometheus" / "alerts.yml").read_text()
    assert set(re.findall(r'up\{job="([^"]+)"\}', alerts)) == {job}


def test_a_worker_may_patch_pods_only_where_its_cost_is_asked_for(chart: helm.Chart) -> None:
    asked, not_asked = render(chart, values("keda")), render(chart, values("gpu"))
    assert of_kind(asked, "Role")["epochal-worker"]["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}
    ]
    assert not of_kind(not_asked, "Role")
    tokens = {name: pod["spec"]["automountServiceAccountToken"] for name, pod in pods(asked).items()}
    assert {name for name, has in tokens.items() if has} == {"epochal-worker-cpu", "epochal-worker-gpu"}
    assert not any(pod["spec"]["automountServiceAccountToken"] for pod in pods(not_asked).values())
    for scaled in of_kind(asked, "ScaledObject").values():  # KEDA says how many there are, and nobody else
        assert "replicas" not in of_kind(asked, "Deployment")[scaled["spec"]["scaleTargetRef"]["name"]]["spec"]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"api": {"replicas": 0}}, "/api/replicas"),
        ({"nonsense": 1}, "nonsense"),
        ({"postgres": {"builtIn": False}}, "/postgres/url"),
        ({"redis": {"builtIn": False}}, "/redis/url"),
        ({"ingress": {"enabled": True}}, "/ingress/host"),
        ({"gateway": {"enabled": True, "host": "x"}}, "/gateway/parentRefs"),
        ({"settings": {"LOG_LEVEL": "DEBUG"}}, "LOG_LEVEL"),
        ({"workers": {"cpu": {"keda": {"requests": ["gpu'"]}}}}, "/workers/cpu/keda/requests"),
        ({"files": {"url": "/data"}}, "/files/url"),
        ({"publicUrl": "epochal.example.org"}, "/publicUrl"),
        ({"image": {"tag": "a" * 64}}, "/image/tag"),  # a label has 63 characters
        ({"image": {"tag": "1.0-"}}, "/image/tag"),
        ({"workers": {"own": OWN | {"graceSeconds": 3606}}}, "/workers/own/graceSeconds"),  # EPOCHAL_STOP_S: 3600
        ({"workers": {"own": {name: OWN[name] for name in OWN if name != "graceSeconds"}}}, "graceSeconds"),
        ({"workers": {"own": {name: OWN[name] for name in OWN if name != "resources"}}}, "resources"),
        ({"workers": {"own": OWN | {"keda": {"enabled": True, "max": 4}}}}, "withinSeconds"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(chart: helm.Chart, bad: dict[str, Any], said: str) -> None:
    with pytest.raises(helm.HelmError, match=re.escape(said)):
        chart.validate_schema(bad)


def test_a_setting_that_the_chart_makes_of_another_value_is_refused(chart: helm.Chart) -> None:
    made = pods(render(chart, values("keda"))).values()
    variables = [one for pod in made for container in pod["spec"]["containers"] for one in container.get("env", [])]
    names = {one["name"] for one in variables if one["name"].startswith(PREFIX)}
    assert {"EPOCHAL_POD", "EPOCHAL_STOP_S", "EPOCHAL_TOKEN", "EPOCHAL_TRUSTED_HOSTS"} <= names
    for name in names:
        with pytest.raises(helm.HelmError, match=name):
            chart.validate_schema({"settings": {name: "1"}})


def test_the_api_answers_to_more_names_on_request(chart: helm.Chart) -> None:
    given = render(chart, {"publicUrl": "https://lab.example.org", "trustedHosts": ["lab7", "lab7.example.org"]})
    (container,) = of_kind(given, "Deployment")["epochal-api"]["spec"]["template"]["spec"]["containers"]
    (hosts,) = (one["value"] for one in container["env"] if one["name"] == "EPOCHAL_TRUSTED_HOSTS")
    assert hosts.endswith(",lab.example.org,lab7,lab7.example.org")


def test_a_class_of_ones_own_needs_no_more_than_it_must_say(chart: helm.Chart) -> None:
    chart.validate_schema({"workers": {"own": OWN, "off": {"enabled": False, "devices": "cpu:1", "keda": OWN["keda"]}}})
    for name, one in of_kind(render(chart, {"workers": {"own": OWN}}), "Deployment").items():
        kubernetes_validate.validate(one, KUBERNETES, strict=True)
        assert "-worker-off" not in name


def test_a_release_of_another_name_has_names_of_its_own(chart: helm.Chart) -> None:
    names = {one["metadata"]["name"] for one in render(chart, {}, name="lab")}
    assert all(name.startswith("lab-epochal") for name in names)


# --- the query that KEDA asks --------------------------------------------------------------------------------------


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    with fresh_database(postgres_url) as url:
        schema.migrate(url)
        made = db.connect(url)
        yield made
        made.dispose()


def test_a_class_grows_by_what_its_own_workers_train(chart: helm.Chart, engine: Engine) -> None:
    scaled = of_kind(render(chart, values("keda")), "ScaledObject")["epochal-worker-gpu"]
    store, slots = Record(engine), 0
    for worker, counted in (
        (POD, True),
        ("epochal-worker-gpu-6d5f8c9b7fx2x4z", True),  # of a long name the end of the hash is cut
        ("epochal-worker-gpu-h100-6d5f8c9b7f-x2x4z", False),
        ("lab-epochal-worker-gpu-6d5f8c9b7f-x2x4z", False),
        ("node17", False),
    ):
        store.submit([JobSpec.model_validate({"dataset": "digits"})], owner="ann")
        assert store.claim(worker=f"{worker}-7-0123abcd", device="cuda:0", limit=1, lease_s=60)
        with db.reading(engine) as connection:
            now = connection.execute(text(scaled["spec"]["triggers"][0]["metadata"]["query"])).scalar_one()
        assert now - slots == (1 if counted else 0), worker
        slots = now


def test_the_query_counts_slots_that_are_needed_and_not_jobs(chart: helm.Chart, engine: Engine) -> None:
    scaled = of_kind(render(chart, values("keda")), "ScaledObject")
    queries = {name: one["spec"]["triggers"][0]["metadata"]["query"] for name, one in scaled.items()}

    def needed() -> dict[str, float]:
        with db.reading(engine) as connection:
            rows = {name: connection.execute(text(query)).scalar_one() for name, query in queries.items()}
        return {name.removeprefix("epochal-worker-"): float(value) for name, value in rows.items()}

    def submit(count: int, **fields: Any) -> None:
        spec = JobSpec.model_validate({"dataset": "digits", **fields})
        store.submit([spec] * count, owner="ann")

    store = Record(engine)
    assert needed() == {"cpu": 0.0, "gpu": 0.0}
    submit(64)  # a pack of the CPU's places
    assert needed() == {"cpu": 1.0, "gpu": 1.0}
    submit(1)
    assert needed() == {"cpu": 2.0, "gpu": 1.0}
    submit(600, resources={"device": "cuda"})  # of another shape or not: they ask for another device
    assert needed()["cpu"] == 2.0
    assert needed()["gpu"] >= 2.0
    worker = f"{POD}-7-0123abcd"
    claims = store.claim(worker=worker, device="cuda:0", limit=1000, lease_s=60)
    assert len(claims) > 1  # what trains holds one slot, however many jobs it is
    with db.writing(engine) as connection:
        connection.execute(text("UPDATE job SET status = 'cancelled', finished_at = now() WHERE status = 'queued'"))
    assert needed() == {"cpu": 0.0, "gpu": 1.0}
    for width in range(8):  # each is a pack of its own, and takes some 100 times as many steps as a job that trains
        submit(1, architecture={"type": "mlp", "hidden": [8 + width]}, resources={"device": "cuda"}, epochs=10_000)
    assert needed()["gpu"] == 9.0
    with db.reading(engine) as connection:
        steps = connection.execute(text("SELECT sum(steps) FROM job WHERE status = 'queued'")).scalar_one()
        each = connection.execute(text("SELECT steps / epochs FROM job JOIN lease ON id = job_id LIMIT 1")).scalar_one()
    for seconds, slots in ((590.0, 1.0), (1500.0, 3.0), (1e9, 8.0)):  # so long one slot would train what waits
        epochs_per_s = float(steps) / seconds / each / len(claims)
        trained = [Progress(one.job_id, one.attempt, {"epoch": [1]}, epochs_per_s=epochs_per_s) for one in claims]
        store.renew(worker=worker, progress=trained, lease_s=60)
        assert needed()["gpu"] == 1.0 + slots
    epochs_per_s = float(steps) / 1500.0 / each / len(claims)
    trained = [Progress(one.job_id, one.attempt, {"epoch": [1]}, epochs_per_s=epochs_per_s) for one in claims]
    store.renew(worker=worker, progress=trained, lease_s=60)
    with db.writing(engine) as connection:  # jobs that ended lately trained half of their steps
        half = "UPDATE job SET started_at = now(), finished_at = now(), epoch = epochs / 2 WHERE id = :id"
        connection.execute(text(half), {"id": claims[0].job_id})
    assert needed()["gpu"] == 1.0 + 2.0
    # The share is written twice, for KEDA runs no Python: what is changed in store/backlog.py must be changed here too.
    within_s = yaml.safe_load((CHART / "values.yaml").read_text())["workers"]["gpu"]["keda"]["withinSeconds"]
    backlog = Queue(engine).overview().backlog_s
    assert backlog is not None
    assert math.ceil(backlog / within_s) == needed()["gpu"] - 1.0
    for query in queries.values():
        assert f"now() - interval '{RECENT_S:.0f} seconds'" in query
        assert f"ORDER BY finished_at DESC LIMIT {RECENT_JOBS})" in query
