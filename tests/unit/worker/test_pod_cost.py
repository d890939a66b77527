"""What a worker writes on its own pod, to a Kubernetes that is emulated."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import kmock
import pytest

from worker.pod_cost import ANNOTATION, PodCost


def written(account: Path, act: Callable[[PodCost, str], None], *, fails: bool = False) -> list[tuple[object, ...]]:
    """The requests that Kubernetes gets while `act` runs."""

    async def run() -> list[tuple[object, ...]]:
        async with kmock.RawHandler() as emulated, kmock.Server(emulated) as server:
            emulated["patch /api/v1/namespaces/lab/pods/worker-0"] << (500 if fails else {"kind": "Pod"})
            url = f"{str(server.url).rstrip('/')}/api/v1/namespaces/lab/pods/worker-0"
            await asyncio.to_thread(act, PodCost(url, account), url)
            return [
                (one.method.value.upper(), one.headers["Authorization"], one.headers["Content-Type"], one.data)
                for one in emulated["patch"]
            ]

    return asyncio.run(run())


@pytest.fixture
def account(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "namespace").write_text("lab")
    return tmp_path


def test_the_cost_follows_the_jobs_by_bits_and_is_written_when_it_changes(account: Path) -> None:
    def act(cost: PodCost, _: str) -> None:
        for jobs in (0, 0, 1, 64, 65, 100, 127):
            cost.write(jobs)
        (account / "token").write_text("second")  # Kubernetes renews it
        cost.write(0)

    sent = written(account, act)
    costs = [one[3]["metadata"]["annotations"][ANNOTATION] for one in sent]  # type: ignore[index]
    assert costs == ["0", "1", "7", "0"]
    assert [one[1] for one in sent] == ["Bearer first"] * 3 + ["Bearer second"]
    assert {one[0] for one in sent} == {"PATCH"}
    assert {one[2] for one in sent} == {"application/merge-patch+json"}


def test_a_refusal_stops_nothing_and_is_tried_again(account: Path, caplog: pytest.LogCaptureFixture) -> None:
    def act(cost: PodCost, _: str) -> None:
        cost.write(3)
        cost.write(3)

    assert len(written(account, act, fails=True)) == 2
    assert "500" in caplog.text


def test_outside_of_kubernetes_there_is_none(account: Path) -> None:
    inside = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    assert PodCost.of("", inside, account) is None
    assert PodCost.of("worker-0", {}, account) is None
    found = PodCost.of("worker-0", inside, account)
    assert found is not None
    assert found.url == "https://10.0.0.1:443/api/v1/namespaces/lab/pods/worker-0"
    six = PodCost.of("worker-0", inside | {"KUBERNETES_SERVICE_HOST": "fd00::1"}, account)
    assert six is not None
    assert six.url.startswith("https://[fd00::1]:443/")
