"""`epochal lesson` with runs that showed less than the lesson wants."""

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from epochal.cli.app import app

from ..jobs import job

LESSON = """
title: A title
idea: an idea
question: Why?
prediction: {ask: Which, answers: [a, b], right: 2}
base: {dataset: iris, epochs: 3}
runs: {early: {}}
shown: [train_loss]
seen: This.
why: That.
claims: [{run: early, metric: train_loss, at: 2, below: 1.0}]
"""


@pytest.mark.parametrize(
    ("curve", "shown"),
    [({"epoch": [1.0], "train_loss": [0.5]}, "0.5"), ({"epoch": [], "train_loss": []}, "-"), ({}, "-")],
    ids=["too few epochs", "no epoch", "no curve"],
)
def test_a_claim_of_what_a_run_did_not_show_does_not_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], curve: Any, shown: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(LESSON)
    client = MagicMock()
    client.return_value.__enter__.return_value.curve.return_value = curve
    monkeypatch.setattr("epochal.cli.lessons.Api", client)
    monkeypatch.setattr("epochal.cli.lessons.follow_to_end", lambda *_: [job(status="succeeded")])
    with pytest.raises(SystemExit) as ended:
        app(["lesson", str(file)], prog_name="epochal")
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "✗ early: training loss at epoch 2 was not measured" in out
    assert next(line.split()[-1] for line in out.splitlines() if line.split()[:1] == ["early"]) == shown
