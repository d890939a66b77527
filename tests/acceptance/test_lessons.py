"""Lessons as people meet them: over HTTP, as a command, as a notebook."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib import pyplot

from epochal.errors import NotFoundError

from .embedded import Embedded, await_value


@pytest.fixture
def drawn() -> Iterator[None]:
    mpl.use("agg")
    yield
    pyplot.close("all")


def test_a_lesson_runs_and_shows_what_it_claims(stack: Embedded) -> None:
    shown = stack.epochal("lesson", "losses").stdout
    assert "✓ mse: training loss 0.9" in shown
    assert "✗" not in shown
    assert "It is answer" not in shown  # nobody was asked, for this is no terminal


def test_all_lessons_are_listed_and_another_name_is_refused_with_the_names(stack: Embedded) -> None:
    with stack.client() as client:
        listed = client.lessons()
        with pytest.raises(NotFoundError, match="there are bias, identity, "):
            client.lesson("speed")
    assert len(listed) == 12
    assert (listed[0].name, listed[0].title) == ("bias", "A perceptron, and what a bias does")


@pytest.mark.usefixtures("drawn")
def test_a_lesson_is_a_notebook_that_runs(stack: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_URL", stack.endpoints.api)
    monkeypatch.setenv("EPOCHAL_TOKEN", stack.endpoints.token)
    with stack.client() as client:
        await_value(client.workers)
    file = tmp_path / "lesson.ipynb"
    stack.epochal("lesson", "losses", "--notebook", str(file))
    names: dict[str, Any] = {}
    for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile(cell["source"], "cell", "exec"), names)  # noqa: S102 - a notebook that users run
    assert len(names["axes"].lines) == 2
    names["client"].close()
