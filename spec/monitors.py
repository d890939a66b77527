"""The metrics that can decide which epoch is best."""

from typing import Literal

Monitor = Literal[
    "val_loss",
    "val_accuracy",
    "val_balanced_accuracy",
    "val_macro_f1",
    "val_roc_auc",
    "val_mae",
    "val_rmse",
    "val_r2",
    "train_loss",
    "train_accuracy",
    "train_balanced_accuracy",
]
REGRESSION_METRICS = frozenset({"val_mae", "val_rmse", "val_r2"})
LOWER_IS_BETTER = frozenset({"val_loss", "train_loss", "val_mae", "val_rmse"})
"""Metrics that improve when they fall; all others improve when they rise."""
