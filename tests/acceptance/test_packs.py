from pathlib import Path
from typing import Any

from epochal import Client
from spec.views import Curve, JobView

from .embedded import Embedded, await_value

COUNT = 24


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


def trained(client: Client) -> tuple[list[JobView], list[Curve]]:
    ids = client.submit_many(specs())
    await_value(lambda: all(client.job(job_id).status == "succeeded" for job_id in reversed(ids)), 180.0, 0.3)
    return [client.job(job_id) for job_id in ids], [client.curve(job_id) for job_id in ids]


def test_a_bulk_trained_in_packs_has_the_curves_each_job_has_alone(
    client: Client, stack: Embedded, tmp_path: Path
) -> None:
    packed, packed_curves = trained(client)
    assert max(job.pack_size or 0 for job in packed) > 1

    alone = Embedded(
        tmp_path / "alone", environ={"EPOCHAL_PACK_LIMIT": "1", "EPOCHAL_MLFLOW_URL": stack.endpoints.mlflow}
    )
    try:
        alone.start()
        with alone.client() as client_alone:
            single, single_curves = trained(client_alone)
    finally:
        alone.stop()
    assert {job.pack_size for job in single} == {1}
    for index in range(COUNT):
        assert packed_curves[index] == single_curves[index], f"job {index} differs from itself alone"
        assert packed[index].best == single[index].best
        assert packed[index].stop_reason == single[index].stop_reason
