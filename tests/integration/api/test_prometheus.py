"""Prometheus itself: it reads a real API, and each alert fires when it should."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from store.tokens import METRICS_READ
from tests.services import eventually, free_port

from .conftest import JOBS, NOBODY, XOR
from .test_process import running
from .troubles import TROUBLES

ROOT = Path(__file__).parents[3]
FILES = ROOT / "deploy" / "prometheus"
RULES: list[dict[str, Any]] = yaml.safe_load((FILES / "alerts.yml").read_text())["groups"][0]["rules"]


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.prometheus
def test_every_alert_fires_on_its_trouble_alone_and_says_what_to_do(tmp_path: Path) -> None:
    named = {rule["alert"]: rule for rule in RULES}
    assert set(TROUBLES) == set(named)
    assert all(set(rule["annotations"]) == {"summary", "action"} for rule in RULES)
    tests = []
    for alert, trouble in TROUBLES.items():
        others = [{"eval_time": trouble.at, "alertname": other, "exp_alerts": []} for other in named if other != alert]
        up = {} if alert == "EpochalNoApi" else {'up{job="epochal", instance="b:8000"}': "1x40"}
        series = [{"series": name, "values": values} for name, values in {**up, **trouble.series}.items()]
        state = {"alertname": alert, "alertstate": "firing", **trouble.labels}
        labels = ", ".join(f'{key}="{value}"' for key, value in state.items())
        asked = {
            "expr": f"ALERTS{{{labels}}}",
            "eval_time": trouble.at,
            "exp_samples": [{"labels": f"ALERTS{{{labels}}}", "value": 1}],
        }
        tests.append({"interval": "1m", "input_series": series, "alert_rule_test": others, "promql_expr_test": [asked]})
    path = tmp_path / "alerts_test.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(FILES / "alerts.yml")], "tests": tests}))
    promtool("check", "rules", str(FILES / "alerts.yml"))
    promtool("test", "rules", str(path))


@contextmanager
def prometheus(folder: Path, api_port: int, token: str) -> Iterator[str]:
    """Prometheus with our own configuration, faster and on other ports; its URL."""
    config = yaml.safe_load((FILES / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "250ms", "evaluation_interval": "250ms"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{api_port}"]}]
    (folder / "epochal.token").write_text(token)
    rules = (FILES / "alerts.yml").read_text()
    (folder / "alerts.yml").write_text(re.sub(r"for: \d+m", "for: 0s", rules))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    promtool("check", "config", str(folder / "prometheus.yml"))
    port = free_port()
    command = [
        *("prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"),
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def found(server: httpx.Client, query: str) -> list[tuple[dict[str, str], float]]:
    try:
        answer = server.get("/api/v1/query", params={"query": query})
    except httpx.TransportError:  # it is not up yet
        return []
    if not answer.is_success:
        return []
    return [(one["metric"], float(one["value"][1])) for one in answer.json()["data"]["result"]]


@pytest.mark.thorough
@pytest.mark.prometheus
def test_it_scrapes_an_api_of_two_processes_draws_the_dashboard_and_fires(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "prometheus"
    home.mkdir()
    folder.mkdir()
    with running(home, NOBODY, workers=2) as api:
        address = f"http://127.0.0.1:{api.port}"
        headers = {"Authorization": f"Bearer {api.token}"}
        for seed in range(20):  # each on a connection of its own: both processes answer
            assert httpx.post(f"{address}{JOBS}", json=XOR | {"seed": seed}, headers=headers, timeout=60.0).is_success
        token = api.tokens.create(owner="prometheus", scopes=[METRICS_READ])
        bearer = {"Authorization": f"Bearer {token}"}
        counts = {
            re.findall(r'seconds_count\{.*"/api/v1/jobs",status="2xx"\} (\S+)', answer.text)[0]
            for answer in (httpx.get(f"{address}/metrics", headers=bearer, timeout=60.0) for _ in range(8))
        }
        assert counts == {"20.0"}  # whichever process is asked
        with prometheus(folder, api.port, token) as url, httpx.Client(base_url=url, timeout=60.0) as server:
            eventually(lambda: found(server, "up") != [], within_s=30, what="Prometheus asks the API")
            alerting = 'ALERTS{alertname="EpochalNoWorker", alertstate="firing"}'
            eventually(lambda: found(server, alerting) != [], within_s=30, what="jobs wait, and no worker is up")
            assert {value for _, value in found(server, "up")} == {1.0}
            ((labels, jobs),) = found(server, "epochal_jobs_queued")
            assert (labels["owner"], labels["device"], jobs) == ("ann", "auto", 20.0)
            board = json.loads((FILES / "grafana.json").read_text())
            for panel in board["panels"]:
                for target in panel["targets"]:
                    answer = server.get("/api/v1/query", params={"query": target["expr"]})
                    assert answer.json()["status"] == "success", target["expr"]


def test_dashboard_alerts_and_page_name_the_figures_that_exist() -> None:
    source = (ROOT / "api" / "exposition.py").read_text()
    exist = set(re.findall(r'"(epochal_[a-z_]+)"', source)) | {
        f"epochal_disk_{what}_bytes" for what in ("size", "free")
    }
    files = (FILES / "alerts.yml", FILES / "grafana.json", ROOT / "docs" / "monitoring.md")
    used, shown, page = ({re.sub(r"_(total|count|bucket)$", "", name) for name in names(path)} for path in files)
    assert page == exist
    assert used | shown <= exist


def names(path: Path) -> set[str]:
    return set(re.findall(r"epochal_[a-z_]+", path.read_text()))
