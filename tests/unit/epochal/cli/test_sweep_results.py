from epochal.cli.sweep_results import _csv
from spec.sweep_views import TrialView


def test_a_column_has_a_name_of_its_own_though_the_learning_rate_at_the_end_is_a_metric() -> None:
    how = {"number": 0, "generation": 0, "state": "finished", "score": 0.5, "deviation": None, "epochs": 3}
    what = {"configuration": {"learning_rate": 0.1}, "metrics": {"val_loss": 0.5, "learning_rate": 0.05}}
    trial = TrialView.model_validate({**how, **what, "jobs": [], "links": {}})
    assert _csv([trial]) == (
        "number,state,score,deviation,epochs_trained,learning_rate,val_loss\n0,finished,0.5,,3,0.1,0.5\n"
    )
