from typing import Any

from epochal.client import Api
from spec.views import JobView

from .embedded import await_value

COUNT = 16


def specs() -> list[dict[str, Any]]:
    """Digits MLPs of one shape that differ in all that members of a pack may differ in."""
    return [
        {
            "dataset": "digits",
            "architecture": {"type": "mlp", "hidden": [32, 16]},
            "learning_rate": 0.0005 * (1 + index % 8),
            "dropout": 0.1 * (index % 5),
            "weight_decay": 1e-4 * (index % 3),
            "seed": index,
            "split_seed": index % 2,
            "batch_size": 64,
            "epochs": 2 + index % 2,
            "patience": 2 if index % 4 == 0 else None,
        }
        for index in range(COUNT)
    ]


def trained(client: Api, ids: list[str]) -> list[JobView]:
    """These jobs, once all have succeeded."""
    await_value(lambda: all(client.job(job_id).status == "succeeded" for job_id in reversed(ids)), 180.0, 0.1)
    return [client.job(job_id) for job_id in ids]


def test_a_bulk_trained_in_packs_has_the_curves_each_job_has_alone(client: Api) -> None:
    packed = trained(client, client.submit_many(specs()))
    assert max(job.pack_size or 0 for job in packed) > 1
    # Each waits for the one before it, so that there is nothing to pack it with. Every third is enough.
    alone = [trained(client, [client.submit(spec).id])[0] for spec in specs()[1::3]]
    assert {job.pack_size for job in alone} == {1}
    for in_pack, by_itself in zip(packed[1::3], alone, strict=True):
        assert client.curve(in_pack.id) == client.curve(by_itself.id), f"{in_pack.spec.seed} differs from itself alone"
        assert in_pack.best == by_itself.best
        assert in_pack.stop_reason == by_itself.stop_reason
