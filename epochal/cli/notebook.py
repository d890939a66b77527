"""A lesson as a notebook (nbformat 4)."""

import json
from collections.abc import Iterator
from typing import Any

from spec.lesson import LessonView


def notebook_of(taught: LessonView) -> str:
    """The notebook's JSON: the question, cells that run the lesson, what is seen and why."""
    cells = [{**cell, "id": f"cell-{number}"} for number, cell in enumerate(_cells(taught), start=1)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    body = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def _cells(taught: LessonView) -> Iterator[dict[str, Any]]:
    answers = "\n".join(f"{number}. {answer}" for number, answer in enumerate(taught.prediction.answers, start=1))
    yield _text(f"# {taught.title}\n\n{taught.question}\n\n**Predict first.** {taught.prediction.ask}\n\n{answers}")
    yield _code("from epochal import Client\n\nclient = Client()  # finds the stack that `epochal up` started")
    yield _code(f"specs = {_literal(taught.jobs)}")
    yield _code("jobs = dict(zip(specs, client.wait(client.submit_many(list(specs.values()))), strict=True))")
    metric = taught.shown[0]
    yield _code(
        "from matplotlib import pyplot\n\n"
        "axes = pyplot.figure(figsize=(8, 5)).gca()\n"
        "for run, job in jobs.items():\n"
        "    curve = job.curve()\n"
        f'    axes.plot(curve["epoch"], curve["{metric}"], label=run)\n'
        f'axes.set(xlabel="epoch", ylabel="{metric.replace("_", " ")}")\n'
        "axes.legend()"
    )
    right = taught.prediction.answers[taught.prediction.right - 1]
    yield _text(f"**Answer:** {right}.\n\n**What is seen.** {taught.seen}\n\n**Why.** {taught.why}")


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _code(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, "execution_count": None, "outputs": []}


def _literal(jobs: dict[str, dict[str, Any]]) -> str:
    """The jobs as Python, a line each."""
    return "{\n" + "".join(f"    {run!r}: {body!r},\n" for run, body in jobs.items()) + "}"
