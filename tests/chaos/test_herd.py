"""F41: many clients are refused at the same moment, and come back when the API asked them to."""

import asyncio
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

import httpx
from sqlalchemy import func, select

from store.db import reading
from store.tables import Job

from .site import TOKEN, Api, Site

CLIENTS = 1000
QUICK = {"dataset": "xor", "epochs": 1, "project": "herd"}


@dataclass
class Herd:
    """Clients who each submit one job, with one key, until it is accepted, and wait each time as long as was said."""

    http: httpx.AsyncClient
    delays: list[int] = field(default_factory=list)
    came_back: list[float] = field(default_factory=list)
    # More connections at a time than an API has threads; the others wait here, as they would before a socket.
    door: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(64))

    async def one(self) -> str:
        """The id of the job."""
        key = uuid.uuid4().hex
        while True:
            async with self.door:
                answer = await self.http.post("/jobs", json=QUICK, headers={"Idempotency-Key": key})
            if answer.is_success:
                return str(answer.json()["id"])
            assert answer.status_code == 503, answer.text
            self.delays.append(int(answer.headers["Retry-After"]))
            await asyncio.sleep(self.delays[-1])
            self.came_back.append(time.monotonic())


async def herd(site: Site, api: Api) -> tuple[Herd, list[str], float]:
    """All of them from a moment at which the record is away; their jobs, and how long it took once it was back."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Connection": "close"}
    async with (
        httpx.AsyncClient(base_url=f"{api.url}/api/v1", headers=headers, timeout=60.0, trust_env=False) as http,
        asyncio.TaskGroup() as group,
    ):
        clients = Herd(http)
        tasks = [group.create_task(clients.one()) for _ in range(CLIENTS)]
        while len(clients.delays) < CLIENTS:
            await asyncio.sleep(0.1)
        await asyncio.to_thread(site.postgres.start)
        back_at = time.monotonic()
        ids = await asyncio.gather(*tasks)
    return clients, ids, time.monotonic() - back_at


def test_f41_a_thousand_clients_that_were_refused_are_all_accepted_within_a_minute(here: Site, api: Api) -> None:
    here.postgres.stop()
    clients, ids, took_s = asyncio.run(herd(here, api))
    assert took_s < 60.0
    assert len(set(ids)) == CLIENTS
    with reading(here.engine) as connection:
        count = select(func.count()).select_from(Job).where(Job.project == "herd")
        assert connection.execute(count).scalar_one() == CLIENTS  # each once, however often it was asked for
    shares = Counter(clients.delays)
    assert len(shares) >= 5
    assert max(shares.values()) < len(clients.delays) / 2
    assert max(clients.came_back) - min(clients.came_back) >= 5.0
