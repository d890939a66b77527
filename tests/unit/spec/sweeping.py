"""Sweeps to ask about."""

from typing import Any

from spec.sweep import SweepSpec

BASE: dict[str, Any] = {"dataset": "digits", "architecture": {"type": "mlp", "hidden": [32]}, "epochs": 81}


def sweep(space: dict[str, Any] | None = None, **fields: Any) -> SweepSpec:
    space = {"learning_rate": {"log_uniform": [1e-5, 0.3]}} if space is None else space
    return SweepSpec.model_validate({"base": BASE, "space": space, **fields})
