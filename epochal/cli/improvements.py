"""Commands about improvements."""

from typing import Annotated

import typer

from spec.counterfactuals import SEEDS
from spec.improvement import MOST_SEEDS

from ..client import Api
from ..client.find import find_job
from .console import Json
from .help import add
from .improved import answer_improvements, print_improvements
from .job_ids import JobId

Wait = Annotated[bool, typer.Option("--wait", "-w", help="Wait until all counterfactuals have ended.")]
Seeds = Annotated[int, typer.Option(min=2, max=MOST_SEEDS, help="Seeds of the job and of each counterfactual.")]


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    add(app, improve, panel=panel)


def improve(job_id: JobId, seeds: Seeds = SEEDS, wait: Wait = False, as_json: Json = False) -> None:
    """Try what may improve a job, and say which change helps.

    Other learning rates, widths, dropout and more are trained beside the job, each with the same seeds. The same
    command again shows how far they are.

    Examples:
      epochal improve @last --wait
      epochal improve 4f2a91c7 --seeds 10

    """
    with Api() as client:
        full = find_job(client, job_id)
        if wait:
            answer_improvements(client, [full], seeds=seeds, as_json=as_json)
        else:
            print_improvements([client.improve(full, seeds=seeds)], as_json=as_json)
