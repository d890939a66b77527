"""Finished models: preprocessing from rows to features, and predictions.

The trainer preprocesses its rows with it, and the API predicts with it. It imports `spec/` and NumPy, not PyTorch.
"""

WEIGHTS, SPEC, PREPROCESSING = "model.safetensors", "spec.json", "preprocessing.json"
"""The files of a model."""

OPTIMIZER = "optimizer.safetensors"
"""The optimizer's state, if it is kept."""

REPORT = "report.json"
"""Its metrics on validation and test rows (`model.report`)."""
