"""Names of metrics."""

from spec.monitors import is_of_one_target, names_in_metrics


def test_targets_are_called_by_their_letters_in_metrics() -> None:
    assert names_in_metrics(["Price (EUR)", "Größe", "price eur", "身長", "<b>x</b>", "y 1", "a" * 99]) == [
        *("price_eur", "grosse", "price_eur_3", "4", "b_x_b", "y_1", "a" * 30),
    ]


def test_a_metric_of_one_target_is_known_by_its_name() -> None:
    of_one = [
        "val_price_mae",
        "test_r2_r2",
        "train_y_1_rmse",
        "val_loss",
        "val_r2",
        "val_mae",
        "test_rmse",
        "val_roc_auc",
    ]
    assert [name for name in of_one if is_of_one_target(name)] == ["val_price_mae", "test_r2_r2", "train_y_1_rmse"]
