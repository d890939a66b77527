"""The saved view of an experiment in MLflow: validation columns in its table, train and validation in one chart.

MLflow keeps a saved view as a tag of the experiment, lists it in its menu, and opens it by `?viewStateShareKey=KEY`.
The form is that of MLflow 3.17's page, and is documented nowhere. A page that does not know it shows its defaults.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from spec.monitors import Monitor

from .links import Links
from .mlflow import PROJECT_TAG, Experiment

KEY = "epochal"
"""Of the view in its link."""
VIEW_TAG = f"mlflow.sharedViewState.{KEY}"
NOTE_TAG = "mlflow.note.content"
NOTE = "Jobs of the project"
"""How our note begins: another is a person's, and stays."""

CURVES, BEST = "curves", "best"
"""Ids of the sections of charts."""
COLUMNS = ("best_val_loss", "best_val_accuracy", "best_val_rmse", "val_loss", "train_loss", "generalization_gap")
"""Metrics in the table; those that no run has are left out. Another wide column would move them out of sight."""

MONITORS: tuple[str, ...] = get_args(Monitor)


def new_tags(experiment: Experiment, links: Links) -> Mapping[str, str]:
    """The tags that an experiment lacks or has otherwise: its project, the view, a note if no person wrote one."""
    wanted = {PROJECT_TAG: experiment.name, VIEW_TAG: _view(experiment.created_ms)}
    if experiment.tags.get(NOTE_TAG, NOTE).startswith(NOTE):
        wanted[NOTE_TAG] = _note(experiment, links)
    return {key: value for key, value in wanted.items() if experiment.tags.get(key) != value}


def _note(experiment: Experiment, links: Links) -> str:
    url = links.view(experiment.id, KEY)
    view = f"\n\n[Validation metrics and curves]({url}): the saved view of this experiment." if url else ""
    return f"{NOTE} {experiment.name}.{links.to_jobs()}{view}"


def _view(at_ms: int) -> str:
    state = {
        "selectedColumns": [f"metrics.`{name}`" for name in COLUMNS],
        "compareRunCharts": list(_charts()),
        "compareRunSections": [_section(CURVES, "Model metrics"), _section(BEST, "Best epoch")],
        "isAccordionReordered": True,  # else MLflow sorts the sections by name
    }
    return json.dumps({"name": "Epochal", "createdAt": at_ms, "updatedAt": at_ms, "state": json.dumps(state)})


def _section(key: str, name: str) -> dict[str, Any]:
    # To a section that somebody ordered, MLflow adds charts of further metrics at the end.
    shown = {"display": True, "columns": 2, "isReordered": True, "deleted": False, "isGenerated": True}
    return {"uuid": key, "name": name, **shown}


def _charts() -> Iterator[dict[str, Any]]:
    """A chart for each validation metric, with that of training if there is one; then the best epoch's, as bars."""
    validated = [name.removeprefix("val_") for name in MONITORS if name.startswith("val_")]
    for name in validated:
        if f"train_{name}" not in MONITORS:
            yield _line(f"val_{name}", [f"val_{name}"])
            continue
        yield _line(f"train_{name}", [f"train_{name}", f"val_{name}"])
        yield _line(f"val_{name}", [f"val_{name}"]) | {"deleted": True}  # else MLflow adds a chart of its own
    for name in ("generalization_gap", "learning_rate"):
        yield _line(name, [name])
    for name in [*validated, "log_loss"]:
        # If it were generated, MLflow would make a line of one point of it.
        yield _chart(f"best_val_{name}", "BAR", BEST) | {"isGenerated": False}


def _line(metric: str, metrics: list[str]) -> dict[str, Any]:
    return _chart(metric, "LINE", CURVES) | {
        "selectedMetricKeys": metrics,
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "range": {},
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "lineSmoothness": 0,
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }


def _chart(metric: str, kind: str, section: str) -> dict[str, Any]:
    return {
        "uuid": f"{KEY}-{metric}",
        "type": kind,
        "metricSectionId": section,
        "metricKey": metric,
        "displayName": metric,
        "runsCountToCompare": 10,
        "isGenerated": True,
        "deleted": False,
    }
