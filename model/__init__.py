"""A finished model as anybody can use it: how rows become features, and what a network says of them.

The trainer prepares its rows with it, the API predicts with it. Knows the contract and NumPy, and not PyTorch.
"""

WEIGHTS, SPEC, PREPROCESSING = "model.safetensors", "spec.json", "preprocessing.json"
"""The files of a model."""

REPORT = "report.json"
"""What it is worth on rows it was not trained on (`model.report`)."""
