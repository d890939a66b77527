import json

from tracking.links import Links
from tracking.mlflow import PROJECT_TAG, Experiment
from tracking.views import NOTE_TAG, VIEW_TAG, new_tags

NEW = Experiment("7", "p", 1_000, {})
LINKS = Links("http://page", "http://mlflow")


def test_a_new_experiment_gets_its_project_a_view_and_a_note_and_then_nothing_more() -> None:
    made = new_tags(NEW, LINKS)
    assert made.keys() == {PROJECT_TAG, VIEW_TAG, NOTE_TAG}
    assert made[PROJECT_TAG] == "p"
    assert "(http://page/#/jobs)" in made[NOTE_TAG]
    view = "http://mlflow/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=epochal"
    assert f"({view})" in made[NOTE_TAG]
    assert new_tags(Experiment("7", "p", 1_000, made), LINKS) == {}
    assert len(made[VIEW_TAG]) < 20_000  # as much as MLflow keeps


def test_our_note_follows_the_address_and_a_person_s_note_stays() -> None:
    made = new_tags(NEW, LINKS)
    assert new_tags(Experiment("7", "p", 1_000, made), Links("http://moved", "")).keys() == {NOTE_TAG}
    theirs = {**made, NOTE_TAG: "Do not touch."}
    assert new_tags(Experiment("7", "p", 1_000, theirs), Links("http://moved", "")) == {}


def test_without_addresses_there_are_no_links() -> None:
    assert new_tags(NEW, Links())[NOTE_TAG] == "Jobs of the project p."


def test_train_and_validation_share_a_chart_and_the_best_come_last() -> None:
    charts = json.loads(json.loads(new_tags(NEW, LINKS)[VIEW_TAG])["state"])["compareRunCharts"]
    shown = [chart for chart in charts if not chart["deleted"]]
    assert shown[0]["selectedMetricKeys"] == ["train_loss", "val_loss"]
    best = [chart["metricKey"].startswith("best_") for chart in shown]
    assert best == sorted(best)
    assert len({chart["uuid"] for chart in charts}) == len({chart["metricKey"] for chart in charts}) == len(charts)
